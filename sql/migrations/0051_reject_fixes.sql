-- Rows that were sent to fix others are found by what they were to fix, whenever one of these is put right.
CREATE INDEX reject_fixes_idx ON meta.reject (fixes_delivery, fixes_row) WHERE fixes_delivery IS NOT NULL;
