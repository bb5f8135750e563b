-- The answers and the stops of the interviews, one row each, for analysts.

CREATE OR REPLACE VIEW core.interview_answer AS
SELECT
    i.source_id,
    i.record_key,
    i.delivery_id,
    i.interview_country_code,
    i.interview_date,
    i.round_code,
    a.key AS question_code,
    q.theme,
    v.answer
FROM core.interview_current AS i
CROSS JOIN LATERAL jsonb_each(i.answers) AS a (key, value)
CROSS JOIN
    LATERAL (
        SELECT e.answer
        FROM jsonb_array_elements_text(
            CASE jsonb_typeof(a.value) WHEN 'array' THEN a.value ELSE jsonb_build_array(a.value) END
        ) AS e (answer)
    ) AS v
LEFT JOIN core.question AS q ON i.source_id = q.source_id AND a.key = q.question_code;

COMMENT ON VIEW core.interview_answer IS 'Answers of the interviews, one row per question and, where several choices may be given, per choice.';
COMMENT ON COLUMN core.interview_answer.source_id IS 'Source of the interview.';
COMMENT ON COLUMN core.interview_answer.record_key IS 'Record key of the interview.';
COMMENT ON COLUMN core.interview_answer.delivery_id IS 'Delivery that states the interview.';
COMMENT ON COLUMN core.interview_answer.interview_country_code IS 'Country of the interview, ISO 3166-1 alpha-3.';
COMMENT ON COLUMN core.interview_answer.interview_date IS 'Day of the interview.';
COMMENT ON COLUMN core.interview_answer.round_code IS 'Round of the survey, first and last month.';
COMMENT ON COLUMN core.interview_answer.question_code IS 'Question of the form (core.question).';
COMMENT ON COLUMN core.interview_answer.theme IS 'Theme of the question.';
COMMENT ON COLUMN core.interview_answer.answer IS 'Code of the choice (core.choice), number or text.';

CREATE OR REPLACE VIEW core.journey_stop AS
SELECT
    i.source_id,
    i.record_key,
    i.delivery_id,
    i.interview_country_code,
    i.interview_date,
    i.round_code,
    s.stop_number::integer AS stop_number,
    s.stop ->> 'stop_country' AS stop_country_code,
    s.stop ->> 'stop_place' AS provider_stop_place,
    s.stop ->> 'stop_transport' AS transport_code,
    (s.stop ->> 'stop_days')::numeric AS n_days,
    s.stop ->> 'stop_safety' AS safety_code,
    coalesce(
        array(SELECT e.code FROM jsonb_array_elements_text(s.stop -> 'stop_incidents') AS e (code)), ARRAY[]::text[]
    ) AS incident_codes
FROM core.interview_current AS i
CROSS JOIN LATERAL jsonb_array_elements(i.stops) WITH ORDINALITY AS s (stop, stop_number);

COMMENT ON VIEW core.journey_stop IS 'Stops of the journeys told in the interviews, one row per stop, in the order told.';
COMMENT ON COLUMN core.journey_stop.source_id IS 'Source of the interview.';
COMMENT ON COLUMN core.journey_stop.record_key IS 'Record key of the interview.';
COMMENT ON COLUMN core.journey_stop.delivery_id IS 'Delivery that states the interview.';
COMMENT ON COLUMN core.journey_stop.interview_country_code IS 'Country of the interview, ISO 3166-1 alpha-3.';
COMMENT ON COLUMN core.journey_stop.interview_date IS 'Day of the interview.';
COMMENT ON COLUMN core.journey_stop.round_code IS 'Round of the survey, first and last month.';
COMMENT ON COLUMN core.journey_stop.stop_number IS 'Place of the stop on the way, from 1.';
COMMENT ON COLUMN core.journey_stop.stop_country_code IS 'Country of the stop: ISO 3166-1 alpha-3, or other, dont_know, refused.';
COMMENT ON COLUMN core.journey_stop.provider_stop_place IS 'Place of the stop in the words of the interview.';
COMMENT ON COLUMN core.journey_stop.transport_code IS 'Mode of transport to the stop (choice of the list transports).';
COMMENT ON COLUMN core.journey_stop.n_days IS 'Days spent at the stop.';
COMMENT ON COLUMN core.journey_stop.safety_code IS 'Perceived safety (choice of the list safety).';
COMMENT ON COLUMN core.journey_stop.incident_codes IS 'Incidents suffered or seen at the stop (choices of the list incident_types); empty where none was told.';
