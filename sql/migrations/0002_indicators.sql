-- The catalogue of indicators and the trend table of the field surveys.

CREATE TABLE core.indicator (
    indicator_id text PRIMARY KEY CHECK (indicator_id ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    sources text[] NOT NULL CHECK (cardinality(sources) > 0),
    theme text NOT NULL
    CHECK (theme IN (
        'profile', 'drivers', 'journey', 'conditions', 'protection', 'smugglers', 'intentions', 'awareness', 'needs'
    )),
    question_code text NOT NULL,
    statistic text NOT NULL CHECK (statistic = 'share'),
    numerator text[] NOT NULL CHECK (cardinality(numerator) > 0),
    excluded text[] NOT NULL,
    unit text NOT NULL,
    disaggregations text[] NOT NULL
    CHECK (disaggregations <@ ARRAY['place', 'sex', 'age_group', 'nationality']),
    minimum_cell integer NOT NULL CHECK (minimum_cell >= 1),
    label_en text NOT NULL,
    label_fr text NOT NULL,
    label_ar text NOT NULL,
    caveat_en text NOT NULL,
    caveat_fr text NOT NULL,
    caveat_ar text NOT NULL
);

COMMENT ON TABLE core.indicator IS 'Catalogue of indicators, as the files indicators.yaml of the sources state it; one row per indicator.';
COMMENT ON COLUMN core.indicator.indicator_id IS 'Name of the indicator, lower case with hyphens; never reused for another meaning.';
COMMENT ON COLUMN core.indicator.sources IS 'Sources whose interviews answer the question.';
COMMENT ON COLUMN core.indicator.theme IS 'Theme of the survey that the indicator belongs to.';
COMMENT ON COLUMN core.indicator.question_code IS 'Question of the form whose answers are counted; also sex, age_group and the country questions, which have columns of their own in core.interview.';
COMMENT ON COLUMN core.indicator.statistic IS 'What is computed; share: of those who answered, those who gave one of the numerator''s choices.';
COMMENT ON COLUMN core.indicator.numerator IS 'Codes of choices that count for n; with several choices per answer, any of them counts once.';
COMMENT ON COLUMN core.indicator.excluded IS 'Codes of choices that take an interview out of the base (don''t know, refused); such interviews are counted in n_excluded.';
COMMENT ON COLUMN core.indicator.unit IS 'Unit of the value.';
COMMENT ON COLUMN core.indicator.disaggregations IS 'Dimensions by which the indicator is published besides country and period.';
COMMENT ON COLUMN core.indicator.minimum_cell IS 'A cell whose base is smaller is suppressed.';
COMMENT ON COLUMN core.indicator.label_en IS 'Label, English.';
COMMENT ON COLUMN core.indicator.label_fr IS 'Label, French.';
COMMENT ON COLUMN core.indicator.label_ar IS 'Label, Arabic.';
COMMENT ON COLUMN core.indicator.caveat_en IS 'What a reader must know before quoting the figure, English.';
COMMENT ON COLUMN core.indicator.caveat_fr IS 'What a reader must know before quoting the figure, French.';
COMMENT ON COLUMN core.indicator.caveat_ar IS 'What a reader must know before quoting the figure, Arabic.';

CREATE VIEW trends.indicator AS
SELECT
    indicator_id,
    theme,
    question_code,
    statistic,
    numerator,
    excluded,
    unit,
    disaggregations,
    minimum_cell,
    label_en,
    label_fr,
    label_ar,
    caveat_en,
    caveat_fr,
    caveat_ar
FROM core.indicator;

COMMENT ON VIEW trends.indicator IS 'The catalogue of indicators for dashboards: labels, base, exclusions and caveats.';
COMMENT ON COLUMN trends.indicator.indicator_id IS 'Name of the indicator.';
COMMENT ON COLUMN trends.indicator.theme IS 'Theme of the survey.';
COMMENT ON COLUMN trends.indicator.question_code IS 'Question of the form.';
COMMENT ON COLUMN trends.indicator.statistic IS 'What is computed.';
COMMENT ON COLUMN trends.indicator.numerator IS 'Codes of choices that count for n.';
COMMENT ON COLUMN trends.indicator.excluded IS 'Codes of choices that leave the base.';
COMMENT ON COLUMN trends.indicator.unit IS 'Unit of the value.';
COMMENT ON COLUMN trends.indicator.disaggregations IS 'Dimensions besides country and period.';
COMMENT ON COLUMN trends.indicator.minimum_cell IS 'A cell whose base is smaller is suppressed.';
COMMENT ON COLUMN trends.indicator.label_en IS 'Label, English.';
COMMENT ON COLUMN trends.indicator.label_fr IS 'Label, French.';
COMMENT ON COLUMN trends.indicator.label_ar IS 'Label, Arabic.';
COMMENT ON COLUMN trends.indicator.caveat_en IS 'Caveat, English.';
COMMENT ON COLUMN trends.indicator.caveat_fr IS 'Caveat, French.';
COMMENT ON COLUMN trends.indicator.caveat_ar IS 'Caveat, Arabic.';

CREATE TABLE trends.survey_indicator (
    partition_key text NOT NULL,
    indicator_id text NOT NULL,
    country_code text NOT NULL,
    place text NOT NULL DEFAULT '',
    period_type text NOT NULL CHECK (period_type IN ('round', 'quarter', 'year')),
    period text NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    profile text NOT NULL CHECK (profile IN ('all', 'sex', 'age_group', 'nationality')),
    profile_value text NOT NULL,
    n bigint CHECK (n >= 0),
    base bigint CHECK (base >= 0),
    n_excluded bigint CHECK (n_excluded >= 0),
    value numeric(9, 6) CHECK (value BETWEEN 0 AND 1),
    low numeric(9, 6) CHECK (low BETWEEN 0 AND 1),
    high numeric(9, 6) CHECK (high BETWEEN 0 AND 1),
    is_suppressed boolean NOT NULL,
    sources text[] NOT NULL,
    deliveries bigint[] NOT NULL,
    caveat text NOT NULL,
    PRIMARY KEY (indicator_id, country_code, place, period_type, period, profile, profile_value),
    CHECK (period_end >= period_start),
    CHECK (n <= base),
    CHECK (low <= value AND value <= high),
    CONSTRAINT suppressed_cell_is_empty CHECK (
        num_nulls(n, base, n_excluded, value, low, high) = CASE WHEN is_suppressed THEN 6 ELSE 0 END
    )
);
CREATE INDEX survey_indicator_partition_idx ON trends.survey_indicator (partition_key);

COMMENT ON TABLE trends.survey_indicator IS 'Indicators of field surveys by country, place, period and profile: share of those who answered, with base and 95 % interval. Samples are purposive: figures describe the people interviewed.';
COMMENT ON COLUMN trends.survey_indicator.partition_key IS 'Partition that is recomputed as one: the country of the interviews.';
COMMENT ON COLUMN trends.survey_indicator.indicator_id IS 'Indicator (trends.indicator).';
COMMENT ON COLUMN trends.survey_indicator.country_code IS 'Country where people were interviewed, ISO 3166-1 alpha-3.';
COMMENT ON COLUMN trends.survey_indicator.place IS 'Place of the interviews in the survey''s own words; empty: the whole country.';
COMMENT ON COLUMN trends.survey_indicator.period_type IS 'round: a round of the survey; quarter and year: by date of interview.';
COMMENT ON COLUMN trends.survey_indicator.period IS 'Period: 2016-03/2016-05 (round, first and last month), 2016-Q2 (quarter), 2016 (year).';
COMMENT ON COLUMN trends.survey_indicator.period_start IS 'First day of the period.';
COMMENT ON COLUMN trends.survey_indicator.period_end IS 'Last day of the period.';
COMMENT ON COLUMN trends.survey_indicator.profile IS 'Dimension of the people: all, sex, age_group, nationality.';
COMMENT ON COLUMN trends.survey_indicator.profile_value IS 'Value of that dimension; all for everybody, unknown where it was not said.';
COMMENT ON COLUMN trends.survey_indicator.n IS 'Interviews that gave one of the numerator''s choices; empty where suppressed.';
COMMENT ON COLUMN trends.survey_indicator.base IS 'Interviews that answered the question, without those excluded; empty where suppressed.';
COMMENT ON COLUMN trends.survey_indicator.n_excluded IS 'Interviews that answered don''t know or refused and so are not in the base; empty where suppressed.';
COMMENT ON COLUMN trends.survey_indicator.value IS 'n divided by base; empty where suppressed.';
COMMENT ON COLUMN trends.survey_indicator.low IS 'Lower end of the 95 % Wilson interval; holds for a random sample, so here it is a least uncertainty.';
COMMENT ON COLUMN trends.survey_indicator.high IS 'Upper end of the 95 % Wilson interval.';
COMMENT ON COLUMN trends.survey_indicator.is_suppressed IS 'Whether the base is smaller than the indicator''s minimum cell, so that no figure is published.';
COMMENT ON COLUMN trends.survey_indicator.sources IS 'Sources of the interviews behind the cell.';
COMMENT ON COLUMN trends.survey_indicator.deliveries IS 'Deliveries that state the interviews behind the cell.';
COMMENT ON COLUMN trends.survey_indicator.caveat IS 'What a reader must know before quoting the figure, English; other languages in trends.indicator.';
