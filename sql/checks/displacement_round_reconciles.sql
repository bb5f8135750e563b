-- Sums of the cells against sums of the records, operation by operation.
WITH facts AS (
    SELECT
        operation AS partition_key,
        count(*) AS n_records,
        sum(n_persons) AS n_persons
    FROM core.displacement
    WHERE :touched
    GROUP BY operation
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
    coalesce(cells.n_records, 0) || ' records in the cells, ' || coalesce(facts.n_records, 0) || ' in core' AS problem
FROM facts
FULL JOIN cells ON facts.partition_key = cells.partition_key
WHERE (facts.n_records, facts.n_persons) IS DISTINCT FROM (cells.n_records, cells.n_persons)
