-- Records whose person said no in some delivery: older deliveries may still hold them, core must not.
CREATE TABLE meta.refused_consent (
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    source_id text NOT NULL,
    core_table text NOT NULL,
    key_sha256 text NOT NULL,
    PRIMARY KEY (source_id, core_table, key_sha256, delivery_id)
);
CREATE INDEX refused_consent_delivery_idx ON meta.refused_consent (delivery_id);
