-- Questionnaires as partners deliver them (XLSForms), and repeats of interviews other than the stops of a journey.

CREATE TABLE core.form_question (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    form_code text NOT NULL,
    form_version text,
    question_code text NOT NULL,
    question_type text NOT NULL,
    list_name text,
    group_path text,
    repeat_code text,
    theme text,
    labels jsonb NOT NULL,
    is_required boolean NOT NULL DEFAULT false,
    relevant text,
    group_relevant text,
    constraint_expression text,
    choice_filter text,
    calculation text,
    is_sensitive boolean NOT NULL DEFAULT false,
    extra jsonb,
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX form_question_delivery_idx ON core.form_question (delivery_id);

COMMENT ON TABLE core.form_question IS
'Questions of questionnaires as partners delivered them (XLSForms), in the order of row_number; questionnaires that come '
'with a contract stand in core.question. A newer version of a form restates its questions; one that it dropped stays, '
'for older interviews answered it.';
COMMENT ON COLUMN core.form_question.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.form_question.record_key IS
'What identifies the record within its source (the contract''s record_key, parts joined by |); a later delivery''s '
'record of the same key replaces it.';
COMMENT ON COLUMN core.form_question.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.form_question.row_number IS 'Row of the sheet survey as a spreadsheet shows it, 1-based.';
COMMENT ON COLUMN core.form_question.form_code IS 'Form that the question belongs to, as the contract or its settings name it.';
COMMENT ON COLUMN core.form_question.form_version IS 'Version in the settings of the form; null: none is given.';
COMMENT ON COLUMN core.form_question.question_code IS 'Name of the question; key in core.interview.answers.';
COMMENT ON COLUMN core.form_question.question_type IS 'Type in the XLSForm: select_one, select_multiple, integer, text, …';
COMMENT ON COLUMN core.form_question.list_name IS 'List of choices (core.form_choice); null: free answer.';
COMMENT ON COLUMN core.form_question.group_path IS 'Groups and repeats around it, outermost first, joined by /.';
COMMENT ON COLUMN core.form_question.repeat_code IS 'Innermost repeat around it: its answers come once per member; null: none.';
COMMENT ON COLUMN core.form_question.theme IS 'Theme or chapter, where the form has such a column.';
COMMENT ON COLUMN core.form_question.labels IS 'Wording by language (ISO 639-1 code where known, else the form''s word for it).';
COMMENT ON COLUMN core.form_question.is_required IS 'Whether it must be answered where it is asked.';
COMMENT ON COLUMN core.form_question.relevant IS 'Condition under which it is asked, as the XLSForm states it; null: always.';
COMMENT ON COLUMN core.form_question.group_relevant IS 'Conditions of the groups around it, joined by and; null: none.';
COMMENT ON COLUMN core.form_question.constraint_expression IS 'What an answer must satisfy, as the XLSForm states it.';
COMMENT ON COLUMN core.form_question.choice_filter IS 'Which choices of its list are offered, as the XLSForm states it.';
COMMENT ON COLUMN core.form_question.calculation IS 'Expression of a question of type calculate.';
COMMENT ON COLUMN core.form_question.is_sensitive IS
'Whether answers identify a person or place: said by the form (column sensitive or anonymise), or known by type or name.';
COMMENT ON COLUMN core.form_question.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';

CREATE TABLE core.form_choice (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    form_code text NOT NULL,
    list_name text NOT NULL,
    choice_code text NOT NULL,
    labels jsonb NOT NULL,
    filters jsonb NOT NULL DEFAULT '{}',
    extra jsonb,
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX form_choice_delivery_idx ON core.form_choice (delivery_id);

COMMENT ON TABLE core.form_choice IS 'Choices of the questions in core.form_question, in the order of row_number.';
COMMENT ON COLUMN core.form_choice.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.form_choice.record_key IS
'What identifies the record within its source (the contract''s record_key, parts joined by |); a later delivery''s '
'record of the same key replaces it.';
COMMENT ON COLUMN core.form_choice.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.form_choice.row_number IS 'Row of the sheet choices as a spreadsheet shows it, 1-based.';
COMMENT ON COLUMN core.form_choice.form_code IS 'Form that the list belongs to.';
COMMENT ON COLUMN core.form_choice.list_name IS 'List that the choice belongs to.';
COMMENT ON COLUMN core.form_choice.choice_code IS
'Code of the choice. A cascading list may have one twice, under different filters.';
COMMENT ON COLUMN core.form_choice.labels IS 'Wording by language (ISO 639-1 code where known, else the form''s word for it).';
COMMENT ON COLUMN core.form_choice.filters IS 'Cells of the other columns, which choice filters refer to.';
COMMENT ON COLUMN core.form_choice.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';

ALTER TABLE core.interview ADD COLUMN repeats jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN core.interview.repeats IS
'Other repeats of the form by name (household roster, …), each a list of objects of answers in order.';

CREATE TABLE core.interview_item (
    source_id text NOT NULL REFERENCES meta.source,
    record_key text NOT NULL,
    delivery_id bigint NOT NULL REFERENCES meta.delivery,
    row_number bigint NOT NULL,
    interview_key text NOT NULL,
    repeat_code text NOT NULL,
    answers jsonb NOT NULL,
    extra jsonb,
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX interview_item_delivery_idx ON core.interview_item (delivery_id);
CREATE INDEX interview_item_interview_idx ON core.interview_item (source_id, interview_key);

COMMENT ON TABLE core.interview_item IS
'Members of repeats that come as files of their own, one row each; they belong to the interview of the same source whose '
'record_key is interview_key. Those of interviews without consent are removed.';
COMMENT ON COLUMN core.interview_item.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.interview_item.record_key IS
'What identifies the record within its source (the contract''s record_key, parts joined by |); a later delivery''s '
'record of the same key replaces it.';
COMMENT ON COLUMN core.interview_item.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.interview_item.row_number IS
'Row of the delivered file as a spreadsheet shows it, 1-based; for JSON the position in the list.';
COMMENT ON COLUMN core.interview_item.interview_key IS 'Record key of the interview (core.interview).';
COMMENT ON COLUMN core.interview_item.repeat_code IS 'Name of the repeat in the form.';
COMMENT ON COLUMN core.interview_item.answers IS 'Answers by question code.';
COMMENT ON COLUMN core.interview_item.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';
