-- Indicators of field surveys by country, place, period and profile, for the partitions (countries) in :partitions.
--
-- An interview is in the base of an indicator when it has an answer to the question and none of its choices is
-- excluded. Cells are published from a base of minimum_cell on (primary rule, on the base: n and base - n may be small,
-- as in 105 of 109); complementary suppression over linked cells comes on top of it. Place is crossed with nothing,
-- nor are the dimensions of the profile with each other: fewer small cells, less that differencing can find.
-- Arithmetic is numeric and rounded to six places, so that a recomputed cell equals the one before bit for bit.
WITH interview AS (
    SELECT
        i.source_id,
        i.delivery_id,
        i.interview_country_code AS country_code,
        i.interview_date,
        i.round_code,
        CASE WHEN i.round_code ~ r.pattern THEN to_date(left(i.round_code, 7), 'YYYY-MM') END AS round_start,
        CASE
            WHEN i.round_code ~ r.pattern
                THEN (to_date(right(i.round_code, 7), 'YYYY-MM') + interval '1 month -1 day')::date
        END AS round_end,
        coalesce(i.provider_place, '') AS place,
        i.sex_code AS sex,
        i.age_group,
        coalesce(i.nationality_code, 'unknown') AS nationality,
        i.answers || jsonb_strip_nulls(jsonb_build_object(
            'sex', i.sex_code,
            'age_group', i.age_group,
            'nationality', i.nationality_code,
            'departure_country', i.departure_country_code,
            'destination_country', i.destination_country_code
        )) AS answers
    FROM core.interview_current AS i
    CROSS JOIN (VALUES ('^\d{4}-(0[1-9]|1[0-2])/\d{4}-(0[1-9]|1[0-2])$')) AS r (pattern)
    WHERE i.interview_country_code = any(:partitions)
),

answer AS (
    SELECT
        d.indicator_id,
        d.disaggregations,
        d.minimum_cell,
        d.caveat_en,
        i.source_id,
        i.delivery_id,
        i.country_code,
        i.round_code,
        i.round_start,
        i.round_end,
        i.interview_date,
        i.place,
        i.sex,
        i.age_group,
        i.nationality,
        -- jsonb ?| holds for an element of an array and for a text itself: one or several choices alike
        (i.answers -> d.question_code) ?| d.excluded AS is_excluded,
        (i.answers -> d.question_code) ?| d.numerator AS is_counted
    FROM interview AS i
    INNER JOIN core.indicator AS d
        ON i.source_id = any(d.sources) AND i.answers ? d.question_code
),

-- One row per combination of everything a cell can be cut by: far fewer rows to spread over periods and profiles.
detail AS (
    SELECT
        indicator_id,
        disaggregations,
        minimum_cell,
        caveat_en,
        source_id,
        delivery_id,
        country_code,
        round_code,
        round_start,
        round_end,
        date_trunc('quarter', interview_date)::date AS quarter_start,
        place,
        sex,
        age_group,
        nationality,
        count(*) FILTER (WHERE is_counted AND NOT is_excluded) AS n,
        count(*) FILTER (WHERE NOT is_excluded) AS base,
        count(*) FILTER (WHERE is_excluded) AS n_excluded
    FROM answer
    GROUP BY
        indicator_id, disaggregations, minimum_cell, caveat_en, source_id, delivery_id, country_code, round_code,
        round_start, round_end, quarter_start, place, sex, age_group, nationality
),

cell AS (
    SELECT
        d.indicator_id,
        d.minimum_cell,
        d.caveat_en,
        d.country_code,
        cut.place,
        p.period_type,
        p.period,
        p.period_start,
        p.period_end,
        cut.profile,
        cut.profile_value,
        sum(d.n)::bigint AS n,
        sum(d.base)::bigint AS base,
        sum(d.n_excluded)::bigint AS n_excluded,
        array_agg(DISTINCT d.source_id ORDER BY d.source_id) AS sources,
        array_agg(DISTINCT d.delivery_id ORDER BY d.delivery_id) AS deliveries
    FROM detail AS d
    CROSS JOIN
        LATERAL (
            VALUES
            (
                'quarter',
                to_char(d.quarter_start, 'YYYY-"Q"Q'),
                d.quarter_start,
                (d.quarter_start + interval '3 months -1 day')::date
            ),
            (
                'year',
                to_char(d.quarter_start, 'YYYY'),
                date_trunc('year', d.quarter_start)::date,
                (date_trunc('year', d.quarter_start) + interval '1 year -1 day')::date
            ),
            ('round', d.round_code, d.round_start, d.round_end)
        ) AS p (period_type, period, period_start, period_end)
    CROSS JOIN
        LATERAL (
            VALUES
            ('all', '', 'all', 'all'),
            ('place', d.place, 'all', 'all'),
            ('sex', '', 'sex', d.sex),
            ('age_group', '', 'age_group', d.age_group),
            ('nationality', '', 'nationality', d.nationality)
        ) AS cut (dimension, place, profile, profile_value)
    WHERE
        p.period_end >= p.period_start
        AND (cut.dimension = 'all' OR cut.dimension = any(d.disaggregations))
        AND (cut.dimension <> 'place' OR cut.place <> '')
    GROUP BY
        d.indicator_id, d.minimum_cell, d.caveat_en, d.country_code, cut.place, p.period_type, p.period,
        p.period_start, p.period_end, cut.profile, cut.profile_value
),

-- Wilson score interval, z = 1.959963984540054 for 95 in 100: (2n + z² ± z·sqrt(z² + 4n(base - n)/base)) / 2(base + z²)
bounded AS (
    SELECT
        c.*,
        c.base < c.minimum_cell AS is_suppressed,
        3.841458820694124::numeric AS z2,
        1.959963984540054::numeric
        * sqrt(3.841458820694124::numeric + 4::numeric * c.n * (c.base - c.n) / nullif(c.base, 0)) AS spread
    FROM cell AS c
)

SELECT
    country_code AS partition_key,
    indicator_id,
    country_code,
    place,
    period_type,
    period,
    period_start,
    period_end,
    profile,
    profile_value,
    CASE WHEN NOT is_suppressed THEN n END AS n,
    CASE WHEN NOT is_suppressed THEN base END AS base,
    CASE WHEN NOT is_suppressed THEN n_excluded END AS n_excluded,
    CASE WHEN NOT is_suppressed THEN round(n::numeric / base, 6) END AS value,
    CASE WHEN NOT is_suppressed THEN round(greatest((2 * n + z2 - spread) / (2 * (base + z2)), 0), 6) END AS low,
    CASE WHEN NOT is_suppressed THEN round(least((2 * n + z2 + spread) / (2 * (base + z2)), 1), 6) END AS high,
    is_suppressed,
    sources,
    deliveries,
    caveat_en AS caveat
FROM bounded
