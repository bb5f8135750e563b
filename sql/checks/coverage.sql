-- Fewer cells than before in a partition that no delivery touched: rows left core without a delivery that explains it.
WITH cells_before AS (
    SELECT
        partition_key,
        count(*) AS n
    FROM pg_temp.before
    GROUP BY partition_key
),

cells_fresh AS (
    SELECT
        partition_key,
        count(*) AS n
    FROM pg_temp.fresh
    GROUP BY partition_key
)

SELECT
    cells_before.partition_key,
    cells_before.n || ' cells before, ' || coalesce(cells_fresh.n, 0) || ' now, and no delivery touched it' AS problem
FROM cells_before
LEFT JOIN cells_fresh ON cells_before.partition_key = cells_fresh.partition_key
WHERE
    coalesce(cells_fresh.n, 0) < cells_before.n
    AND cells_before.partition_key NOT IN (SELECT touched.partition_key FROM pg_temp.touched)
