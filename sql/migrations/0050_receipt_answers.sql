-- What a receipt says beyond its issues must be said again when it is written anew: when a later delivery fixes its rows.
ALTER TABLE meta.delivery ADD COLUMN answer jsonb;
ALTER TABLE meta.delivery ADD COLUMN n_rows_flagged bigint;
-- A file of rows to fix says nothing of the rows that it does not hold: it is compared with no other delivery.
ALTER TABLE meta.delivery ADD COLUMN is_part boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN meta.delivery.answer IS
'What its receipt says of rhythm, quality, and the files beside it; no cell.';
COMMENT ON COLUMN meta.delivery.n_rows_flagged IS 'Rows that were loaded and that a rule flagged.';
COMMENT ON COLUMN meta.delivery.is_part IS 'Whether it holds only rows of earlier deliveries, put right.';

-- A row of a later delivery closes a reject: it is known again by a keyed hash of its record key, or by the reference
-- that our file of rows to fix carries.
ALTER TABLE meta.reject ADD COLUMN key_hashes text[] NOT NULL DEFAULT '{}';
ALTER TABLE meta.reject ADD COLUMN fixes_delivery bigint;
ALTER TABLE meta.reject ADD COLUMN fixes_sheet text;
ALTER TABLE meta.reject ADD COLUMN fixes_row bigint;
ALTER TABLE meta.reject ADD COLUMN closed_by bigint REFERENCES meta.delivery;
CREATE INDEX reject_closed_idx ON meta.reject (closed_by);

COMMENT ON COLUMN meta.reject.key_hashes IS
'Keyed hashes of the keys of its first records, as far as they could be read. Analysts do not see them.';
COMMENT ON COLUMN meta.reject.fixes_delivery IS 'Delivery whose rejected row this one was to fix, by its reference.';
COMMENT ON COLUMN meta.reject.fixes_sheet IS 'Sheet of the row that it was to fix.';
COMMENT ON COLUMN meta.reject.fixes_row IS 'Number of the row that it was to fix.';
COMMENT ON COLUMN meta.reject.closed_by IS 'Later delivery whose row of the same key, or reference, is good; null: open.';
