-- What a delivery covers and adds up to, by layout: the next one is compared with it.
ALTER TABLE meta.delivery ADD COLUMN profile jsonb;
