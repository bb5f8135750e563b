-- A snapshot may be complete for several periods apart (a download for the years 2014 and 2016 says nothing of 2015).
ALTER TABLE meta.snapshot DROP CONSTRAINT snapshot_pkey;
ALTER TABLE meta.snapshot ADD CONSTRAINT snapshot_period_key
UNIQUE NULLS NOT DISTINCT (delivery_id, core_table, scope, period_from);
