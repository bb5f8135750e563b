-- A count over several months stays a cell of its own, under the month in which it starts: it cannot be split.
WITH part AS (
    SELECT
        to_char(period_start, 'YYYY-MM') AS partition_key,
        CASE
            WHEN date_trunc('month', period_start) = date_trunc('month', period_end)
                THEN to_char(period_start, 'YYYY-MM')
            ELSE to_char(period_start, 'YYYY-MM') || '/' || to_char(period_end, 'YYYY-MM')
        END AS period,
        source_id,
        flow_type_code,
        destination_code,
        origin_code,
        route_code,
        border_type_code,
        delivery_id,
        sum(n_persons) AS n_persons,
        count(*) AS n_records
    FROM core.flow
    WHERE :touched
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
)

SELECT
    partition_key,
    period,
    source_id,
    flow_type_code,
    destination_code,
    origin_code,
    route_code,
    border_type_code,
    sum(n_persons)::bigint AS n_persons,
    sum(n_records)::bigint AS n_records,
    array_agg(delivery_id ORDER BY delivery_id) AS deliveries
FROM part
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
