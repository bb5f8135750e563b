-- Lists and published figures that partners send beside their data: who works where (3W), statistics, rules of
-- verification, plans of analysis, reference lists of countries.

CREATE TABLE core.activity (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    provider_activity_id text,
    organisation text NOT NULL,
    project_code text,
    sector text,
    subsector text,
    title text,
    objective text,
    country_code text REFERENCES core.country,
    provider_country text,
    provider_admin1 text,
    provider_admin2 text,
    place_code text,
    latitude double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision CHECK (longitude BETWEEN -180 AND 180),
    period_start date,
    period_end date,
    provider_period text,
    reported_date date,
    status text,
    indicator text,
    target_value double precision,
    achieved_value double precision,
    n_targeted_female integer CHECK (n_targeted_female >= 0),
    n_targeted_male integer CHECK (n_targeted_male >= 0),
    n_affected integer CHECK (n_affected >= 0),
    url text,
    extra jsonb,
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX activity_delivery_idx ON core.activity (delivery_id);

COMMENT ON TABLE core.activity IS
'Who does what, where, since when: 3W lists and activity reports, one record an organisation, activity and place.';
COMMENT ON COLUMN core.activity.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.activity.record_key IS
'What identifies the record within its source: the list''s own number, or what can be true once (organisation, '
'sector, place).';
COMMENT ON COLUMN core.activity.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.activity.row_number IS 'Row of the delivery''s file that the record comes from.';
COMMENT ON COLUMN core.activity.provider_activity_id IS 'The list''s own id of the record; null: none.';
COMMENT ON COLUMN core.activity.organisation IS 'Who works there, as the list writes it.';
COMMENT ON COLUMN core.activity.project_code IS
'Code of the project or appeal that it belongs to, as the list writes it.';
COMMENT ON COLUMN core.activity.sector IS 'Sector or cluster, as the list writes it.';
COMMENT ON COLUMN core.activity.subsector IS 'Part of the sector, as the list writes it.';
COMMENT ON COLUMN core.activity.title IS 'What is done, as the list writes it; null: only the sector is stated.';
COMMENT ON COLUMN core.activity.objective IS 'Objective that it serves, as the list writes it.';
COMMENT ON COLUMN core.activity.country_code IS
'Country, ISO 3166-1 alpha-3 (core.country); null: not stated, or a situation of several countries.';
COMMENT ON COLUMN core.activity.provider_country IS 'Country or situation as the list writes it.';
COMMENT ON COLUMN core.activity.provider_admin1 IS 'First-level area as the list writes it.';
COMMENT ON COLUMN core.activity.provider_admin2 IS 'Second-level area as the list writes it.';
COMMENT ON COLUMN core.activity.place_code IS 'P-code of the place; null: not stated.';
COMMENT ON COLUMN core.activity.latitude IS 'Latitude, degrees north (WGS 84).';
COMMENT ON COLUMN core.activity.longitude IS 'Longitude, degrees east (WGS 84).';
COMMENT ON COLUMN core.activity.period_start IS 'First day of the activity; null: not stated.';
COMMENT ON COLUMN core.activity.period_end IS 'Last day of the activity; null: it goes on, or not stated.';
COMMENT ON COLUMN core.activity.provider_period IS
'Period as the list writes it, where that is no date (a month without its year).';
COMMENT ON COLUMN core.activity.reported_date IS 'Day of the report; null: not stated.';
COMMENT ON COLUMN core.activity.status IS 'Whether it is planned, running, approved or done, as the list writes it.';
COMMENT ON COLUMN core.activity.indicator IS 'What target and achievement count, as the list writes it.';
COMMENT ON COLUMN core.activity.target_value IS 'What is to be reached, in units of the indicator.';
COMMENT ON COLUMN core.activity.achieved_value IS 'What was reached, in units of the indicator.';
COMMENT ON COLUMN core.activity.n_targeted_female IS 'Women and girls that it is for; null: not stated.';
COMMENT ON COLUMN core.activity.n_targeted_male IS 'Men and boys that it is for; null: not stated.';
COMMENT ON COLUMN core.activity.n_affected IS 'People affected where it takes place; null: not stated.';
COMMENT ON COLUMN core.activity.url IS 'Where to find the organisation or the project.';
COMMENT ON COLUMN core.activity.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';

CREATE TABLE core.statistic (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    dataset_code text NOT NULL,
    theme text,
    subtheme text,
    population_group text,
    indicator text NOT NULL,
    subset text,
    country_code text REFERENCES core.country,
    provider_country text,
    admin_level smallint NOT NULL DEFAULT 0 CHECK (admin_level BETWEEN 0 AND 5),
    provider_admin1 text,
    place_code text,
    period_start date,
    period_end date,
    unit_code text CHECK (unit_code IN ('percent', 'number', 'persons')),
    value double precision NOT NULL,
    base_value double precision,
    extra jsonb,
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX statistic_delivery_idx ON core.statistic (delivery_id);

COMMENT ON TABLE core.statistic IS
'Figures as a partner published them: aggregated by the partner, from data that we may not hold. Datasets of '
'one source restate each other: never add them up.';
COMMENT ON COLUMN core.statistic.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.statistic.record_key IS
'What identifies the record within its source: dataset, place, group and indicator.';
COMMENT ON COLUMN core.statistic.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.statistic.row_number IS 'Row of the delivery''s file that the record comes from.';
COMMENT ON COLUMN core.statistic.dataset_code IS 'Table of the publication that the figure stands in.';
COMMENT ON COLUMN core.statistic.theme IS 'Theme or sector, as published.';
COMMENT ON COLUMN core.statistic.subtheme IS 'Part of the theme, as published.';
COMMENT ON COLUMN core.statistic.population_group IS 'People that the figure is about, as published; null: all.';
COMMENT ON COLUMN core.statistic.indicator IS 'What is measured, with the answer that is counted, as published.';
COMMENT ON COLUMN core.statistic.subset IS 'Who of the group was asked or counted, as published; null: not stated.';
COMMENT ON COLUMN core.statistic.country_code IS 'Country, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.statistic.provider_country IS 'Country as published.';
COMMENT ON COLUMN core.statistic.admin_level IS 'Level of the place, 0 (country) to 5.';
COMMENT ON COLUMN core.statistic.provider_admin1 IS
'First-level area as published; null: the figure is of the country.';
COMMENT ON COLUMN core.statistic.place_code IS 'P-code of the place; null: not stated.';
COMMENT ON COLUMN core.statistic.period_start IS 'First day that the figure speaks of.';
COMMENT ON COLUMN core.statistic.period_end IS 'Last day that the figure speaks of.';
COMMENT ON COLUMN core.statistic.unit_code IS 'percent, number (a mean or an amount), persons; null: not stated.';
COMMENT ON COLUMN core.statistic.value IS 'The figure, in its unit.';
COMMENT ON COLUMN core.statistic.base_value IS
'What it is a part of, in its unit (the population of which so many are in need); null: not stated.';
COMMENT ON COLUMN core.statistic.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';

CREATE TABLE core.verification_rule (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    provider_rule_id text,
    stage text,
    topic text,
    variables text,
    description text NOT NULL,
    expression text,
    method text,
    action text,
    status text,
    extra jsonb,
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX verification_rule_delivery_idx ON core.verification_rule (delivery_id);

COMMENT ON TABLE core.verification_rule IS
'Rules by which partners verify survey data, as their lists state them: for reference. What the platform itself '
'checks stands in expectations/.';
COMMENT ON COLUMN core.verification_rule.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.verification_rule.record_key IS
'What identifies the record within its source: the list''s own id, or the rule''s words.';
COMMENT ON COLUMN core.verification_rule.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.verification_rule.row_number IS 'Row of the delivery''s file that the record comes from.';
COMMENT ON COLUMN core.verification_rule.provider_rule_id IS 'The list''s own id of the rule; null: none.';
COMMENT ON COLUMN core.verification_rule.stage IS 'When it applies, as the list writes it.';
COMMENT ON COLUMN core.verification_rule.topic IS 'What it is about, as the list writes it.';
COMMENT ON COLUMN core.verification_rule.variables IS 'Questions or columns that it reads, as the list writes them.';
COMMENT ON COLUMN core.verification_rule.description IS 'What is wrong where it hits.';
COMMENT ON COLUMN core.verification_rule.expression IS 'The rule as a formula, in the list''s own language.';
COMMENT ON COLUMN core.verification_rule.method IS 'How it is carried out: by script, by hand.';
COMMENT ON COLUMN core.verification_rule.action IS 'What to do where it hits, with its thresholds.';
COMMENT ON COLUMN core.verification_rule.status IS 'What the list remarks on it (done, unclear).';
COMMENT ON COLUMN core.verification_rule.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';

CREATE TABLE core.planned_analysis (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    theme text,
    variable text NOT NULL,
    analysis_code text NOT NULL,
    indicator text NOT NULL,
    dataset text,
    subset text,
    recall text,
    is_weighted boolean,
    excludes_missing boolean,
    function_name text,
    extra jsonb,
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX planned_analysis_delivery_idx ON core.planned_analysis (delivery_id);

COMMENT ON TABLE core.planned_analysis IS
'Analyses that a partner plans for a survey: which indicator comes from which variable, and how.';
COMMENT ON COLUMN core.planned_analysis.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.planned_analysis.record_key IS
'What identifies the record within its source: dataset, variable and analysis.';
COMMENT ON COLUMN core.planned_analysis.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.planned_analysis.row_number IS 'Row of the delivery''s file that the record comes from.';
COMMENT ON COLUMN core.planned_analysis.theme IS 'Theme or sector, as the list writes it.';
COMMENT ON COLUMN core.planned_analysis.variable IS 'Variable that is analysed, as the list writes it.';
COMMENT ON COLUMN core.planned_analysis.analysis_code IS
'Kind of analysis (select_one, mean, median, …), as the list writes it.';
COMMENT ON COLUMN core.planned_analysis.indicator IS 'The indicator in words.';
COMMENT ON COLUMN core.planned_analysis.dataset IS 'Sheet of the survey that the variable is of.';
COMMENT ON COLUMN core.planned_analysis.subset IS 'Who is counted; null: all.';
COMMENT ON COLUMN core.planned_analysis.recall IS 'Period that the question asks about; null: none.';
COMMENT ON COLUMN core.planned_analysis.is_weighted IS 'Whether sampling weights are used.';
COMMENT ON COLUMN core.planned_analysis.excludes_missing IS 'Whether missing answers leave the base.';
COMMENT ON COLUMN core.planned_analysis.function_name IS 'Function of the partner''s tools that makes the variable.';
COMMENT ON COLUMN core.planned_analysis.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';

CREATE TABLE core.country_term (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    provider_country_id text NOT NULL,
    country_code text REFERENCES core.country,
    name_country_code text REFERENCES core.country,
    iso2_code text,
    m49_code text,
    name_en text NOT NULL,
    name_fr text,
    name_ar text,
    formal_name_en text,
    region text,
    subregion text,
    income_level text,
    currency_code text,
    has_response_plan boolean,
    is_deprecated boolean,
    valid_from date,
    extra jsonb,
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX country_term_delivery_idx ON core.country_term (delivery_id);

COMMENT ON TABLE core.country_term IS
'Countries and territories as a partner''s reference list names them. Beside core.country, which it does not '
'replace: it is checked against it.';
COMMENT ON COLUMN core.country_term.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.country_term.record_key IS 'What identifies the record within its source: the list''s own id.';
COMMENT ON COLUMN core.country_term.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.country_term.row_number IS 'Row of the delivery''s file that the record comes from.';
COMMENT ON COLUMN core.country_term.provider_country_id IS 'The list''s own id.';
COMMENT ON COLUMN core.country_term.country_code IS
'ISO 3166-1 alpha-3 by the list (core.country); null: it states none that we know.';
COMMENT ON COLUMN core.country_term.name_country_code IS
'The code that our crosswalk gives its name; null: the crosswalk does not know the name.';
COMMENT ON COLUMN core.country_term.iso2_code IS 'ISO 3166-1 alpha-2 by the list.';
COMMENT ON COLUMN core.country_term.m49_code IS 'UN M49 code by the list, three digits.';
COMMENT ON COLUMN core.country_term.name_en IS 'Preferred term, English.';
COMMENT ON COLUMN core.country_term.name_fr IS 'Name in French.';
COMMENT ON COLUMN core.country_term.name_ar IS 'Name in Arabic.';
COMMENT ON COLUMN core.country_term.formal_name_en IS 'Formal name in English.';
COMMENT ON COLUMN core.country_term.region IS 'Region (M49).';
COMMENT ON COLUMN core.country_term.subregion IS 'Sub-region (M49).';
COMMENT ON COLUMN core.country_term.income_level IS 'Income level of the World Bank.';
COMMENT ON COLUMN core.country_term.currency_code IS 'Currency, ISO 4217.';
COMMENT ON COLUMN core.country_term.has_response_plan IS 'Whether it has a humanitarian response plan, by the list.';
COMMENT ON COLUMN core.country_term.is_deprecated IS 'Whether the list keeps the entry for old data only.';
COMMENT ON COLUMN core.country_term.valid_from IS 'Day from which the entry is valid, by the list.';
COMMENT ON COLUMN core.country_term.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';
