-- Providers rename their regions from one export to the next ("North Africa", "Northern Africa"): figures by region need
-- a code that stays.
ALTER TABLE core.incident ADD COLUMN region_code text;
ALTER TABLE trends.incident_month DROP CONSTRAINT incident_month_cell;
ALTER TABLE trends.incident_month DROP COLUMN provider_region CASCADE;
ALTER TABLE trends.incident_month ADD COLUMN region_code text;
ALTER TABLE trends.incident_month ADD CONSTRAINT incident_month_cell
UNIQUE NULLS NOT DISTINCT (partition_key, source_id, region_code, route_code, country_code);
COMMENT ON COLUMN trends.incident_month.region_code IS
'Region of incident (core.code, domain region); null: not stated, or not in our list.';
COMMENT ON COLUMN trends.incident_month.n_dead_and_missing IS
'People dead or missing: as the source totals them, else dead plus missing; null where no incident of the cell tells.';
