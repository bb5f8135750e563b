-- Who may do what; applied after every migration, so it also covers what a migration adds.
--
--   footprints_owner      owns the objects, runs the migrations
--   footprints_loader     reads and writes rows in meta, staging, core and trends; temporary tables; no DDL
--   footprints_analyst    reads core, trends and the ledger; no rejected values, contacts or hashes of persons
--   footprints_dashboard  reads trends
--
-- The stack creates the roles with passwords before the first migration. On a plain server those that are missing are
-- created here without login, for an administrator to open.

DO $$
DECLARE
    role_name text;
    object record;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'footprints_owner', 'footprints_loader', 'footprints_analyst', 'footprints_dashboard'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        END IF;
    END LOOP;

    -- Where an administrator ran the migrations, hand the objects over.
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        FOR object IN
            SELECT format('SCHEMA %I', nspname) AS name
            FROM pg_namespace
            WHERE nspname IN ('meta', 'staging', 'core', 'trends')
            UNION ALL
            SELECT format('%s %I.%I', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
                n.nspname, c.relname)
            FROM pg_class AS c
            INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
            WHERE
                c.relkind IN ('r', 'p', 'v', 'm')
                AND (n.nspname IN ('meta', 'staging', 'core', 'trends')
                    OR (n.nspname = 'public' AND c.relname = 'schema_migration'))
            UNION ALL
            SELECT format('ROUTINE %s', p.oid::regprocedure)
            FROM pg_proc AS p
            INNER JOIN pg_namespace AS n ON p.pronamespace = n.oid
            WHERE n.nspname IN ('meta', 'staging', 'core', 'trends')
        LOOP
            EXECUTE format('ALTER %s OWNER TO footprints_owner', object.name);
        END LOOP;
    END IF;

    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format(
        'GRANT CONNECT ON DATABASE %I TO footprints_owner, footprints_loader, footprints_analyst, footprints_dashboard',
        current_database()
    );
    EXECUTE format('GRANT CREATE ON DATABASE %I TO footprints_owner', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO footprints_owner, footprints_loader', current_database());
END
$$;

REVOKE ALL ON SCHEMA public, meta, staging, core, trends FROM public;
REVOKE ALL ON ALL TABLES IN SCHEMA public, meta, staging, core, trends FROM public;
REVOKE ALL ON ALL ROUTINES IN SCHEMA public, meta, staging, core, trends FROM public;
GRANT USAGE, CREATE ON SCHEMA public TO footprints_owner;

-- Start from nothing: a grant that is taken out of this file is gone after the next migration.
REVOKE ALL ON ALL TABLES IN SCHEMA meta, staging, core, trends
FROM footprints_loader, footprints_analyst, footprints_dashboard;
REVOKE ALL ON ALL ROUTINES IN SCHEMA meta, staging, core, trends
FROM footprints_loader, footprints_analyst, footprints_dashboard;
REVOKE ALL ON SCHEMA public, meta, staging, core, trends FROM footprints_loader, footprints_analyst, footprints_dashboard;

GRANT USAGE ON SCHEMA meta, staging, core, trends TO footprints_loader;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA meta, staging, core, trends TO footprints_loader;
-- UPDATE, as deliveries keep their numbers when a lost ledger is restored: the sequence goes on after the last of them.
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA meta, staging, core, trends TO footprints_loader;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA meta, staging, core, trends TO footprints_loader;
-- A load that brings places analyzes their table itself. (sqlfluff does not know this privilege of Postgres 17 yet.)
GRANT MAINTAIN ON core.place TO footprints_loader; -- noqa: PRS

GRANT USAGE ON SCHEMA meta, core, trends TO footprints_analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA core, trends TO footprints_analyst;
GRANT SELECT ON
meta.source, meta.delivery, meta.issue, meta.expectation_result, meta.quality_month, meta.snapshot,
meta.touched_partition, meta.refresh, meta.feed, meta.feed_fetch, meta.enumerator_review,
meta.link_proposal, meta.link_decision, meta.event_member
TO footprints_analyst;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA core, trends TO footprints_analyst;

GRANT USAGE ON SCHEMA trends TO footprints_dashboard;
GRANT SELECT ON ALL TABLES IN SCHEMA trends TO footprints_dashboard;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA trends TO footprints_dashboard;

-- Tables of which an analyst sees all columns but these; `SELECT *` on them is refused, name the columns.
DO $$
DECLARE
    hidden record;
    visible text;
BEGIN
    FOR hidden IN
        SELECT *
        FROM (VALUES
            ('meta.partner', ARRAY['contact']),
            ('meta.feed_item', ARRAY['unfinished']),
            ('meta.refused_consent', ARRAY['key_sha256']),
            ('meta.reject', ARRAY['provider_values', 'key_hashes']),
            ('meta.link_decision', ARRAY['decided_by']),
            ('core.interview', ARRAY['enumerator_hash']),
            ('core.interview_current', ARRAY['enumerator_hash']),
            ('core.data_collection', ARRAY['contact'])
        ) AS h (table_name, columns)
    LOOP
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO visible
        FROM pg_attribute
        WHERE
            attrelid = hidden.table_name::regclass
            AND attnum > 0
            AND NOT attisdropped
            AND attname <> ALL (hidden.columns);
        EXECUTE format('REVOKE SELECT ON %s FROM footprints_analyst', hidden.table_name);
        EXECUTE format('GRANT SELECT (%s) ON %s TO footprints_analyst', visible, hidden.table_name);
    END LOOP;
END
$$;

-- What the owner, and whoever runs this, creates later. A new table of core stays closed to analysts until this file has
-- run again, which `migrate` does: a column that must be hidden is then named above.
DO $$
DECLARE
    creator text;
BEGIN
    FOR creator IN SELECT DISTINCT unnest(ARRAY['footprints_owner', current_user::text]) LOOP
        CONTINUE WHEN NOT pg_has_role(creator, 'MEMBER');
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE ALL ON ROUTINES FROM PUBLIC', creator);
        EXECUTE format(
            'ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA meta, staging, core, trends'
            ' GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO footprints_loader', creator
        );
        EXECUTE format(
            'ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA meta, staging, core, trends'
            ' GRANT USAGE, SELECT ON SEQUENCES TO footprints_loader', creator
        );
        EXECUTE format(
            'ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA trends'
            ' GRANT SELECT ON TABLES TO footprints_analyst, footprints_dashboard', creator
        );
    END LOOP;
END
$$;
