-- Negative counts, or a source quality outside 1 to 5.
SELECT
    partition_key,
    count(*) || ' cells with a negative count or a source quality outside 1 to 5' AS problem
FROM pg_temp.fresh
WHERE
    n_incidents < 1
    OR least(n_dead, n_missing, n_dead_and_missing, n_survivors) < 0
    OR source_quality_lowest NOT BETWEEN 1 AND 5
    OR source_quality_mean NOT BETWEEN source_quality_lowest AND 5
GROUP BY partition_key
