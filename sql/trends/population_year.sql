WITH part AS (
    SELECT
        year::text AS partition_key,
        source_id,
        origin_code,
        asylum_code,
        population_type_code,
        delivery_id,
        sum(n_persons) AS n_persons,
        sum(n_persons_low) AS n_persons_low,
        sum(n_persons_high) AS n_persons_high,
        count(*) AS n_records,
        count(*) FILTER (WHERE is_withheld) AS n_withheld
    FROM core.population
    WHERE dataset_code = 'totals' AND :touched
    GROUP BY 1, 2, 3, 4, 5, 6
)

SELECT
    partition_key,
    source_id,
    origin_code,
    asylum_code,
    population_type_code,
    CASE WHEN sum(n_withheld) = 0 THEN sum(n_persons)::bigint END AS n_persons,
    sum(n_persons_low)::bigint AS n_persons_low,
    sum(n_persons_high)::bigint AS n_persons_high,
    sum(n_records)::bigint AS n_records,
    sum(n_withheld)::bigint AS n_withheld,
    array_agg(delivery_id ORDER BY delivery_id) AS deliveries
FROM part
GROUP BY 1, 2, 3, 4, 5
