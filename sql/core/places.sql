-- Places: each once, their shapes, and which place each record means. All of it is worked out from core as it stands, so
-- it is the same whether a list of places came before the records or after them.

-- The place of the list of P-codes that a place of another list is: by code, else by name within country and level. A
-- name that two P-codes have decides nothing.
CREATE OR REPLACE FUNCTION core.canonical_place(
    in_list text, in_code text, in_country text, in_level smallint, in_keys text[]
) RETURNS text
LANGUAGE plpgsql STABLE
-- Each call finds a row or two by index; the planner, where a list was just loaded and never analyzed, would read it all.
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    found text;
BEGIN
    IF in_list = 'pcode' OR EXISTS (
        SELECT FROM core.place AS p WHERE p.place_code = in_code AND p.list_code = 'pcode'
    ) THEN
        RETURN in_code;
    END IF;
    SELECT min(p.place_code)
    INTO found
    FROM core.place AS p
    WHERE
        p.name_keys && in_keys
        AND p.list_code = 'pcode'
        AND p.country_code || '' = in_country
        AND p.admin_level = in_level
    HAVING count(DISTINCT p.place_code) = 1;
    RETURN coalesce(found, in_code);
END
$$;

COMMENT ON FUNCTION core.canonical_place IS
'Code in the list of P-codes of a place that another list states; its own code where that list has no such place.';

-- Which place a provider's words mean, within the country and, where it is known, the level. By code, then name, then
-- reviewed alias; where one of these gives several places, the stated parent may tell them apart. What gives no place, or
-- still several, is not decided.
CREATE OR REPLACE FUNCTION core.find_place(
    in_country text, in_level smallint, in_code text, in_place text, in_parent text
) RETURNS TABLE (place_code text, status text)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
-- One plan for all calls: to plan its query takes many times as long as to run it.
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    place_name_key text := core.place_key(in_place);
    parent_key text := core.place_key(in_parent);
    step text;
    best record;
    several boolean := false;
    is_listed boolean;
BEGIN
    IF in_country IS NULL THEN
        RETURN QUERY SELECT NULL::text, 'no_country';
        RETURN;
    END IF;
    is_listed := EXISTS (
        SELECT FROM core.place AS p
        WHERE p.country_code = in_country AND p.admin_level > 0 AND (in_level IS NULL OR p.admin_level = in_level)
    );
    FOREACH step IN ARRAY ARRAY['code', 'name', 'alias'] LOOP
        CONTINUE WHEN step = 'name' AND NOT is_listed;
        CONTINUE WHEN step = 'alias' AND NOT EXISTS (
            SELECT FROM core.place_alias AS a WHERE a.country_code = in_country AND a.name_key = place_name_key
        );
        CONTINUE WHEN step = 'code' AND NOT EXISTS (
            SELECT FROM core.place AS p WHERE p.place_code IN (upper(btrim(in_code)), upper(btrim(in_place)))
        );
        WITH hit AS (
            SELECT p.*
            FROM core.place AS p
            WHERE
                step = 'code'
                AND p.place_code IN (upper(btrim(in_code)), upper(btrim(in_place)))
                AND p.country_code = in_country
            UNION ALL
            SELECT p.*
            FROM core.place AS p
            WHERE
                step = 'name'
                AND p.name_keys @> ARRAY[place_name_key]
                -- Not by the index of countries, which has thousands of places for one: a name has a few.
                AND p.country_code || '' = in_country
                AND (in_level IS NULL OR p.admin_level = in_level)
            UNION ALL
            SELECT p.*
            FROM core.place_alias AS a
            INNER JOIN core.place AS p ON a.place_code = p.place_code AND a.country_code = p.country_code
            WHERE
                step = 'alias'
                AND a.country_code = in_country
                AND a.name_key = place_name_key
                AND (a.admin_level IS NULL OR in_level IS NULL OR a.admin_level = in_level)
        ),

        -- Each place once, by its code in the list of P-codes; a place of that list goes before those of others.
        known AS (
            SELECT
                c.code,
                min(array_position(ARRAY['pcode', 'boundary', 'locality'], p.list_code)) AS list_rank,
                bool_or(
                    coalesce(upper(btrim(in_parent)) = p.parent_code, false)
                    OR coalesce(parent_key = core.place_key(p.provider_parent), false)
                    OR EXISTS (
                        SELECT FROM core.place AS u
                        WHERE u.place_code = p.parent_code AND u.name_keys @> ARRAY[parent_key]
                    )
                ) AS lies_in_parent
            FROM hit
            CROSS JOIN LATERAL
                core.canonical_place(hit.list_code, hit.place_code, hit.country_code, hit.admin_level, hit.name_keys) AS c (code)
            INNER JOIN core.place AS p
                ON c.code = p.place_code AND hit.country_code = p.country_code
                AND (p.list_code = 'pcode' OR p.source_id = hit.source_id)
            GROUP BY c.code
        ),

        ranked AS (
            SELECT
                k.*,
                bool_or(k.lies_in_parent) OVER () AS is_told_apart,
                min(k.list_rank) OVER () AS best_rank
            FROM known AS k
        )

        SELECT
            count(*) AS n,
            min(r.code) AS code,
            bool_or(r.lies_in_parent) AS lies_in_parent
        INTO best
        FROM ranked AS r
        WHERE CASE WHEN r.is_told_apart THEN r.lies_in_parent ELSE r.list_rank = r.best_rank END;
        IF best.n = 1 AND step = 'name' AND parent_key IS NOT NULL AND NOT best.lies_in_parent THEN
            -- The only place of that name lies elsewhere than the record says: it may well be another one. Where the
            -- stated parent is itself unknown, it says nothing.
            CONTINUE WHEN EXISTS (
                SELECT FROM core.place AS u
                WHERE
                    u.name_keys @> ARRAY[parent_key]
                    AND u.country_code || '' = in_country
                    AND u.admin_level < coalesce(in_level, 6)
            );
        END IF;
        IF best.n = 1 THEN
            RETURN QUERY SELECT best.code, step;
            RETURN;
        END IF;
        several := several OR best.n > 1;
    END LOOP;
    IF several THEN
        RETURN QUERY SELECT NULL::text, 'ambiguous';
    ELSIF is_listed THEN
        RETURN QUERY SELECT NULL::text, 'unknown';
    ELSE
        RETURN QUERY SELECT NULL::text, 'unlisted';
    END IF;
END
$$;

COMMENT ON FUNCTION core.find_place IS
'The place that a provider''s code and words mean, and how it was found (code, name, alias), or why not: ambiguous (several '
'places), unknown, unlisted (no list of places of that country and level), no_country (at sea or not stated: no P-code).';

CREATE OR REPLACE VIEW core.provider_place AS
SELECT
    d.source_id,
    d.delivery_id,
    'displacement' AS core_table,
    d.record_key,
    d.row_number,
    v.column_name,
    coalesce(v.country_code, d.country_code) AS country_code,
    v.admin_level,
    v.provider_code,
    v.provider_place,
    v.provider_parent
FROM core.displacement AS d
CROSS JOIN
    LATERAL (
        VALUES
        (
            'provider_admin1',
            NULL::text,
            1::smallint,
            CASE d.admin_level WHEN 1 THEN d.place_code END,
            d.provider_admin1,
            NULL::text
        ),
        (
            'provider_admin2',
            NULL,
            2::smallint,
            CASE d.admin_level WHEN 2 THEN d.place_code END,
            d.provider_admin2,
            d.provider_admin1
        ),
        (
            'provider_admin3',
            NULL,
            3::smallint,
            CASE d.admin_level WHEN 3 THEN d.place_code END,
            d.provider_admin3,
            d.provider_admin2
        ),
        (
            'provider_place',
            NULL,
            d.admin_level,
            d.place_code,
            d.provider_place,
            coalesce(d.provider_admin3, d.provider_admin2, d.provider_admin1)
        ),
        ('provider_origin_place', d.origin_code, NULL::smallint, d.origin_place_code, d.provider_origin_place, NULL)
    ) AS v (column_name, country_code, admin_level, provider_code, provider_place, provider_parent)
WHERE v.provider_place IS NOT NULL
UNION ALL
SELECT
    i.source_id,
    i.delivery_id,
    'interview',
    i.record_key,
    i.row_number,
    'provider_place',
    i.interview_country_code,
    NULL::smallint,
    i.place_code,
    i.provider_place,
    NULL
FROM core.interview AS i
WHERE i.provider_place IS NOT NULL
UNION ALL
SELECT
    f.source_id,
    f.delivery_id,
    'flow',
    f.record_key,
    f.row_number,
    'provider_place',
    f.destination_code,
    NULL::smallint,
    NULL,
    f.provider_place,
    NULL
FROM core.flow AS f
WHERE f.provider_place IS NOT NULL
UNION ALL
SELECT
    i.source_id,
    i.delivery_id,
    'incident',
    i.record_key,
    i.row_number,
    'provider_location',
    i.country_code,
    NULL::smallint,
    NULL,
    i.provider_location,
    NULL
FROM core.incident AS i
WHERE i.provider_location IS NOT NULL
UNION ALL
SELECT
    p.source_id,
    p.delivery_id,
    'population',
    p.record_key,
    p.row_number,
    'provider_location',
    p.asylum_code,
    NULL::smallint,
    NULL,
    p.provider_location,
    NULL
FROM core.population AS p
WHERE p.provider_location IS NOT NULL;

COMMENT ON VIEW core.provider_place IS
'Every place that a record names, in the provider''s words: one row for each record and column that names one.';
COMMENT ON COLUMN core.provider_place.source_id IS 'Source of the record.';
COMMENT ON COLUMN core.provider_place.delivery_id IS 'Delivery that states the record.';
COMMENT ON COLUMN core.provider_place.core_table IS 'Table of core that holds the record.';
COMMENT ON COLUMN core.provider_place.record_key IS 'Key of the record.';
COMMENT ON COLUMN core.provider_place.row_number IS 'Row of the delivery''s file that the record comes from.';
COMMENT ON COLUMN core.provider_place.column_name IS 'Column of the record that holds the provider''s words.';
COMMENT ON COLUMN core.provider_place.country_code IS 'Country of the place; null: not stated, or at sea.';
COMMENT ON COLUMN core.provider_place.admin_level IS 'Level of the place; null: not stated.';
COMMENT ON COLUMN core.provider_place.provider_code IS 'Code that the provider gives for the place; null: none.';
COMMENT ON COLUMN core.provider_place.provider_place IS 'The place as the provider writes it.';
COMMENT ON COLUMN core.provider_place.provider_parent IS 'The place that it lies in, as the provider writes it; null: not stated.';

CREATE OR REPLACE VIEW core.place_match AS
SELECT
    u.source_id,
    u.core_table,
    u.column_name,
    u.country_code,
    u.admin_level,
    u.provider_code,
    u.provider_place,
    u.provider_parent,
    u.n_records,
    f.place_code,
    f.status
FROM (
    SELECT
        source_id,
        core_table,
        column_name,
        country_code,
        admin_level,
        provider_code,
        provider_place,
        provider_parent,
        count(*) AS n_records
    FROM core.provider_place
    GROUP BY source_id, core_table, column_name, country_code, admin_level, provider_code, provider_place, provider_parent
) AS u
CROSS JOIN
    LATERAL core.find_place(u.country_code, u.admin_level, u.provider_code, u.provider_place, u.provider_parent) AS f;

COMMENT ON VIEW core.place_match IS
'Which place each of the providers'' words means, and how that was found: one row for each wording of a source.';
COMMENT ON COLUMN core.place_match.source_id IS 'Source that writes it so.';
COMMENT ON COLUMN core.place_match.core_table IS 'Table of core that holds the records.';
COMMENT ON COLUMN core.place_match.column_name IS 'Column of the records that holds the provider''s words.';
COMMENT ON COLUMN core.place_match.country_code IS 'Country of the place; null: not stated, or at sea.';
COMMENT ON COLUMN core.place_match.admin_level IS 'Level of the place; null: not stated.';
COMMENT ON COLUMN core.place_match.provider_code IS 'Code that the provider gives for the place; null: none.';
COMMENT ON COLUMN core.place_match.provider_place IS 'The place as the provider writes it.';
COMMENT ON COLUMN core.place_match.provider_parent IS 'The place that it lies in, as the provider writes it; null: not stated.';
COMMENT ON COLUMN core.place_match.n_records IS 'Records that name it so.';
COMMENT ON COLUMN core.place_match.place_code IS 'The place (core.place_dimension); null: not decided.';
COMMENT ON COLUMN core.place_match.status IS
'How it was found: code, name, alias; or why not: ambiguous, unknown, unlisted, no_country (core.find_place).';

CREATE OR REPLACE VIEW core.record_place AS
SELECT
    p.source_id,
    p.delivery_id,
    p.core_table,
    p.record_key,
    p.column_name,
    p.provider_place,
    m.place_code,
    m.status
FROM core.provider_place AS p
INNER JOIN core.place_match AS m
    ON
        p.source_id = m.source_id
        AND p.core_table = m.core_table
        AND p.column_name = m.column_name
        AND p.provider_place = m.provider_place
        AND p.country_code IS NOT DISTINCT FROM m.country_code
        AND p.admin_level IS NOT DISTINCT FROM m.admin_level
        AND p.provider_code IS NOT DISTINCT FROM m.provider_code
        AND p.provider_parent IS NOT DISTINCT FROM m.provider_parent;

COMMENT ON VIEW core.record_place IS 'The provider''s name of each place of a record beside the place that it means.';
COMMENT ON COLUMN core.record_place.source_id IS 'Source of the record.';
COMMENT ON COLUMN core.record_place.delivery_id IS 'Delivery that states the record.';
COMMENT ON COLUMN core.record_place.core_table IS 'Table of core that holds the record.';
COMMENT ON COLUMN core.record_place.record_key IS 'Key of the record.';
COMMENT ON COLUMN core.record_place.column_name IS 'Column of the record that holds the provider''s words.';
COMMENT ON COLUMN core.record_place.provider_place IS 'The place as the provider writes it.';
COMMENT ON COLUMN core.record_place.place_code IS 'The place (core.place_dimension); null: not decided.';
COMMENT ON COLUMN core.record_place.status IS 'How it was found, or why not (core.find_place).';

CREATE OR REPLACE VIEW core.place_dimension AS
WITH o AS (
    SELECT
        c.code,
        min(p.name_en) AS name_en,
        min(p.name_fr) AS name_fr,
        min(p.name_ar) AS name_ar,
        min(p.latitude) AS latitude,
        min(p.longitude) AS longitude,
        array_agg(DISTINCT p.place_code) FILTER (WHERE p.place_code <> c.code) AS other_codes,
        array_agg(DISTINCT k.name_key) AS name_keys
    FROM core.place AS p
    CROSS JOIN
        LATERAL
        core.canonical_place(p.list_code, p.place_code, p.country_code, p.admin_level, p.name_keys) AS c (code)
    CROSS JOIN LATERAL unnest(p.name_keys) AS k (name_key)
    GROUP BY c.code
)

SELECT
    r.place_code,
    r.list_code,
    r.country_code,
    r.admin_level,
    r.name,
    coalesce(r.name_en, o.name_en) AS name_en,
    coalesce(r.name_fr, o.name_fr) AS name_fr,
    coalesce(r.name_ar, o.name_ar) AS name_ar,
    r.parent_code,
    r.place_type,
    coalesce(r.latitude, o.latitude) AS latitude,
    coalesce(r.longitude, o.longitude) AS longitude,
    r.valid_from,
    o.other_codes,
    o.name_keys
FROM (
    SELECT DISTINCT ON (p.place_code) p.*
    FROM core.place AS p
    WHERE p.place_code = core.canonical_place(p.list_code, p.place_code, p.country_code, p.admin_level, p.name_keys)
    ORDER BY
        p.place_code, array_position(ARRAY['pcode', 'boundary', 'locality'], p.list_code), p.source_id, p.record_key
) AS r
INNER JOIN o ON r.place_code = o.code;

COMMENT ON VIEW core.place_dimension IS 'Places, each once, with the names that all lists give it: P-codes, and places of other lists.';
COMMENT ON COLUMN core.place_dimension.place_code IS 'P-code, ISO 3166-1 alpha-3 of a country, or a list''s own code.';
COMMENT ON COLUMN core.place_dimension.list_code IS 'The list that it is taken from: pcode, boundary, locality.';
COMMENT ON COLUMN core.place_dimension.country_code IS 'Country of the place, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.place_dimension.admin_level IS 'Level of the place, 0 (country) to 5; localities are 4.';
COMMENT ON COLUMN core.place_dimension.name IS 'Name as the list gives it.';
COMMENT ON COLUMN core.place_dimension.name_en IS 'Name in English; null: no list states it.';
COMMENT ON COLUMN core.place_dimension.name_fr IS 'Name in French; null: no list states it.';
COMMENT ON COLUMN core.place_dimension.name_ar IS 'Name in Arabic; null: no list states it.';
COMMENT ON COLUMN core.place_dimension.parent_code IS 'Code of the place that it lies in; null: not stated.';
COMMENT ON COLUMN core.place_dimension.place_type IS 'What the place is, as the list writes it.';
COMMENT ON COLUMN core.place_dimension.latitude IS 'Latitude, degrees north (WGS 84).';
COMMENT ON COLUMN core.place_dimension.longitude IS 'Longitude, degrees east (WGS 84).';
COMMENT ON COLUMN core.place_dimension.valid_from IS 'Day from which the code is valid, by the list.';
COMMENT ON COLUMN core.place_dimension.other_codes IS 'Codes that other lists give the same place; null: none.';
COMMENT ON COLUMN core.place_dimension.name_keys IS 'Keys of all its names (core.place_key).';

CREATE OR REPLACE VIEW core.place_geometry AS
SELECT
    c.code AS place_code,
    p.country_code,
    p.admin_level,
    p.name,
    p.source_id,
    p.place_code AS provider_code,
    p.valid_from,
    p.geometry
FROM core.place AS p
CROSS JOIN
    LATERAL
    core.canonical_place(p.list_code, p.place_code, p.country_code, p.admin_level, p.name_keys) AS c (code)
WHERE p.geometry IS NOT NULL;

COMMENT ON VIEW core.place_geometry IS 'Shapes of places, as boundary files draw them; two files may draw one place.';
COMMENT ON COLUMN core.place_geometry.place_code IS 'The place (core.place_dimension).';
COMMENT ON COLUMN core.place_geometry.country_code IS 'Country of the place, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.place_geometry.admin_level IS 'Level of the place, 0 (country) to 5.';
COMMENT ON COLUMN core.place_geometry.name IS 'Name as the file gives it.';
COMMENT ON COLUMN core.place_geometry.source_id IS 'Source of the shape.';
COMMENT ON COLUMN core.place_geometry.provider_code IS 'Code that the file gives the place.';
COMMENT ON COLUMN core.place_geometry.valid_from IS 'Day from which the shape is valid, by the file.';
COMMENT ON COLUMN core.place_geometry.geometry IS 'GeoJSON geometry, degrees (WGS 84).';
