-- Incidents that are not counted, because another source tells of the same event and is counted. Of an event, one source
-- stands, with all of its incidents (one source may tell in two rows what another tells in one): the one with the best
-- source quality, then the one that knows the place, then the one that knows the number, then the first by name. Only
-- incidents that core holds take part: where the better source is withdrawn, the other one counts again.
DROP VIEW IF EXISTS core.incident_told_elsewhere;
CREATE VIEW core.incident_told_elsewhere AS
WITH member AS (
    SELECT
        e.event_id,
        i.source_id,
        i.record_key,
        max(i.source_quality) OVER told AS source_quality,
        count(i.latitude) OVER told > 0 AS has_place,
        count(coalesce(i.n_dead_and_missing, i.n_dead, i.n_missing)) OVER told > 0 AS has_number
    FROM meta.event_member AS e
    INNER JOIN core.incident AS i ON e.source_id = i.source_id AND e.record_key = i.record_key
    WINDOW told AS (PARTITION BY e.event_id, i.source_id)
),

judged AS (
    SELECT
        *,
        first_value(source_id) OVER (
            PARTITION BY event_id
            ORDER BY source_quality DESC NULLS LAST, has_place DESC, has_number DESC, source_id ASC
        ) AS counted_source
    FROM member
)

SELECT
    source_id,
    record_key,
    event_id,
    counted_source
FROM judged
WHERE source_id <> counted_source;

COMMENT ON VIEW core.incident_told_elsewhere IS
'Incidents that trends do not count: a confirmed pair leaves them to another source that tells of the same event.';
COMMENT ON COLUMN core.incident_told_elsewhere.source_id IS 'Source of the incident.';
COMMENT ON COLUMN core.incident_told_elsewhere.record_key IS 'Its record key.';
COMMENT ON COLUMN core.incident_told_elsewhere.event_id IS 'The event (meta.event_member).';
COMMENT ON COLUMN core.incident_told_elsewhere.counted_source IS 'The source whose incidents are counted for the event.';
