-- The interviews that count: as delivered, but for what cleaning logs correct. Trends, views and dashboards read this.

CREATE OR REPLACE VIEW core.interview_current AS
SELECT i.*
FROM core.interview AS i
WHERE
    NOT EXISTS (
        SELECT 1 FROM core.interview_patch AS p
        WHERE p.source_id = i.source_id AND p.record_key = i.record_key
    )
UNION ALL
SELECT corrected.*
FROM core.interview_patch AS p
INNER JOIN core.interview AS i ON p.source_id = i.source_id AND p.record_key = i.record_key
CROSS JOIN LATERAL jsonb_populate_record(i, p.patch) AS corrected
WHERE NOT p.is_deleted;

COMMENT ON VIEW core.interview_current IS
'Interviews that count, with the corrections of cleaning logs: what trends and dashboards read. As delivered: core.interview.';

-- Its columns are those of core.interview, and mean the same.
DO $$
DECLARE
    named record;
BEGIN
    FOR named IN
        SELECT attname, col_description(attrelid, attnum) AS meaning
        FROM pg_attribute
        WHERE attrelid = 'core.interview'::regclass AND attnum > 0 AND NOT attisdropped
    LOOP
        EXECUTE format('COMMENT ON COLUMN core.interview_current.%I IS %L', named.attname, named.meaning);
    END LOOP;
END
$$;
