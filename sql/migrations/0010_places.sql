-- Places: what lists of P-codes, lists of localities and boundary files state, and the aliases that people reviewed.

-- In what two spellings of a place meet: without accents, case, punctuation, apostrophes and the letter forms of Arabic
-- that are written one for the other. Stored columns hold its result: a change needs a migration that fills them anew.
CREATE FUNCTION core.place_key(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT nullif(btrim(regexp_replace(regexp_replace(
        translate(
            replace(replace(replace(
                lower(
                    regexp_replace(
                        normalize(name, NFKD),
                        E'[\u0300-\u036f\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]', '', 'g'
                    ) COLLATE pg_c_utf8
                ),
            'œ', 'oe'), 'æ', 'ae'), 'ß', 'ss'),
            'ىةٱکیøłđı', 'يهاكيoldi'
        ),
        E'[\'’‘ʻʼ`´]+', '', 'g'
    ), E'[-‐-―_.,،;:/()\\s]+', ' ', 'g')), '')
$$;
COMMENT ON FUNCTION core.place_key IS 'A place name folded: two spellings with the same key are the same name.';

CREATE FUNCTION core.place_keys(VARIADIC names text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT array(SELECT DISTINCT core.place_key(n) FROM unnest(names) AS u (n) WHERE core.place_key(n) IS NOT NULL ORDER BY 1)
$$;
COMMENT ON FUNCTION core.place_keys IS 'The keys of several names of one place.';

CREATE TABLE core.place (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    list_code text NOT NULL CHECK (list_code IN ('pcode', 'boundary', 'locality')),
    place_code text NOT NULL,
    country_code text NOT NULL REFERENCES core.country,
    admin_level smallint NOT NULL CHECK (admin_level BETWEEN 0 AND 5),
    name text NOT NULL,
    name_en text,
    name_fr text,
    name_ar text,
    alternative_name text,
    parent_code text,
    provider_parent text,
    place_type text,
    latitude double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision CHECK (longitude BETWEEN -180 AND 180),
    valid_from date,
    geometry jsonb,
    extra jsonb,
    name_keys text[] NOT NULL
    GENERATED ALWAYS AS (core.place_keys(name, name_en, name_fr, name_ar, alternative_name)) STORED,
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX place_delivery_idx ON core.place (delivery_id);
CREATE INDEX place_code_idx ON core.place (place_code);
CREATE INDEX place_country_idx ON core.place (country_code, admin_level, list_code);
-- Without the list of pending entries: each look-up after a load would read all of it, tens of thousands of times.
CREATE INDEX place_name_idx ON core.place USING gin (name_keys) WITH (fastupdate = off);

COMMENT ON TABLE core.place IS
'Places as lists state them: a record for each list that names the place. core.place_dimension has each place once.';
COMMENT ON COLUMN core.place.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.place.record_key IS 'What identifies the record within its source: list and code of the place.';
COMMENT ON COLUMN core.place.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.place.row_number IS 'Row of the delivery''s file that the record comes from.';
COMMENT ON COLUMN core.place.list_code IS
'Kind of list: pcode (OCHA''s P-codes, the authority), boundary (shapes with names), locality (villages, other codes).';
COMMENT ON COLUMN core.place.place_code IS 'P-code, ISO 3166-1 alpha-3 of a country, or the list''s own code of the place.';
COMMENT ON COLUMN core.place.country_code IS 'Country of the place, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.place.admin_level IS 'Level of the place, 0 (country) to 5; localities are 4.';
COMMENT ON COLUMN core.place.name IS 'Name as the list gives it.';
COMMENT ON COLUMN core.place.name_en IS 'Name in English; null: not stated.';
COMMENT ON COLUMN core.place.name_fr IS 'Name in French; null: not stated.';
COMMENT ON COLUMN core.place.name_ar IS 'Name in Arabic; null: not stated.';
COMMENT ON COLUMN core.place.alternative_name IS 'A second name that the list gives; null: none.';
COMMENT ON COLUMN core.place.parent_code IS 'Code of the place that this one lies in, in the same list; null: not stated.';
COMMENT ON COLUMN core.place.provider_parent IS 'Name of the place that this one lies in, as the list writes it.';
COMMENT ON COLUMN core.place.place_type IS 'What the place is (village, capital of a prefecture), as the list writes it.';
COMMENT ON COLUMN core.place.latitude IS 'Latitude, degrees north (WGS 84).';
COMMENT ON COLUMN core.place.longitude IS 'Longitude, degrees east (WGS 84).';
COMMENT ON COLUMN core.place.valid_from IS 'Day from which the code is valid, by the list.';
COMMENT ON COLUMN core.place.geometry IS 'Shape of the place as GeoJSON geometry, degrees (WGS 84).';
COMMENT ON COLUMN core.place.extra IS 'Cells of columns that no column of ours takes, by header, where the contract keeps them.';
COMMENT ON COLUMN core.place.name_keys IS 'Keys of its names (core.place_key), by which it is found.';

CREATE TABLE core.place_code_length (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    country_code text NOT NULL REFERENCES core.country,
    admin_level smallint NOT NULL CHECK (admin_level BETWEEN 0 AND 5),
    code_lengths text NOT NULL,
    extra jsonb,
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX place_code_length_delivery_idx ON core.place_code_length (delivery_id);
COMMENT ON TABLE core.place_code_length IS 'How many characters each level adds to the P-codes of a country.';
COMMENT ON COLUMN core.place_code_length.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.place_code_length.record_key IS 'What identifies the record within its source: country and level.';
COMMENT ON COLUMN core.place_code_length.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.place_code_length.row_number IS 'Row of the delivery''s file that the record comes from.';
COMMENT ON COLUMN core.place_code_length.country_code IS 'Country, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.place_code_length.admin_level IS 'Level, 0 (country) to 5.';
COMMENT ON COLUMN core.place_code_length.code_lengths IS
'Characters that the level adds to the code; several that occur are joined by a bar; -1: the list does not know.';
COMMENT ON COLUMN core.place_code_length.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';

CREATE TABLE core.place_alias (
    country_code text NOT NULL REFERENCES core.country,
    admin_level smallint CHECK (admin_level BETWEEN 0 AND 5),
    provider_value text NOT NULL,
    place_code text NOT NULL,
    why text,
    name_key text NOT NULL GENERATED ALWAYS AS (core.place_key(provider_value)) STORED,
    CONSTRAINT place_alias_key UNIQUE NULLS NOT DISTINCT (country_code, name_key, admin_level)
);
COMMENT ON TABLE core.place_alias IS 'Other spellings of places that people reviewed: expectations/places.csv.';
COMMENT ON COLUMN core.place_alias.country_code IS 'Country of the place, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.place_alias.admin_level IS 'Level at which the spelling means the place; null: at any.';
COMMENT ON COLUMN core.place_alias.provider_value IS 'The spelling, as some source writes it.';
COMMENT ON COLUMN core.place_alias.place_code IS 'The place that it means (core.place).';
COMMENT ON COLUMN core.place_alias.why IS 'Why this was decided, and by whom or what.';
COMMENT ON COLUMN core.place_alias.name_key IS 'Key of the spelling (core.place_key).';
