-- The same death told by two sources: pairs proposed for review, what a person decided, and the events that follow.
-- Decisions belong to the ledger: they stay when records are withdrawn or built anew, and hold again when those return.
CREATE TABLE meta.link_proposal (
    link_id text PRIMARY KEY,
    a_table text NOT NULL CHECK (a_table IN ('incident', 'interview')),
    a_source text NOT NULL,
    a_key_sha256 text NOT NULL,
    a_record_key text,
    b_table text NOT NULL CHECK (b_table = 'incident'),
    b_source text NOT NULL,
    b_key_sha256 text NOT NULL,
    b_record_key text NOT NULL,
    score numeric(4, 3) NOT NULL CHECK (score BETWEEN 0 AND 1),
    reasons jsonb NOT NULL
);

COMMENT ON TABLE meta.link_proposal IS
'Pairs of records of two sources that may tell of one event, for review; found anew from core each night.';
COMMENT ON COLUMN meta.link_proposal.link_id IS
'Made of sources and keys of both records: the same pair has the same id for ever.';
COMMENT ON COLUMN meta.link_proposal.a_table IS 'Table of core that holds the one record: incident, or interview.';
COMMENT ON COLUMN meta.link_proposal.a_source IS 'Source of the one record.';
COMMENT ON COLUMN meta.link_proposal.a_key_sha256 IS 'SHA-256 of its record key, in hex.';
COMMENT ON COLUMN meta.link_proposal.a_record_key IS 'Its record key; null for an interview.';
COMMENT ON COLUMN meta.link_proposal.b_table IS 'Table of core that holds the other record: incident.';
COMMENT ON COLUMN meta.link_proposal.b_source IS 'Source of the other record.';
COMMENT ON COLUMN meta.link_proposal.b_key_sha256 IS 'SHA-256 of its record key, in hex.';
COMMENT ON COLUMN meta.link_proposal.b_record_key IS 'Its record key.';
COMMENT ON COLUMN meta.link_proposal.score IS 'How much speaks for it, 0 to 1; the formula stands in sql/links.';
COMMENT ON COLUMN meta.link_proposal.reasons IS 'What was compared: days, kilometres, deaths told by each, dates.';

CREATE TABLE meta.link_decision (
    link_id text PRIMARY KEY,
    a_table text NOT NULL CHECK (a_table IN ('incident', 'interview')),
    a_source text NOT NULL,
    a_key_sha256 text NOT NULL,
    a_record_key text,
    b_table text NOT NULL CHECK (b_table = 'incident'),
    b_source text NOT NULL,
    b_key_sha256 text NOT NULL,
    b_record_key text NOT NULL,
    decision text NOT NULL CHECK (decision IN ('confirmed', 'rejected')),
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE meta.link_decision IS 'What a person decided of a pair; it outlives the records.';
COMMENT ON COLUMN meta.link_decision.link_id IS 'The pair (meta.link_proposal).';
COMMENT ON COLUMN meta.link_decision.a_table IS 'Table of core of the one record: incident, or interview.';
COMMENT ON COLUMN meta.link_decision.a_source IS 'Source of the one record.';
COMMENT ON COLUMN meta.link_decision.a_key_sha256 IS 'SHA-256 of its record key, in hex.';
COMMENT ON COLUMN meta.link_decision.a_record_key IS 'Its record key; null for an interview.';
COMMENT ON COLUMN meta.link_decision.b_table IS 'Table of core of the other record: incident.';
COMMENT ON COLUMN meta.link_decision.b_source IS 'Source of the other record.';
COMMENT ON COLUMN meta.link_decision.b_key_sha256 IS 'SHA-256 of its record key, in hex.';
COMMENT ON COLUMN meta.link_decision.b_record_key IS 'Its record key.';
COMMENT ON COLUMN meta.link_decision.decision IS 'confirmed: one event, counted once; rejected: two events.';
COMMENT ON COLUMN meta.link_decision.decided_by IS 'Who decided; analysts do not see it.';
COMMENT ON COLUMN meta.link_decision.decided_at IS 'When.';

CREATE TABLE meta.event_member (
    source_id text NOT NULL,
    record_key text NOT NULL,
    event_id text NOT NULL,
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX event_member_event_idx ON meta.event_member (event_id);

COMMENT ON TABLE meta.event_member IS
'Incidents that confirmed pairs join to one event, whether core holds them at present or not.';
COMMENT ON COLUMN meta.event_member.source_id IS 'Source of the incident (meta.source).';
COMMENT ON COLUMN meta.event_member.record_key IS 'Record key of the incident (core.incident).';
COMMENT ON COLUMN meta.event_member.event_id IS 'The event: the smallest id of its confirmed pairs.';
