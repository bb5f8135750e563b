-- Negative counts, or a period that does not start in its partition.
SELECT
    partition_key,
    count(*) || ' cells with a negative count or a period that starts elsewhere' AS problem
FROM pg_temp.fresh
WHERE n_persons < 0 OR n_records < 1 OR left(period, 7) <> partition_key
GROUP BY partition_key
