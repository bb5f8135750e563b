-- Pairs of incidents of two sources (:larger and :smaller) that may tell of one event.
--
-- Both have a place: at most 50 km and 3 days apart. One of them has none: the same country, at most 1 day apart, and
-- the same number of dead and missing, 3 or more. Numbers that both tell may differ by a fifth, or by 1.
-- Incidents are compared only within a cell of 1 degree and a week; the smaller source stands in the cells and weeks
-- around too (beyond 63 degrees of latitude 50 km may reach further than that).
--
-- score = 0.4 (1 - days / 4) + 0.3 (1 - km / 60) + 0.3 closeness * weight; closeness = 1 - difference / larger number,
-- weight = 0.5 + 0.5 ln(1 + larger) / ln(21), at most 1: that both tell of 40 dead says more than that both tell of one.
-- Without a place 0.15 stands for the second part, without a number 0.05 for the third. From 0.6 a pair is proposed, of
-- each incident the best three.
WITH larger AS (
    SELECT
        record_key,
        incident_date,
        country_code,
        latitude,
        longitude,
        coalesce(n_dead_and_missing, n_dead + coalesce(n_missing, 0), n_missing) AS n,
        floor(latitude)::integer AS y,
        floor(longitude)::integer AS x,
        (incident_date - date '2000-01-03') / 7 AS week
    FROM core.incident
    WHERE source_id = :larger
),

smaller AS (
    SELECT
        record_key,
        incident_date,
        country_code,
        latitude,
        longitude,
        coalesce(n_dead_and_missing, n_dead + coalesce(n_missing, 0), n_missing) AS n
    FROM core.incident
    WHERE source_id = :smaller
),

around AS (
    SELECT DISTINCT
        s.*,
        floor(s.latitude)::integer + north.dy AS y,
        floor(s.longitude)::integer + east.dx AS x,
        (s.incident_date + margin.days - date '2000-01-03') / 7 AS week
    FROM smaller AS s
    CROSS JOIN generate_series(-1, 1) AS north (dy)
    CROSS JOIN generate_series(-1, 1) AS east (dx)
    CROSS JOIN (VALUES (-3), (3)) AS margin (days)
    WHERE s.latitude IS NOT NULL AND s.longitude IS NOT NULL
),

near AS (
    SELECT
        l.record_key AS larger_key,
        a.record_key AS smaller_key,
        l.incident_date AS larger_date,
        a.incident_date AS smaller_date,
        l.n AS larger_n,
        a.n AS smaller_n,
        2 * 6371 * asin(least(1, sqrt(
            sin(radians(a.latitude - l.latitude) / 2) ^ 2
            + cos(radians(l.latitude)) * cos(radians(a.latitude)) * sin(radians(a.longitude - l.longitude) / 2) ^ 2
        ))) AS km
    FROM larger AS l
    INNER JOIN around AS a ON l.y = a.y AND l.x = a.x AND l.week = a.week
    WHERE abs(l.incident_date - a.incident_date) <= 3
),

placeless AS (
    SELECT
        l.record_key AS larger_key,
        s.record_key AS smaller_key,
        l.incident_date AS larger_date,
        s.incident_date AS smaller_date,
        l.n AS larger_n,
        s.n AS smaller_n,
        NULL::double precision AS km
    FROM smaller AS s
    CROSS JOIN generate_series(-1, 1) AS margin (days)
    INNER JOIN larger AS l
        ON s.country_code = l.country_code AND s.incident_date + margin.days = l.incident_date AND s.n = l.n
    WHERE s.n >= 3 AND (s.latitude IS NULL OR s.longitude IS NULL OR l.latitude IS NULL OR l.longitude IS NULL)
),

pair AS (
    SELECT
        *,
        abs(larger_date - smaller_date) AS days,
        greatest(larger_n, smaller_n) AS most,
        abs(larger_n - smaller_n) AS difference
    FROM (
        SELECT * FROM near
        UNION ALL
        SELECT * FROM placeless
    ) AS found
    WHERE km IS NULL OR km <= 50
),

scored AS (
    SELECT
        *,
        round((
            0.4 * (1 - days / 4.0)
            + CASE WHEN km IS NULL THEN 0.15 ELSE 0.3 * (1 - km / 60) END
            + CASE
                WHEN difference IS NULL THEN 0.05
                ELSE
                    0.3 * (1 - difference::numeric / greatest(most, 1))
                    * least(0.5 + 0.5 * ln(1 + most) / ln(21), 1)
            END
        )::numeric, 3) AS score
    FROM pair
    WHERE difference IS NULL OR difference <= greatest(1, most / 5.0)
),

ranked AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY larger_key ORDER BY score DESC, smaller_key ASC) AS larger_rank,
        row_number() OVER (PARTITION BY smaller_key ORDER BY score DESC, larger_key ASC) AS smaller_rank
    FROM scored
    WHERE score >= 0.6
)

SELECT
    larger_key,
    smaller_key,
    larger_date,
    smaller_date,
    larger_n,
    smaller_n,
    days,
    round(km::numeric, 1)::double precision AS km,
    score
FROM ranked
WHERE larger_rank <= 3 AND smaller_rank <= 3
ORDER BY larger_key, smaller_key
