-- An interval the wrong way round, a figure outside its interval, or one that is stated although a part is withheld.
SELECT
    partition_key,
    count(*) || ' cells whose figure and interval do not fit' AS problem
FROM pg_temp.fresh
WHERE
    n_persons_low < 0
    OR n_persons_high < n_persons_low
    OR n_persons NOT BETWEEN n_persons_low AND n_persons_high
    OR (n_persons IS NULL) <> (n_withheld > 0)
    OR (n_withheld = 0 AND n_persons_low <> n_persons_high)
    OR n_withheld > n_records
GROUP BY partition_key
