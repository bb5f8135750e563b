-- Sums of the cells against sums of the records, month by month.
WITH facts AS (
    SELECT
        to_char(date_trunc('month', period_start), 'YYYY-MM') AS partition_key,
        count(*) AS n_records,
        sum(n_persons) AS n_persons
    FROM core.flow
    WHERE :touched
    GROUP BY date_trunc('month', period_start)
),

cells AS (
    SELECT
        partition_key,
        sum(n_records) AS n_records,
        sum(n_persons) AS n_persons
    FROM pg_temp.fresh
    GROUP BY partition_key
)

SELECT
    coalesce(facts.partition_key, cells.partition_key) AS partition_key,
    coalesce(cells.n_persons, 0) || ' people in the cells, ' || coalesce(facts.n_persons, 0) || ' in core' AS problem
FROM facts
FULL JOIN cells ON facts.partition_key = cells.partition_key
WHERE (facts.n_records, facts.n_persons) IS DISTINCT FROM (cells.n_records, cells.n_persons)
