-- The ledger (meta), the landing strip of a load (staging) and the warehouse (core).
-- Migrations are append-only: a released file is never edited, the next change is the next number.

CREATE SCHEMA meta;
CREATE SCHEMA staging;
CREATE SCHEMA core;
CREATE SCHEMA trends;

COMMENT ON SCHEMA meta IS 'The ledger: partners, sources, deliveries, rejects, results of checks, refreshes.';
COMMENT ON SCHEMA staging IS 'Rows on their way in; empty between deliveries.';
COMMENT ON SCHEMA core IS 'The warehouse: one row per record, each pointing to the delivery that states it.';
COMMENT ON SCHEMA trends IS 'Aggregated tables that dashboards read.';

------------------------------------------------------------------------------------------------- meta

CREATE TABLE meta.partner (
    partner_id text PRIMARY KEY,
    name text NOT NULL,
    language_code text NOT NULL DEFAULT 'en' CHECK (language_code IN ('en', 'fr', 'ar')),
    contact text
);

CREATE TABLE meta.source (
    source_id text PRIMARY KEY,
    partner_id text NOT NULL REFERENCES meta.partner,
    title_en text NOT NULL,
    title_fr text,
    title_ar text,
    publisher text NOT NULL,
    licence text NOT NULL,
    citation text NOT NULL,
    cadence text,
    confidentiality text NOT NULL
    CHECK (confidentiality IN ('private', 'organization', 'organization-wide', 'authorization', 'public')),
    contract_sha256 text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE meta.delivery (
    delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id text NOT NULL,
    source_id text NOT NULL,
    bucket text NOT NULL,
    object_key text NOT NULL,
    object_version text NOT NULL,
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    enrolled_by text NOT NULL CHECK (enrolled_by IN ('webhook', 'sqs', 'sweep', 'rebuild')),
    state text NOT NULL DEFAULT 'received'
    CHECK (state IN ('received', 'duplicate', 'loaded', 'quarantined', 'failed', 'superseded', 'withdrawn')),
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    claimed_at timestamptz,
    claimed_by text,
    n_attempts integer NOT NULL DEFAULT 0,
    finished_at timestamptz,
    sha256 text,
    archive_key text,
    layout text,
    as_of timestamptz,
    engine text CHECK (engine IN ('gx', 'masks')),
    n_rows_read bigint NOT NULL DEFAULT 0,
    n_rows_loaded bigint NOT NULL DEFAULT 0,
    n_rows_unchanged bigint NOT NULL DEFAULT 0,
    n_rows_rejected bigint NOT NULL DEFAULT 0,
    n_rows_duplicate bigint NOT NULL DEFAULT 0,
    n_records_added bigint NOT NULL DEFAULT 0,
    n_records_changed bigint NOT NULL DEFAULT 0,
    n_records_unchanged bigint NOT NULL DEFAULT 0,
    n_records_gone bigint NOT NULL DEFAULT 0,
    n_records_older bigint NOT NULL DEFAULT 0,
    duplicate_of bigint REFERENCES meta.delivery,
    reason text,
    receipt_key text,
    UNIQUE (bucket, object_key, object_version),
    CONSTRAINT row_accounting CHECK (
        state NOT IN ('loaded', 'superseded')
        OR n_rows_read = n_rows_loaded + n_rows_unchanged + n_rows_rejected + n_rows_duplicate
    )
);
CREATE INDEX delivery_pending_idx ON meta.delivery (received_at) WHERE state = 'received';
CREATE INDEX delivery_source_idx ON meta.delivery (source_id, sha256);

CREATE TABLE meta.reject (
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    sheet text NOT NULL DEFAULT '',
    rules text[] NOT NULL,
    columns text[] NOT NULL,
    provider_values jsonb,
    PRIMARY KEY (delivery_id, sheet, row_number)
);

CREATE TABLE meta.issue (
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    issue_number integer NOT NULL,
    rule text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('hold', 'reject', 'flag', 'note')),
    column_name text,
    n_rows bigint NOT NULL,
    example_rows bigint[] NOT NULL,
    parameters jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (delivery_id, issue_number)
);

CREATE TABLE meta.expectation_result (
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    result_number integer NOT NULL,
    suite text NOT NULL,
    expectation_type text NOT NULL,
    column_name text,
    severity text NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
    engine text NOT NULL CHECK (engine IN ('gx', 'masks')),
    n_checked bigint NOT NULL,
    n_failed bigint NOT NULL,
    PRIMARY KEY (delivery_id, result_number)
);

CREATE TABLE meta.snapshot (
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    source_id text NOT NULL,
    core_table text NOT NULL,
    scope jsonb NOT NULL,
    period_from date,
    period_to date,
    PRIMARY KEY (delivery_id, core_table, scope)
);
CREATE INDEX snapshot_source_idx ON meta.snapshot (source_id, core_table);

CREATE TABLE meta.touched_partition (
    trend_table text NOT NULL,
    partition_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    touched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (trend_table, partition_key, delivery_id)
);

CREATE TABLE meta.refresh (
    refresh_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trend_table text NOT NULL,
    is_full boolean NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    n_partitions integer NOT NULL,
    n_cells_before bigint NOT NULL,
    n_cells_after bigint NOT NULL,
    deliveries bigint[] NOT NULL,
    checks jsonb NOT NULL
);

------------------------------------------------------------------------------------- core: reference

CREATE TABLE core.country (
    country_code text PRIMARY KEY CHECK (country_code ~ '^[A-Z]{3}$'),
    iso2_code text,
    m49_code text,
    name_en text NOT NULL,
    name_fr text,
    name_ar text,
    region text,
    is_country boolean NOT NULL DEFAULT true
);

CREATE TABLE core.code (
    domain text NOT NULL,
    code text NOT NULL,
    label_en text NOT NULL,
    label_fr text,
    label_ar text,
    PRIMARY KEY (domain, code)
);

CREATE TABLE core.question (
    source_id text NOT NULL REFERENCES meta.source,
    question_code text NOT NULL,
    question_type text NOT NULL,
    theme text,
    label_en text,
    label_fr text,
    label_ar text,
    relevant text,
    list_name text,
    PRIMARY KEY (source_id, question_code)
);

CREATE TABLE core.choice (
    source_id text NOT NULL REFERENCES meta.source,
    list_name text NOT NULL,
    choice_code text NOT NULL,
    label_en text,
    label_fr text,
    label_ar text,
    PRIMARY KEY (source_id, list_name, choice_code)
);

---------------------------------------------------------------------------------------- core: records
-- Every table of records starts with the same four columns: source_id, record_key, delivery_id, row_number.

CREATE TABLE core.incident (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    provider_incident_id text,
    provider_main_id text,
    incident_date date NOT NULL,
    country_code text REFERENCES core.country,
    provider_country text,
    provider_region text,
    route_code text,
    provider_route text,
    origin_code text REFERENCES core.country,
    provider_origin text,
    provider_region_origin text,
    n_dead integer CHECK (n_dead >= 0),
    n_missing integer CHECK (n_missing >= 0),
    n_dead_and_missing integer CHECK (n_dead_and_missing >= 0),
    n_survivors integer CHECK (n_survivors >= 0),
    n_female integer CHECK (n_female >= 0),
    n_male integer CHECK (n_male >= 0),
    n_children integer CHECK (n_children >= 0),
    cause_code text,
    provider_cause text,
    provider_location text,
    latitude double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision CHECK (longitude BETWEEN -180 AND 180),
    information_source text,
    url text,
    source_quality smallint CHECK (source_quality BETWEEN 1 AND 5),
    provider_source_quality text,
    description text,
    PRIMARY KEY (source_id, record_key)
);

CREATE TABLE core.population (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    dataset_code text NOT NULL CHECK (dataset_code IN ('totals', 'demographics', 'assisted')),
    year smallint NOT NULL CHECK (year BETWEEN 1900 AND 2100),
    origin_code text NOT NULL REFERENCES core.country,
    provider_origin text NOT NULL,
    asylum_code text NOT NULL REFERENCES core.country,
    provider_asylum text NOT NULL,
    population_type_code text NOT NULL,
    sex_code text NOT NULL DEFAULT 'all' CHECK (sex_code IN ('all', 'female', 'male', 'unknown')),
    age_group text NOT NULL DEFAULT 'all',
    provider_location text,
    provider_urban_rural text,
    provider_accommodation text,
    n_persons integer CHECK (n_persons >= 0),
    n_persons_low integer NOT NULL CHECK (n_persons_low >= 0),
    n_persons_high integer NOT NULL,
    is_withheld boolean NOT NULL DEFAULT false,
    PRIMARY KEY (source_id, record_key),
    CHECK (n_persons_high >= n_persons_low),
    CHECK (is_withheld = (n_persons IS null))
);

CREATE TABLE core.asylum_application (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    year smallint NOT NULL CHECK (year BETWEEN 1900 AND 2100),
    origin_code text NOT NULL REFERENCES core.country,
    provider_origin text NOT NULL,
    asylum_code text NOT NULL REFERENCES core.country,
    provider_asylum text NOT NULL,
    procedure_code text,
    application_type_code text,
    decision_level_code text,
    unit_code text CHECK (unit_code IN ('P', 'C')),
    n_applied integer CHECK (n_applied >= 0),
    n_applied_low integer NOT NULL CHECK (n_applied_low >= 0),
    n_applied_high integer NOT NULL,
    is_withheld boolean NOT NULL DEFAULT false,
    PRIMARY KEY (source_id, record_key),
    CHECK (n_applied_high >= n_applied_low),
    CHECK (is_withheld = (n_applied IS null))
);

CREATE TABLE core.flow (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    flow_type_code text NOT NULL CHECK (flow_type_code IN ('arrival', 'detection', 'movement')),
    period_start date NOT NULL,
    period_end date NOT NULL,
    origin_code text REFERENCES core.country,
    provider_origin text,
    destination_code text REFERENCES core.country,
    provider_destination text,
    provider_place text,
    route_code text,
    provider_route text,
    border_type_code text NOT NULL DEFAULT 'all' CHECK (border_type_code IN ('land', 'sea', 'air', 'all')),
    n_persons integer NOT NULL CHECK (n_persons >= 0),
    PRIMARY KEY (source_id, record_key),
    CHECK (period_end >= period_start)
);

CREATE TABLE core.displacement (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    operation text NOT NULL,
    round_number integer,
    reporting_date date NOT NULL,
    assessment_type text,
    country_code text NOT NULL REFERENCES core.country,
    admin_level smallint NOT NULL CHECK (admin_level BETWEEN 0 AND 5),
    place_code text,
    provider_admin1 text,
    provider_admin2 text,
    provider_admin3 text,
    provider_place text,
    latitude double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision CHECK (longitude BETWEEN -180 AND 180),
    population_group_code text NOT NULL
    CHECK (population_group_code IN ('idp', 'returnee', 'returnee-abroad', 'migrant', 'host')),
    origin_code text REFERENCES core.country,
    provider_origin text,
    origin_place_code text,
    provider_origin_place text,
    reason_code text,
    provider_reason text,
    n_persons integer CHECK (n_persons >= 0),
    n_households integer CHECK (n_households >= 0),
    n_male integer CHECK (n_male >= 0),
    n_female integer CHECK (n_female >= 0),
    provider_reliability text,
    PRIMARY KEY (source_id, record_key)
);

CREATE TABLE core.interview (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    form_version text,
    round_code text NOT NULL,
    interview_date date NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    interview_country_code text NOT NULL REFERENCES core.country,
    place_code text,
    provider_place text,
    sex_code text NOT NULL CHECK (sex_code IN ('female', 'male', 'other', 'unknown')),
    age smallint CHECK (age BETWEEN 0 AND 120),
    age_group text NOT NULL,
    nationality_code text REFERENCES core.country,
    departure_country_code text REFERENCES core.country,
    destination_country_code text REFERENCES core.country,
    enumerator_hash text,
    answers jsonb NOT NULL,
    stops jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (source_id, record_key)
);

CREATE TABLE core.data_collection (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    provider_collection_id text,
    title text NOT NULL,
    organisation text NOT NULL,
    mandating_body text,
    donor text,
    country_codes text[] NOT NULL,
    provider_country text,
    provider_place text,
    topic text,
    displacement_type text,
    method text,
    product_type text,
    collected_from date,
    collected_to date,
    frequency text,
    status text,
    contact text,
    url text,
    PRIMARY KEY (source_id, record_key)
);

CREATE INDEX incident_delivery_idx ON core.incident (delivery_id);
CREATE INDEX population_delivery_idx ON core.population (delivery_id);
CREATE INDEX asylum_application_delivery_idx ON core.asylum_application (delivery_id);
CREATE INDEX flow_delivery_idx ON core.flow (delivery_id);
CREATE INDEX displacement_delivery_idx ON core.displacement (delivery_id);
CREATE INDEX interview_delivery_idx ON core.interview (delivery_id);
CREATE INDEX data_collection_delivery_idx ON core.data_collection (delivery_id);
CREATE INDEX incident_date_idx ON core.incident (incident_date);
CREATE INDEX population_year_idx ON core.population (year);
CREATE INDEX asylum_application_year_idx ON core.asylum_application (year);
CREATE INDEX flow_period_idx ON core.flow (period_start);
CREATE INDEX displacement_operation_idx ON core.displacement (operation, reporting_date);
CREATE INDEX interview_period_idx ON core.interview (interview_country_code, interview_date);
