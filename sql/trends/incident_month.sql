-- What a confirmed pair leaves to another source is not counted here (core.incident_told_elsewhere).
-- Grouped by delivery first: the list of deliveries needs no sort of all facts.
WITH part AS (
    SELECT
        to_char(incident_date, 'YYYY-MM') AS partition_key,
        source_id,
        region_code,
        route_code,
        country_code,
        delivery_id,
        count(*) AS n_incidents,
        sum(n_dead) AS n_dead,
        sum(n_missing) AS n_missing,
        sum(coalesce(n_dead_and_missing, n_dead + coalesce(n_missing, 0), n_missing)) AS n_dead_and_missing,
        sum(n_survivors) AS n_survivors,
        min(source_quality) AS source_quality_lowest,
        sum(source_quality) AS source_quality_sum,
        count(source_quality) AS source_quality_n
    FROM core.incident
    WHERE
        :touched
        AND NOT EXISTS (
            SELECT FROM core.incident_told_elsewhere AS e
            WHERE e.source_id = incident.source_id AND e.record_key = incident.record_key
        )
    GROUP BY 1, 2, 3, 4, 5, 6
)

SELECT
    partition_key,
    source_id,
    region_code,
    route_code,
    country_code,
    sum(n_incidents)::bigint AS n_incidents,
    sum(n_dead)::bigint AS n_dead,
    sum(n_missing)::bigint AS n_missing,
    sum(n_dead_and_missing)::bigint AS n_dead_and_missing,
    sum(n_survivors)::bigint AS n_survivors,
    min(source_quality_lowest) AS source_quality_lowest,
    round(sum(source_quality_sum)::numeric / nullif(sum(source_quality_n), 0), 2)::numeric(4, 2) AS source_quality_mean,
    array_agg(delivery_id ORDER BY delivery_id) AS deliveries
FROM part
GROUP BY 1, 2, 3, 4, 5
