-- Sums of the cells against sums of the records, year by year.
WITH facts AS (
    SELECT
        year::text AS partition_key,
        count(*) AS n_records,
        sum(n_persons_low) AS low,
        sum(n_persons_high) AS high,
        count(*) FILTER (WHERE is_withheld) AS n_withheld
    FROM core.population
    WHERE dataset_code = 'totals' AND :touched
    GROUP BY year
),

cells AS (
    SELECT
        partition_key,
        sum(n_records) AS n_records,
        sum(n_persons_low) AS low,
        sum(n_persons_high) AS high,
        sum(n_withheld) AS n_withheld
    FROM pg_temp.fresh
    GROUP BY partition_key
)

SELECT
    coalesce(facts.partition_key, cells.partition_key) AS partition_key,
    coalesce(cells.n_records, 0) || ' records in the cells, ' || coalesce(facts.n_records, 0) || ' in core; lower bounds '
    || coalesce(cells.low, 0) || ' and ' || coalesce(facts.low, 0) AS problem
FROM facts
FULL JOIN cells ON facts.partition_key = cells.partition_key
WHERE
    (facts.n_records, facts.low, facts.high, facts.n_withheld)
    IS DISTINCT FROM
    (cells.n_records, cells.low, cells.high, cells.n_withheld)
