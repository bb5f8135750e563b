-- How each interview fared in the checks: goes with its interview, and is stated by the same delivery.
CREATE TABLE core.interview_check (
    source_id text NOT NULL,
    record_key text NOT NULL,
    minutes double precision,
    n_answered integer,
    n_dont_know integer,
    n_refused integer,
    n_other integer,
    flags text[] NOT NULL,
    PRIMARY KEY (source_id, record_key),
    FOREIGN KEY (source_id, record_key) REFERENCES core.interview ON DELETE CASCADE
);

COMMENT ON TABLE core.interview_check IS
'How each interview fared in the checks of the delivery that states it: for the review of enumerators.';
COMMENT ON COLUMN core.interview_check.source_id IS 'Source of the interview (core.interview).';
COMMENT ON COLUMN core.interview_check.record_key IS 'Record key of the interview (core.interview).';
COMMENT ON COLUMN core.interview_check.minutes IS 'Minutes from start to end; null: unknown, or it ends before it starts.';
COMMENT ON COLUMN core.interview_check.n_answered IS 'Questions that were answered, those on stops included.';
COMMENT ON COLUMN core.interview_check.n_dont_know IS 'Those of them answered with "don''t know".';
COMMENT ON COLUMN core.interview_check.n_refused IS 'Those of them answered with "refused".';
COMMENT ON COLUMN core.interview_check.n_other IS 'Those of them answered with "other".';
COMMENT ON COLUMN core.interview_check.flags IS 'Rules that flagged it, in alphabetical order.';
