-- The latest round is the one with the latest reporting date (then the highest number) of its operation, country, group
-- and level. Only its records count: rounds never add up, and a kind of assessment that it no longer has is no stock.
WITH record AS (
    SELECT
        *,
        coalesce(round_number::text, reporting_date::text) AS round_key
    FROM core.displacement
    WHERE :touched
),

latest AS (
    SELECT DISTINCT ON (source_id, operation, country_code, population_group_code, admin_level)
        source_id,
        operation,
        country_code,
        population_group_code,
        admin_level,
        round_key,
        reporting_date
    FROM record
    ORDER BY
        source_id ASC, operation ASC, country_code ASC, population_group_code ASC, admin_level ASC,
        reporting_date DESC, round_number DESC NULLS LAST
)

SELECT
    record.operation AS partition_key,
    record.source_id,
    record.country_code,
    record.population_group_code,
    record.admin_level,
    record.assessment_type,
    record.provider_admin1,
    record.origin_code,
    CASE
        WHEN grouping(record.provider_admin1) = 0 THEN 'admin1'
        WHEN grouping(record.origin_code) = 0 THEN 'origin'
        ELSE 'total'
    END AS breakdown_code,
    max(record.round_number) AS round_number,
    max(latest.reporting_date) AS reporting_date,
    sum(record.n_persons)::bigint AS n_persons,
    sum(record.n_households)::bigint AS n_households,
    sum(record.n_male)::bigint AS n_male,
    sum(record.n_female)::bigint AS n_female,
    count(DISTINCT coalesce(
        record.place_code,
        concat_ws('|', record.provider_admin1, record.provider_admin2, record.provider_admin3, record.provider_place)
    )) AS n_places,
    count(*) AS n_records,
    array_agg(DISTINCT record.delivery_id ORDER BY record.delivery_id) AS deliveries
FROM record
INNER JOIN latest
    ON
        record.source_id = latest.source_id
        AND record.operation = latest.operation
        AND record.country_code = latest.country_code
        AND record.population_group_code = latest.population_group_code
        AND record.admin_level = latest.admin_level
        AND record.round_key = latest.round_key
GROUP BY
    record.operation, record.source_id, record.country_code, record.population_group_code, record.admin_level,
    record.assessment_type,
    GROUPING SETS ((), (record.provider_admin1), (record.origin_code))
-- A split that no record of the group states would only repeat the total.
HAVING
    grouping(record.provider_admin1, record.origin_code) = 3
    OR (grouping(record.provider_admin1) = 0 AND record.provider_admin1 IS NOT NULL)
    OR (grouping(record.origin_code) = 0 AND record.origin_code IS NOT NULL)
