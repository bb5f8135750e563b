-- All published figures in one shape. Indicators and columns are constants or plain columns, so that a filter on
-- country, period or indicator reaches the tables and their indexes.
DROP VIEW IF EXISTS trends.cell;
CREATE VIEW trends.cell AS
WITH refreshed AS (
    SELECT
        trend_table,
        max(finished_at) AS refreshed_at
    FROM meta.refresh
    WHERE is_swapped
    GROUP BY trend_table
)

SELECT
    figure.indicator,
    figure.country_code,
    figure.period,
    figure.place,
    figure.profile,
    figure.sources,
    figure.n,
    figure.base,
    figure.value,
    figure.low,
    figure.high,
    figure.unit,
    figure.is_suppressed,
    figure.caveat,
    refreshed.refreshed_at
FROM (
    SELECT
        indicator_id AS indicator,
        country_code,
        period,
        nullif(place, '') AS place,
        CASE WHEN profile = 'all' THEN 'all' ELSE profile || '=' || profile_value END AS profile,
        sources,
        n,
        base,
        value::numeric AS value,
        low::numeric AS low,
        high::numeric AS high,
        'share' AS unit,
        is_suppressed,
        caveat,
        'survey_indicator' AS trend_table
    FROM trends.survey_indicator

    UNION ALL

    SELECT
        measure.indicator,
        c.country_code,
        c.partition_key,
        nullif(concat_ws(' / ', c.region_code, c.route_code), ''),
        'all',
        ARRAY[c.source_id],
        c.n_incidents,
        null,
        measure.amount AS value,
        measure.amount AS low,
        CASE WHEN measure.indicator = 'incidents' THEN measure.amount END,
        measure.unit,
        false,
        'Minimum estimate: many deaths are never recorded. Sources overlap and must not be added up.',
        'incident_month'
    FROM trends.incident_month AS c
    CROSS JOIN
        LATERAL (
            VALUES
            ('incidents', c.n_incidents::numeric, 'incidents'),
            ('deaths', c.n_dead::numeric, 'persons'),
            ('missing', c.n_missing::numeric, 'persons'),
            ('dead-and-missing', c.n_dead_and_missing::numeric, 'persons'),
            ('survivors', c.n_survivors::numeric, 'persons')
        ) AS measure (indicator, amount, unit)
    WHERE measure.amount IS NOT null

    UNION ALL

    SELECT
        'population-by-asylum',
        asylum_code,
        partition_key,
        null,
        'population_type=' || population_type_code || '; origin=' || origin_code,
        ARRAY[source_id],
        n_records,
        null,
        n_persons::numeric,
        n_persons_low::numeric,
        n_persons_high::numeric,
        'persons',
        false,
        'At the end of the year. Figures of 1 to 4 people are withheld by the source and stand as an interval.',
        'population_year'
    FROM trends.population_year

    UNION ALL

    SELECT
        'population-by-origin',
        origin_code,
        partition_key,
        null,
        'population_type=' || population_type_code || '; asylum=' || asylum_code,
        ARRAY[source_id],
        n_records,
        null,
        n_persons::numeric,
        n_persons_low::numeric,
        n_persons_high::numeric,
        'persons',
        false,
        'At the end of the year. Figures of 1 to 4 people are withheld by the source and stand as an interval.',
        'population_year'
    FROM trends.population_year

    UNION ALL

    SELECT
        'asylum-applications-by-asylum',
        asylum_code,
        partition_key,
        null,
        concat_ws(
            '; ', 'origin=' || origin_code, 'procedure=' || procedure_code, 'type=' || application_type_code,
            'level=' || decision_level_code
        ),
        ARRAY[source_id],
        n_records,
        null,
        n_applied::numeric,
        n_applied_low::numeric,
        n_applied_high::numeric,
        CASE unit_code WHEN 'P' THEN 'persons' WHEN 'C' THEN 'cases' ELSE 'applications' END,
        false,
        'Applications, not people: the same person may apply again, appeal, or apply in several countries.',
        'asylum_application_year'
    FROM trends.asylum_application_year

    UNION ALL

    SELECT
        'asylum-applications-by-origin',
        origin_code,
        partition_key,
        null,
        concat_ws(
            '; ', 'asylum=' || asylum_code, 'procedure=' || procedure_code, 'type=' || application_type_code,
            'level=' || decision_level_code
        ),
        ARRAY[source_id],
        n_records,
        null,
        n_applied::numeric,
        n_applied_low::numeric,
        n_applied_high::numeric,
        CASE unit_code WHEN 'P' THEN 'persons' WHEN 'C' THEN 'cases' ELSE 'applications' END,
        false,
        'Applications, not people: the same person may apply again, appeal, or apply in several countries.',
        'asylum_application_year'
    FROM trends.asylum_application_year

    UNION ALL

    SELECT
        CASE flow_type_code WHEN 'arrival' THEN 'arrivals' WHEN 'detection' THEN 'detections' ELSE 'movements' END,
        destination_code,
        period,
        route_code,
        concat_ws('; ', 'border=' || border_type_code, 'origin=' || origin_code),
        ARRAY[source_id],
        n_records,
        null,
        n_persons::numeric,
        n_persons::numeric,
        n_persons::numeric,
        'crossings',
        false,
        'Crossings, not people: a person who crosses twice is counted twice. Sources overlap and must not be added up.',
        'flow_month'
    FROM trends.flow_month

    UNION ALL

    SELECT
        CASE flow_type_code WHEN 'arrival' THEN 'arrivals' WHEN 'detection' THEN 'detections' ELSE 'movements' END
        || '-by-origin',
        origin_code,
        period,
        route_code,
        concat_ws('; ', 'border=' || border_type_code, 'destination=' || destination_code),
        ARRAY[source_id],
        n_records,
        null,
        n_persons::numeric,
        n_persons::numeric,
        n_persons::numeric,
        'crossings',
        false,
        'Crossings, not people: a person who crosses twice is counted twice. Sources overlap and must not be added up.',
        'flow_month'
    FROM trends.flow_month

    UNION ALL

    SELECT
        'displaced-latest',
        country_code,
        reporting_date::text,
        provider_admin1,
        concat_ws(
            '; ', 'operation=' || partition_key, 'group=' || population_group_code, 'admin_level=' || admin_level,
            'assessment=' || assessment_type, 'origin=' || origin_code, 'round=' || round_number
        ),
        ARRAY[source_id],
        n_records,
        null,
        n_persons::numeric,
        n_persons::numeric,
        n_persons::numeric,
        'persons',
        false,
        'Stock of the latest round. Admin levels and kinds of assessment count the same people again: never add them up.',
        'displacement_latest'
    FROM trends.displacement_latest

    UNION ALL

    SELECT
        'displaced',
        country_code,
        reporting_date::text,
        null,
        concat_ws(
            '; ', 'operation=' || partition_key, 'group=' || population_group_code, 'admin_level=' || admin_level,
            'assessment=' || assessment_type, 'round=' || round_number
        ),
        ARRAY[source_id],
        n_records,
        null,
        n_persons::numeric,
        n_persons::numeric,
        n_persons::numeric,
        'persons',
        false,
        'Stock of one round. Rounds, admin levels and kinds of assessment count the same people again: never add them up.',
        'displacement_round'
    FROM trends.displacement_round
) AS figure
LEFT JOIN refreshed ON figure.trend_table = refreshed.trend_table;

COMMENT ON VIEW trends.cell IS
'All published figures in one shape, one row per figure; what `footprints trends` prints.';
COMMENT ON COLUMN trends.cell.indicator IS
'What is measured: an indicator of the surveys (trends.indicator), or incidents, deaths, missing, dead-and-missing, '
'survivors, population-by-asylum, population-by-origin, asylum-applications-by-asylum, asylum-applications-by-origin, '
'arrivals, detections, movements (and each -by-origin), displaced-latest, displaced.';
COMMENT ON COLUMN trends.cell.country_code IS
'Country of interview, incident, asylum, arrival or displacement; of origin where the indicator ends in -by-origin; '
'ISO 3166-1 alpha-3; null: unknown.';
COMMENT ON COLUMN trends.cell.period IS
'2016, 2016-Q2, 2016-05, 2016-03/2016-05 (first and last month), or the day of a stock, 2016-05-31.';
COMMENT ON COLUMN trends.cell.place IS 'Place, region or route within the country as the source names it; null: all of it.';
COMMENT ON COLUMN trends.cell.profile IS 'Who and what the figure is about: all, or name=value pairs separated by "; ".';
COMMENT ON COLUMN trends.cell.sources IS 'Sources (meta.source) behind the figure.';
COMMENT ON COLUMN trends.cell.n IS
'What the figure rests on: for shares the interviews counted, else the records behind it; null where suppressed.';
COMMENT ON COLUMN trends.cell.base IS 'For shares: interviews that answered, without those excluded; null for counts.';
COMMENT ON COLUMN trends.cell.value IS 'The figure in `unit`; null where a part of it is withheld, or it is suppressed.';
COMMENT ON COLUMN trends.cell.low IS 'Lower bound: 95 % Wilson interval of a share; known minimum of a count.';
COMMENT ON COLUMN trends.cell.high IS
'Upper bound: 95 % Wilson interval of a share; known maximum of a count, null where there is none (deaths).';
COMMENT ON COLUMN trends.cell.unit IS 'share (0 to 1), persons, incidents, crossings, cases, applications.';
COMMENT ON COLUMN trends.cell.is_suppressed IS 'Whether the figure is not published because too few people are behind it.';
COMMENT ON COLUMN trends.cell.caveat IS 'What a reader must know before quoting the figure.';
COMMENT ON COLUMN trends.cell.refreshed_at IS 'When its trend table was last refreshed.';
