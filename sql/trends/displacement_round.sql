-- Records of one round may carry several reporting dates; without a round number, each date is a round.
SELECT
    operation AS partition_key,
    source_id,
    country_code,
    population_group_code,
    admin_level,
    assessment_type,
    round_number,
    max(reporting_date) AS reporting_date,
    min(reporting_date) AS reporting_date_first,
    sum(n_persons)::bigint AS n_persons,
    sum(n_households)::bigint AS n_households,
    sum(n_male)::bigint AS n_male,
    sum(n_female)::bigint AS n_female,
    count(DISTINCT coalesce(place_code, concat_ws('|', provider_admin1, provider_admin2, provider_admin3, provider_place)))
        AS n_places,
    count(*) AS n_records,
    array_agg(DISTINCT delivery_id ORDER BY delivery_id) AS deliveries
FROM core.displacement
WHERE :touched
GROUP BY
    operation, source_id, country_code, population_group_code, admin_level, assessment_type, round_number,
    CASE WHEN round_number IS NULL THEN reporting_date END
