-- The trend tables. A refresh writes them (footprints.trends); nobody else does.
-- `partition_key` is what a delivery touches and a refresh replaces. Sources are never summed with each other: two
-- sources may hold the same event or the same person. Codes may be null (unknown), hence NULLS NOT DISTINCT.

ALTER TABLE meta.refresh ADD COLUMN is_swapped boolean NOT NULL DEFAULT true;
ALTER TABLE meta.refresh ADD COLUMN definition text;
CREATE INDEX refresh_table_idx ON meta.refresh (trend_table, refresh_id);

CREATE TABLE trends.incident_month (
    partition_key text NOT NULL,
    source_id text NOT NULL,
    provider_region text,
    route_code text,
    country_code text,
    n_incidents bigint NOT NULL,
    n_dead bigint,
    n_missing bigint,
    n_dead_and_missing bigint,
    n_survivors bigint,
    source_quality_lowest smallint,
    source_quality_mean numeric(4, 2),
    deliveries bigint[] NOT NULL,
    CONSTRAINT incident_month_cell
    UNIQUE NULLS NOT DISTINCT (partition_key, source_id, provider_region, route_code, country_code)
);
CREATE INDEX incident_month_country_idx ON trends.incident_month (country_code, partition_key);

COMMENT ON TABLE trends.incident_month IS
'Incidents and their dead and missing by month, source, region, route and country. Figures are minimum estimates.';
COMMENT ON COLUMN trends.incident_month.partition_key IS 'Month of the incidents, YYYY-MM.';
COMMENT ON COLUMN trends.incident_month.source_id IS 'Source of the incidents; never add sources up.';
COMMENT ON COLUMN trends.incident_month.provider_region IS 'Region of incident as the source names it; null: not stated.';
COMMENT ON COLUMN trends.incident_month.route_code IS 'Migration route (core.code, domain route); null: unknown.';
COMMENT ON COLUMN trends.incident_month.country_code IS 'Country of incident, ISO 3166-1 alpha-3; null: unknown, or at sea.';
COMMENT ON COLUMN trends.incident_month.n_incidents IS 'Incidents (records).';
COMMENT ON COLUMN trends.incident_month.n_dead IS 'People found dead; null where no incident of the cell states it.';
COMMENT ON COLUMN trends.incident_month.n_missing IS 'People missing; null where no incident of the cell states it.';
COMMENT ON COLUMN trends.incident_month.n_dead_and_missing IS
'People dead or missing as the source totals them; null where no incident of the cell states it.';
COMMENT ON COLUMN trends.incident_month.n_survivors IS 'Survivors; null where no incident of the cell states it.';
COMMENT ON COLUMN trends.incident_month.source_quality_lowest IS 'Lowest source quality among the incidents, 1 (weak) to 5.';
COMMENT ON COLUMN trends.incident_month.source_quality_mean IS 'Mean source quality of the incidents that have one.';
COMMENT ON COLUMN trends.incident_month.deliveries IS 'Deliveries (meta.delivery) that state the records of the cell.';

CREATE TABLE trends.population_year (
    partition_key text NOT NULL,
    source_id text NOT NULL,
    origin_code text NOT NULL,
    asylum_code text NOT NULL,
    population_type_code text NOT NULL,
    n_persons bigint,
    n_persons_low bigint NOT NULL,
    n_persons_high bigint NOT NULL,
    n_records bigint NOT NULL,
    n_withheld bigint NOT NULL,
    deliveries bigint[] NOT NULL,
    CONSTRAINT population_year_cell
    UNIQUE (partition_key, source_id, asylum_code, origin_code, population_type_code)
);
CREATE INDEX population_year_asylum_idx ON trends.population_year (asylum_code, partition_key);
CREATE INDEX population_year_origin_idx ON trends.population_year (origin_code, partition_key);

COMMENT ON TABLE trends.population_year IS
'People of concern at the end of a year by source, origin, asylum and type; totals, not demographics.';
COMMENT ON COLUMN trends.population_year.partition_key IS 'Year, YYYY.';
COMMENT ON COLUMN trends.population_year.source_id IS 'Source of the figures; never add sources up.';
COMMENT ON COLUMN trends.population_year.origin_code IS
'Country of origin, ISO 3166-1 alpha-3; UKN: various or unknown, STA: stateless.';
COMMENT ON COLUMN trends.population_year.asylum_code IS 'Country of asylum, ISO 3166-1 alpha-3.';
COMMENT ON COLUMN trends.population_year.population_type_code IS 'Population type (core.code, domain population_type).';
COMMENT ON COLUMN trends.population_year.n_persons IS 'People; null where a part is withheld: then only the interval is known.';
COMMENT ON COLUMN trends.population_year.n_persons_low IS 'Lower bound of the people: a withheld part counts as its least.';
COMMENT ON COLUMN trends.population_year.n_persons_high IS 'Upper bound of the people: a withheld part counts as its most.';
COMMENT ON COLUMN trends.population_year.n_records IS 'Records that make up the cell.';
COMMENT ON COLUMN trends.population_year.n_withheld IS 'Records among them that the source withholds (published as *).';
COMMENT ON COLUMN trends.population_year.deliveries IS 'Deliveries (meta.delivery) that state the records of the cell.';

CREATE TABLE trends.asylum_application_year (
    partition_key text NOT NULL,
    source_id text NOT NULL,
    origin_code text NOT NULL,
    asylum_code text NOT NULL,
    procedure_code text,
    application_type_code text,
    decision_level_code text,
    unit_code text,
    n_applied bigint,
    n_applied_low bigint NOT NULL,
    n_applied_high bigint NOT NULL,
    n_records bigint NOT NULL,
    n_withheld bigint NOT NULL,
    deliveries bigint[] NOT NULL,
    CONSTRAINT asylum_application_year_cell
    UNIQUE NULLS NOT DISTINCT (
        partition_key, source_id, asylum_code, origin_code, procedure_code, application_type_code,
        decision_level_code, unit_code
    )
);
CREATE INDEX asylum_application_year_asylum_idx ON trends.asylum_application_year (asylum_code, partition_key);
CREATE INDEX asylum_application_year_origin_idx ON trends.asylum_application_year (origin_code, partition_key);

COMMENT ON TABLE trends.asylum_application_year IS
'Asylum applications lodged in a year by source, origin, asylum, procedure, type, level and unit. The same person may '
'apply several times (repeat, appeal) and in several countries.';
COMMENT ON COLUMN trends.asylum_application_year.partition_key IS 'Year, YYYY.';
COMMENT ON COLUMN trends.asylum_application_year.source_id IS 'Source of the figures; never add sources up.';
COMMENT ON COLUMN trends.asylum_application_year.origin_code IS
'Country of origin, ISO 3166-1 alpha-3; UKN: various or unknown, STA: stateless.';
COMMENT ON COLUMN trends.asylum_application_year.asylum_code IS 'Country of asylum, ISO 3166-1 alpha-3.';
COMMENT ON COLUMN trends.asylum_application_year.procedure_code IS
'Who decides: G government, U UNHCR, J both; null: not stated.';
COMMENT ON COLUMN trends.asylum_application_year.application_type_code IS
'Kind of application: N new, R repeat, A appeal, NR and others of the source; null: not stated.';
COMMENT ON COLUMN trends.asylum_application_year.decision_level_code IS
'Level at which it was lodged, in the source''s codes (FI first instance, AR administrative review …); null: not stated.';
COMMENT ON COLUMN trends.asylum_application_year.unit_code IS 'P persons, C cases (a case may be several persons); null: not stated.';
COMMENT ON COLUMN trends.asylum_application_year.n_applied IS
'Applications in `unit_code`; null where a part is withheld: then only the interval is known.';
COMMENT ON COLUMN trends.asylum_application_year.n_applied_low IS 'Lower bound of the applications.';
COMMENT ON COLUMN trends.asylum_application_year.n_applied_high IS 'Upper bound of the applications.';
COMMENT ON COLUMN trends.asylum_application_year.n_records IS 'Records that make up the cell.';
COMMENT ON COLUMN trends.asylum_application_year.n_withheld IS 'Records among them that the source withholds (published as *).';
COMMENT ON COLUMN trends.asylum_application_year.deliveries IS 'Deliveries (meta.delivery) that state the records of the cell.';

CREATE TABLE trends.flow_month (
    partition_key text NOT NULL,
    period text NOT NULL,
    source_id text NOT NULL,
    flow_type_code text NOT NULL,
    destination_code text,
    origin_code text,
    route_code text,
    border_type_code text NOT NULL,
    n_persons bigint NOT NULL,
    n_records bigint NOT NULL,
    deliveries bigint[] NOT NULL,
    CONSTRAINT flow_month_cell
    UNIQUE NULLS NOT DISTINCT (
        partition_key, period, source_id, flow_type_code, destination_code, origin_code, route_code, border_type_code
    )
);
CREATE INDEX flow_month_destination_idx ON trends.flow_month (destination_code, period);
CREATE INDEX flow_month_origin_idx ON trends.flow_month (origin_code, period);

COMMENT ON TABLE trends.flow_month IS
'Arrivals, detections and movements by month, source, type, destination, origin, route and border. Counts of crossings: '
'a person who crosses twice is counted twice.';
COMMENT ON COLUMN trends.flow_month.partition_key IS 'Month in which the period starts, YYYY-MM.';
COMMENT ON COLUMN trends.flow_month.period IS
'Period of the count: YYYY-MM, or YYYY-MM/YYYY-MM where the source counts over several months.';
COMMENT ON COLUMN trends.flow_month.source_id IS 'Source of the counts; never add sources up.';
COMMENT ON COLUMN trends.flow_month.flow_type_code IS
'arrival (people registered on arrival), detection (illegal border-crossings found), movement (seen at a monitoring point).';
COMMENT ON COLUMN trends.flow_month.destination_code IS 'Country of arrival, ISO 3166-1 alpha-3; null: not stated.';
COMMENT ON COLUMN trends.flow_month.origin_code IS 'Nationality or country of origin, ISO 3166-1 alpha-3; null: not stated.';
COMMENT ON COLUMN trends.flow_month.route_code IS 'Migration route (core.code, domain route); null: not stated.';
COMMENT ON COLUMN trends.flow_month.border_type_code IS 'land, sea, air, or all where the source does not split.';
COMMENT ON COLUMN trends.flow_month.n_persons IS 'People counted (crossings).';
COMMENT ON COLUMN trends.flow_month.n_records IS 'Records that make up the cell.';
COMMENT ON COLUMN trends.flow_month.deliveries IS 'Deliveries (meta.delivery) that state the records of the cell.';

CREATE TABLE trends.displacement_round (
    partition_key text NOT NULL,
    source_id text NOT NULL,
    country_code text NOT NULL,
    population_group_code text NOT NULL,
    admin_level smallint NOT NULL,
    assessment_type text,
    round_number integer,
    reporting_date date NOT NULL,
    reporting_date_first date NOT NULL,
    n_persons bigint,
    n_households bigint,
    n_male bigint,
    n_female bigint,
    n_places bigint NOT NULL,
    n_records bigint NOT NULL,
    deliveries bigint[] NOT NULL,
    CONSTRAINT displacement_round_cell
    UNIQUE NULLS NOT DISTINCT (
        partition_key, source_id, country_code, population_group_code, admin_level, assessment_type, round_number,
        reporting_date
    )
);
CREATE INDEX displacement_round_country_idx ON trends.displacement_round (country_code, reporting_date);

COMMENT ON TABLE trends.displacement_round IS
'Displaced people by operation and round: a series of stocks. Rounds and admin levels count the same people again: '
'never add them up.';
COMMENT ON COLUMN trends.displacement_round.partition_key IS 'Operation, as the source names it.';
COMMENT ON COLUMN trends.displacement_round.source_id IS 'Source of the counts; never add sources up.';
COMMENT ON COLUMN trends.displacement_round.country_code IS 'Country where the people are, ISO 3166-1 alpha-3.';
COMMENT ON COLUMN trends.displacement_round.population_group_code IS
'idp, returnee (within the country), returnee-abroad, migrant, host.';
COMMENT ON COLUMN trends.displacement_round.admin_level IS 'Level at which places were assessed, 0 (country) to 5.';
COMMENT ON COLUMN trends.displacement_round.assessment_type IS
'Kind of assessment (BA baseline, SA site …); kinds may count the same people; null: not stated.';
COMMENT ON COLUMN trends.displacement_round.round_number IS 'Round; null where the source numbers none: then the date tells.';
COMMENT ON COLUMN trends.displacement_round.reporting_date IS 'Last reporting date within the round.';
COMMENT ON COLUMN trends.displacement_round.reporting_date_first IS 'First reporting date within the round.';
COMMENT ON COLUMN trends.displacement_round.n_persons IS 'People; null where no record of the cell states it.';
COMMENT ON COLUMN trends.displacement_round.n_households IS 'Households; null where no record of the cell states it.';
COMMENT ON COLUMN trends.displacement_round.n_male IS 'Men and boys; null where no record of the cell states it.';
COMMENT ON COLUMN trends.displacement_round.n_female IS 'Women and girls; null where no record of the cell states it.';
COMMENT ON COLUMN trends.displacement_round.n_places IS 'Places assessed.';
COMMENT ON COLUMN trends.displacement_round.n_records IS 'Records that make up the cell.';
COMMENT ON COLUMN trends.displacement_round.deliveries IS 'Deliveries (meta.delivery) that state the records of the cell.';

CREATE TABLE trends.displacement_latest (
    partition_key text NOT NULL,
    source_id text NOT NULL,
    country_code text NOT NULL,
    population_group_code text NOT NULL,
    admin_level smallint NOT NULL,
    assessment_type text,
    provider_admin1 text,
    origin_code text,
    breakdown_code text NOT NULL CHECK (breakdown_code IN ('total', 'admin1', 'origin')),
    round_number integer,
    reporting_date date NOT NULL,
    n_persons bigint,
    n_households bigint,
    n_male bigint,
    n_female bigint,
    n_places bigint NOT NULL,
    n_records bigint NOT NULL,
    deliveries bigint[] NOT NULL,
    CONSTRAINT displacement_latest_cell
    UNIQUE NULLS NOT DISTINCT (
        partition_key, source_id, country_code, population_group_code, admin_level, assessment_type, breakdown_code,
        provider_admin1, origin_code
    )
);
CREATE INDEX displacement_latest_country_idx ON trends.displacement_latest (country_code, reporting_date);

COMMENT ON TABLE trends.displacement_latest IS
'Displaced people in the latest round of each operation, country, group and admin level: the stock as last known. '
'Admin levels and kinds of assessment count the same people again: never add them up.';
COMMENT ON COLUMN trends.displacement_latest.partition_key IS 'Operation, as the source names it.';
COMMENT ON COLUMN trends.displacement_latest.source_id IS 'Source of the counts; never add sources up.';
COMMENT ON COLUMN trends.displacement_latest.country_code IS 'Country where the people are, ISO 3166-1 alpha-3.';
COMMENT ON COLUMN trends.displacement_latest.population_group_code IS
'idp, returnee (within the country), returnee-abroad, migrant, host.';
COMMENT ON COLUMN trends.displacement_latest.admin_level IS 'Level at which places were assessed, 0 (country) to 5.';
COMMENT ON COLUMN trends.displacement_latest.assessment_type IS
'Kind of assessment (BA baseline, SA site …); kinds may count the same people; null: not stated.';
COMMENT ON COLUMN trends.displacement_latest.provider_admin1 IS
'First-level area as the source names it; null in the other breakdowns, or not stated.';
COMMENT ON COLUMN trends.displacement_latest.origin_code IS
'Nationality or origin, ISO 3166-1 alpha-3; null in the other breakdowns, or not stated.';
COMMENT ON COLUMN trends.displacement_latest.breakdown_code IS
'What the cell is split by: total (nothing), admin1, origin. Splits count the people of the total again, where stated.';
COMMENT ON COLUMN trends.displacement_latest.round_number IS 'Round; null where the source numbers none.';
COMMENT ON COLUMN trends.displacement_latest.reporting_date IS 'Last reporting date within the round.';
COMMENT ON COLUMN trends.displacement_latest.n_persons IS 'People; null where no record of the cell states it.';
COMMENT ON COLUMN trends.displacement_latest.n_households IS 'Households; null where no record of the cell states it.';
COMMENT ON COLUMN trends.displacement_latest.n_male IS 'Men and boys; null where no record of the cell states it.';
COMMENT ON COLUMN trends.displacement_latest.n_female IS 'Women and girls; null where no record of the cell states it.';
COMMENT ON COLUMN trends.displacement_latest.n_places IS 'Places assessed.';
COMMENT ON COLUMN trends.displacement_latest.n_records IS 'Records that make up the cell.';
COMMENT ON COLUMN trends.displacement_latest.deliveries IS 'Deliveries (meta.delivery) that state the records of the cell.';
