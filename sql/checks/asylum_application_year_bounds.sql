-- An interval the wrong way round, a figure outside its interval, or one that is stated although a part is withheld.
SELECT
    partition_key,
    count(*) || ' cells whose figure and interval do not fit' AS problem
FROM pg_temp.fresh
WHERE
    n_applied_low < 0
    OR n_applied_high < n_applied_low
    OR n_applied NOT BETWEEN n_applied_low AND n_applied_high
    OR (n_applied IS NULL) <> (n_withheld > 0)
    OR (n_withheld = 0 AND n_applied_low <> n_applied_high)
    OR n_withheld > n_records
GROUP BY partition_key
