-- Cleaning logs as partners deliver them, and what they make of the interviews that they name.

CREATE TABLE core.correction (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    corrects_source text NOT NULL,
    interview_key text NOT NULL,
    question_code text,
    old_value text,
    new_value text,
    action_code text NOT NULL CHECK (action_code IN ('change', 'blank', 'delete', 'none', 'unclear')),
    issue text,
    check_code text,
    logged_on date,
    extra jsonb,
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX correction_delivery_idx ON core.correction (delivery_id);
CREATE INDEX correction_interview_idx ON core.correction (corrects_source, interview_key);

COMMENT ON TABLE core.correction IS
'Entries of cleaning logs: what a reviewer found in an interview and what is to become of it. What became of each entry '
'stands in core.correction_outcome.';
COMMENT ON COLUMN core.correction.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.correction.record_key IS
'What identifies the record within its source (the contract''s record_key, parts joined by |); a later delivery''s '
'record of the same key replaces it.';
COMMENT ON COLUMN core.correction.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.correction.row_number IS
'Row of the delivered file as a spreadsheet shows it, 1-based; for JSON the position in the list.';
COMMENT ON COLUMN core.correction.corrects_source IS 'Survey that it corrects (meta.source).';
COMMENT ON COLUMN core.correction.interview_key IS 'Record key of the interview in that survey (core.interview).';
COMMENT ON COLUMN core.correction.question_code IS 'Question of the form; null: the interview as a whole.';
COMMENT ON COLUMN core.correction.old_value IS
'Answer that the log saw; null: none, or a question whose answers are never kept.';
COMMENT ON COLUMN core.correction.new_value IS
'Answer that it is to become; null: none, or a question whose answers are never kept.';
COMMENT ON COLUMN core.correction.action_code IS
'change (the new value counts), blank (no answer counts), delete (the interview does not count), none (looked at, nothing '
'to do), unclear (the log''s word for it is in no map).';
COMMENT ON COLUMN core.correction.issue IS 'What the reviewer found, in the words of the log.';
COMMENT ON COLUMN core.correction.check_code IS 'Check that found it, as the log numbers it.';
COMMENT ON COLUMN core.correction.logged_on IS 'Day that the log gives.';
COMMENT ON COLUMN core.correction.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';

CREATE TABLE core.correction_outcome (
    source_id text NOT NULL,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    corrects_source text NOT NULL,
    outcome_code text NOT NULL CHECK (
        outcome_code IN ('applied', 'already', 'differs', 'absent', 'unknown_question', 'invalid', 'none', 'unclear')
    ),
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX correction_outcome_corrects_idx ON core.correction_outcome (corrects_source);
CREATE INDEX correction_outcome_delivery_idx ON core.correction_outcome (delivery_id);

COMMENT ON TABLE core.correction_outcome IS
'What became of each entry of a cleaning log, as of the interviews that stand now. Derived from core.correction and '
'core.interview whenever one of them changes.';
COMMENT ON COLUMN core.correction_outcome.source_id IS 'Source of the log (meta.source).';
COMMENT ON COLUMN core.correction_outcome.record_key IS 'Entry of the log (core.correction).';
COMMENT ON COLUMN core.correction_outcome.delivery_id IS 'Delivery that states the entry (meta.delivery).';
COMMENT ON COLUMN core.correction_outcome.corrects_source IS 'Survey that it corrects (meta.source).';
COMMENT ON COLUMN core.correction_outcome.outcome_code IS
'applied; already (the interview says so already); differs (the answer is not the log''s old value: nothing was done); '
'absent (no such interview); unknown_question (the interview has no such column or question); invalid (the new value is '
'no answer to it); none (the log asks for nothing); unclear (the log''s action is not known).';

CREATE TABLE core.interview_patch (
    source_id text NOT NULL,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    patch jsonb NOT NULL,
    is_deleted boolean NOT NULL,
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX interview_patch_delivery_idx ON core.interview_patch (delivery_id);

COMMENT ON TABLE core.interview_patch IS
'What corrections make of an interview; core.interview keeps it as delivered, core.interview_current shows it corrected. '
'Derived, as core.correction_outcome.';
COMMENT ON COLUMN core.interview_patch.source_id IS 'Survey (meta.source).';
COMMENT ON COLUMN core.interview_patch.record_key IS 'Interview (core.interview).';
COMMENT ON COLUMN core.interview_patch.delivery_id IS 'Delivery that states the interview (meta.delivery).';
COMMENT ON COLUMN core.interview_patch.patch IS 'Columns of core.interview that differ, with the values that count.';
COMMENT ON COLUMN core.interview_patch.is_deleted IS 'Whether the interview does not count at all.';
