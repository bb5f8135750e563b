-- Figures that do not fit together, or more answers in the base than there are interviews of that country.
SELECT
    partition_key,
    count(*) || ' cells whose n, base, share and interval do not fit' AS problem
FROM pg_temp.fresh
WHERE
    n < 0
    OR n > base
    OR value <> round(n::numeric / nullif(base, 0), 6)
    OR value NOT BETWEEN low AND high
    OR low < 0
    OR high > 1
    OR (value IS NULL) <> is_suppressed
GROUP BY partition_key

UNION ALL

SELECT
    cells.partition_key,
    'an indicator rests on ' || cells.n_answers || ' interviews of a year, core has ' || facts.n AS problem
FROM (
    SELECT
        partition_key,
        period,
        max(base + n_excluded) AS n_answers
    FROM pg_temp.fresh
    WHERE period_type = 'year' AND profile = 'all'
    GROUP BY partition_key, period
) AS cells
LEFT JOIN (
    SELECT
        interview_country_code AS partition_key,
        to_char(interview_date, 'YYYY') AS period,
        count(*) AS n
    FROM core.interview
    WHERE :touched
    GROUP BY 1, 2
) AS facts
    ON cells.partition_key = facts.partition_key AND cells.period = facts.period
WHERE cells.n_answers > coalesce(facts.n, 0)
