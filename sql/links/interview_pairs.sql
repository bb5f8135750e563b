-- Interviews that tell of deaths, each with the incidents that may be what was told of. The form does not ask for day and
-- place of the deaths: the day lies between departure and interview (a year before it, where the departure is not known),
-- the country among those of the stops where somebody died, or else among all stops. Numbers may differ by a fifth, or by 1.
--
-- score = 0.4 closeness + 0.3 if people died at a stop in that country, else 0.1 + 0.2 if the incident's place names the
-- stop's, + 0.1 (1 - days of the window / 600). From 0.6 a pair is proposed, of each interview the best three.
WITH told AS (
    SELECT
        source_id,
        record_key,
        interview_date,
        stops,
        (answers ->> 'n_deaths_witnessed')::numeric AS n,
        CASE
            WHEN answers ->> 'departure_date' ~ '^\d{4}-(0[1-9]|1[0-2])-([01]\d|2[0-8])$'
                THEN least((answers ->> 'departure_date')::date, interview_date)
            ELSE interview_date - 365
        END AS since
    FROM core.interview
    WHERE answers ->> 'witnessed_death' = 'yes' AND jsonb_typeof(answers -> 'n_deaths_witnessed') = 'number'
),

stop AS (
    SELECT
        t.source_id,
        t.record_key,
        s ->> 'stop_country' AS country_code,
        bool_or(coalesce(s -> 'stop_incidents' ? 'death', false)) AS is_deadly,
        array_agg(DISTINCT lower(s ->> 'stop_place')) FILTER (WHERE length(s ->> 'stop_place') > 3) AS places
    FROM told AS t
    CROSS JOIN jsonb_array_elements(t.stops) AS s
    GROUP BY t.source_id, t.record_key, s ->> 'stop_country'
),

incident AS (
    SELECT
        source_id,
        record_key,
        incident_date,
        country_code,
        lower(provider_location) AS place,
        coalesce(n_dead_and_missing, n_dead + coalesce(n_missing, 0), n_missing) AS n
    FROM core.incident
),

pair AS (
    SELECT
        t.source_id AS a_source,
        t.record_key AS a_key,
        i.source_id AS b_source,
        i.record_key AS b_key,
        t.interview_date,
        t.since,
        i.incident_date,
        t.n AS a_n,
        i.n AS b_n,
        stop.country_code,
        stop.is_deadly,
        coalesce((SELECT bool_or(position(p IN i.place) > 0) FROM unnest(stop.places) AS p), false) AS is_same_place
    FROM told AS t
    INNER JOIN stop ON t.source_id = stop.source_id AND t.record_key = stop.record_key
    INNER JOIN incident AS i
        ON
            stop.country_code = i.country_code
            AND i.incident_date BETWEEN t.since AND t.interview_date
            AND abs(t.n - i.n) <= greatest(1, greatest(t.n, i.n) / 5)
),

scored AS (
    SELECT
        *,
        round((
            0.4 * (1 - abs(a_n - b_n) / greatest(a_n, b_n, 1))
            + CASE WHEN is_deadly THEN 0.3 ELSE 0.1 END
            + CASE WHEN is_same_place THEN 0.2 ELSE 0 END
            + 0.1 * greatest(1 - (interview_date - since) / 600.0, 0)
        )::numeric, 3) AS score
    FROM pair
    WHERE a_n >= 1
),

ranked AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY a_source, a_key ORDER BY score DESC, b_source ASC, b_key ASC) AS place_in_queue
    FROM scored
    WHERE score >= 0.6
)

SELECT
    a_source,
    a_key,
    b_source,
    b_key,
    since,
    interview_date,
    incident_date,
    a_n::integer AS a_n,
    b_n,
    country_code,
    is_deadly,
    is_same_place,
    score
FROM ranked
WHERE place_in_queue <= 3
ORDER BY a_source, a_key, b_source, b_key
