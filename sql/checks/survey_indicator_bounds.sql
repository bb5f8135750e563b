-- Figures that do not fit together, or more answers to a question than there are interviews of that country and year.
WITH cells AS (
    SELECT
        partition_key,
        period,
        max(base + n_excluded) AS n_answers
    FROM pg_temp.fresh
    WHERE period_type = 'year' AND profile = 'all'
    GROUP BY partition_key, period
),

facts AS (
    SELECT
        interview_country_code AS partition_key,
        to_char(interview_date, 'YYYY') AS period,
        count(*) AS n
    FROM core.interview_current
    WHERE :touched
    GROUP BY interview_country_code, to_char(interview_date, 'YYYY')
)

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
    'a question has ' || cells.n_answers || ' answers in ' || cells.period || ', core has ' || coalesce(facts.n, 0)
    || ' interviews' AS problem
FROM cells
LEFT JOIN facts ON cells.partition_key = facts.partition_key AND cells.period = facts.period
WHERE cells.n_answers > coalesce(facts.n, 0)
