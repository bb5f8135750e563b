-- Negative counts, or a cell without records.
SELECT
    partition_key,
    count(*) || ' cells with a negative count or without records' AS problem
FROM pg_temp.fresh
WHERE least(n_persons, n_households, n_male, n_female) < 0 OR n_records < 1
GROUP BY partition_key
