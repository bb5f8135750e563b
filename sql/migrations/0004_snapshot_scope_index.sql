-- A snapshot may have thousands of scopes (one for each pair of countries): whether a newer one covers a record is asked
-- record by record.
CREATE INDEX snapshot_scope_idx ON meta.snapshot (source_id, core_table, scope);
DROP INDEX meta.snapshot_source_idx;
