-- The questions of every survey, whether the questionnaire came with the contract or was delivered.

CREATE OR REPLACE VIEW core.questionnaire AS
SELECT
    source_id,
    form_code,
    question_code,
    question_type,
    list_name,
    group_path,
    repeat_code,
    theme,
    labels ->> 'en' AS label_en,
    labels ->> 'fr' AS label_fr,
    labels ->> 'ar' AS label_ar,
    is_required,
    nullif(concat_ws(' and ', '(' || group_relevant || ')', '(' || relevant || ')'), '') AS relevant,
    is_sensitive,
    delivery_id,
    row_number
FROM core.form_question
UNION ALL
SELECT
    source_id,
    'contract' AS form_code,
    question_code,
    question_type,
    list_name,
    null AS group_path,
    null AS repeat_code,
    theme,
    label_en,
    label_fr,
    label_ar,
    null AS is_required,
    relevant,
    null AS is_sensitive,
    null AS delivery_id,
    null AS row_number
FROM core.question;

COMMENT ON VIEW core.questionnaire IS
'Questions of every survey: of questionnaires that partners delivered (core.form_question), and of those that come with a '
'contract (core.question).';
COMMENT ON COLUMN core.questionnaire.source_id IS 'Survey (meta.source).';
COMMENT ON COLUMN core.questionnaire.form_code IS 'Form; contract: the questionnaire that comes with the contract.';
COMMENT ON COLUMN core.questionnaire.question_code IS 'Name of the question; key in core.interview.answers.';
COMMENT ON COLUMN core.questionnaire.question_type IS 'Type in the XLSForm.';
COMMENT ON COLUMN core.questionnaire.list_name IS 'List of choices; null: free answer.';
COMMENT ON COLUMN core.questionnaire.group_path IS 'Groups around it, outermost first, joined by /; null: none, or not kept.';
COMMENT ON COLUMN core.questionnaire.repeat_code IS 'Repeat around it; null: none, or not kept.';
COMMENT ON COLUMN core.questionnaire.theme IS 'Theme or chapter.';
COMMENT ON COLUMN core.questionnaire.label_en IS 'Wording, English.';
COMMENT ON COLUMN core.questionnaire.label_fr IS 'Wording, French.';
COMMENT ON COLUMN core.questionnaire.label_ar IS 'Wording, Arabic.';
COMMENT ON COLUMN core.questionnaire.is_required IS 'Whether it must be answered where it is asked; null: not kept.';
COMMENT ON COLUMN core.questionnaire.relevant IS 'Condition under which it is asked, its groups'' included; null: always.';
COMMENT ON COLUMN core.questionnaire.is_sensitive IS 'Whether answers identify a person or place; null: not kept.';
COMMENT ON COLUMN core.questionnaire.delivery_id IS 'Delivery that states it (meta.delivery); null: it comes with the contract.';
COMMENT ON COLUMN core.questionnaire.row_number IS 'Row of the sheet survey: the order of the questions; null: with the contract.';
