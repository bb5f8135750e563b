WITH part AS (
    SELECT
        year::text AS partition_key,
        source_id,
        origin_code,
        asylum_code,
        procedure_code,
        application_type_code,
        decision_level_code,
        unit_code,
        delivery_id,
        sum(n_applied) AS n_applied,
        sum(n_applied_low) AS n_applied_low,
        sum(n_applied_high) AS n_applied_high,
        count(*) AS n_records,
        count(*) FILTER (WHERE is_withheld) AS n_withheld
    FROM core.asylum_application
    WHERE :touched
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
)

SELECT
    partition_key,
    source_id,
    origin_code,
    asylum_code,
    procedure_code,
    application_type_code,
    decision_level_code,
    unit_code,
    CASE WHEN sum(n_withheld) = 0 THEN sum(n_applied)::bigint END AS n_applied,
    sum(n_applied_low)::bigint AS n_applied_low,
    sum(n_applied_high)::bigint AS n_applied_high,
    sum(n_records)::bigint AS n_records,
    sum(n_withheld)::bigint AS n_withheld,
    array_agg(delivery_id ORDER BY delivery_id) AS deliveries
FROM part
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
