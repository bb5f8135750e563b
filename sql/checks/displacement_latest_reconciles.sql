-- Each total against the records of core that no later round of the same series replaces; a split never exceeds its total.
WITH record AS (
    SELECT
        d.*,
        max(d.reporting_date) OVER series AS last_date
    FROM core.displacement AS d
    WHERE :touched
    WINDOW series AS (
        PARTITION BY
            d.operation, d.source_id, d.country_code, d.population_group_code, d.admin_level
    )
),

round_of_last_date AS (
    SELECT
        operation,
        source_id,
        country_code,
        population_group_code,
        admin_level,
        max(round_number) AS round_number,
        max(last_date) AS last_date
    FROM record
    WHERE reporting_date = last_date
    GROUP BY operation, source_id, country_code, population_group_code, admin_level
),

facts AS (
    SELECT
        record.operation AS partition_key,
        record.source_id,
        record.country_code,
        record.population_group_code,
        record.admin_level,
        record.assessment_type,
        count(*) AS n_records,
        sum(record.n_persons) AS n_persons
    FROM record
    INNER JOIN round_of_last_date AS r
        ON
            record.operation = r.operation
            AND record.source_id = r.source_id
            AND record.country_code = r.country_code
            AND record.population_group_code = r.population_group_code
            AND record.admin_level = r.admin_level
            AND record.round_number IS NOT DISTINCT FROM r.round_number
            AND (r.round_number IS NOT NULL OR record.reporting_date = r.last_date)
    GROUP BY
        record.operation, record.source_id, record.country_code, record.population_group_code, record.admin_level,
        record.assessment_type
),

split AS (
    SELECT
        partition_key,
        source_id,
        country_code,
        population_group_code,
        admin_level,
        assessment_type,
        sum(n_records) FILTER (WHERE breakdown_code = 'total') AS n_records,
        sum(n_persons) FILTER (WHERE breakdown_code = 'total') AS n_persons,
        greatest(
            sum(n_records) FILTER (WHERE breakdown_code = 'admin1'),
            sum(n_records) FILTER (WHERE breakdown_code = 'origin')
        ) AS n_records_split
    FROM pg_temp.fresh
    GROUP BY partition_key, source_id, country_code, population_group_code, admin_level, assessment_type
)

SELECT
    coalesce(facts.partition_key, split.partition_key) AS partition_key,
    coalesce(split.n_records, 0) || ' records in the total, ' || coalesce(facts.n_records, 0)
    || ' of the latest round in core' AS problem
FROM facts
FULL JOIN split
    ON
        facts.partition_key = split.partition_key
        AND facts.source_id = split.source_id
        AND facts.country_code = split.country_code
        AND facts.population_group_code = split.population_group_code
        AND facts.admin_level = split.admin_level
        AND coalesce(facts.assessment_type, '') = coalesce(split.assessment_type, '')
WHERE
    (facts.n_records, facts.n_persons) IS DISTINCT FROM (split.n_records, split.n_persons)
    OR split.n_records_split > split.n_records
