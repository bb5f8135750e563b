-- The review queue of enumerators: how each one's interviews of a round fared, against those of the others. It ranks, and
-- rejects nothing: who works where people refuse to speak has many refusals. An enumerator has a label here, made of the
-- keyed hash that stands for the person, so that an analyst can speak of one without holding the hash.
DROP VIEW IF EXISTS meta.enumerator_review;
CREATE VIEW meta.enumerator_review AS
WITH interview AS (
    SELECT
        i.source_id,
        i.round_code,
        'E' || left(encode(sha256(convert_to(i.source_id || '|' || i.enumerator_hash, 'UTF8')), 'hex'), 10) AS enumerator,
        c.minutes,
        c.n_answered,
        c.n_dont_know,
        c.n_refused,
        c.flags
    FROM core.interview AS i
    INNER JOIN core.interview_check AS c ON i.source_id = c.source_id AND i.record_key = c.record_key
    WHERE i.enumerator_hash IS NOT NULL
),

rule_count AS (
    SELECT
        source_id,
        round_code,
        enumerator,
        jsonb_object_agg(flag, n ORDER BY flag) AS flagged_by_rule
    FROM (
        SELECT
            interview.source_id,
            interview.round_code,
            interview.enumerator,
            flag,
            count(*) AS n
        FROM interview
        CROSS JOIN LATERAL unnest(interview.flags) AS flag
        GROUP BY 1, 2, 3, 4
    ) AS counted
    GROUP BY 1, 2, 3
),

enumerator AS (
    SELECT
        source_id,
        round_code,
        enumerator,
        count(*) AS n_interviews,
        count(*) FILTER (WHERE flags <> '{}') AS n_flagged,
        count(*) FILTER (WHERE flags <> '{}')::numeric / count(*) AS share_flagged,
        (percentile_cont(0.5) WITHIN GROUP (ORDER BY minutes))::numeric AS median_minutes,
        sum(n_dont_know)::numeric / nullif(sum(n_answered), 0) AS share_dont_know,
        sum(n_refused)::numeric / nullif(sum(n_answered), 0) AS share_refused,
        count(*) >= 5 AS is_ranked
    FROM interview
    GROUP BY 1, 2, 3
),

scored AS (
    SELECT
        *,
        CASE
            WHEN is_ranked
                THEN
                    (share_flagged - avg(share_flagged) OVER peers) / nullif(stddev_samp(share_flagged) OVER peers, 0)
        END AS z_flagged,
        CASE
            WHEN is_ranked
                THEN
                    (avg(median_minutes) OVER peers - median_minutes) / nullif(stddev_samp(median_minutes) OVER peers, 0)
        END AS z_short,
        CASE
            WHEN is_ranked
                THEN
                    (share_dont_know - avg(share_dont_know) OVER peers) / nullif(stddev_samp(share_dont_know) OVER peers, 0)
        END AS z_dont_know,
        CASE
            WHEN is_ranked
                THEN
                    (share_refused - avg(share_refused) OVER peers) / nullif(stddev_samp(share_refused) OVER peers, 0)
        END AS z_refused
    FROM enumerator
    WINDOW peers AS (PARTITION BY source_id, round_code, is_ranked)
),

ranked AS (
    SELECT
        *,
        greatest(z_flagged, z_short, z_dont_know, z_refused) AS z_highest
    FROM scored
)

SELECT
    ranked.source_id,
    ranked.round_code,
    ranked.enumerator,
    ranked.n_interviews,
    ranked.n_flagged,
    round(ranked.share_flagged, 4) AS share_flagged,
    coalesce(rule_count.flagged_by_rule, '{}') AS flagged_by_rule,
    round(ranked.median_minutes, 1) AS median_minutes,
    round(ranked.share_dont_know, 4) AS share_dont_know,
    round(ranked.share_refused, 4) AS share_refused,
    round(ranked.z_flagged, 2) AS z_flagged,
    round(ranked.z_short, 2) AS z_short,
    round(ranked.z_dont_know, 2) AS z_dont_know,
    round(ranked.z_refused, 2) AS z_refused,
    CASE
        WHEN ranked.z_highest IS NOT NULL
            THEN
                rank() OVER (
                    PARTITION BY ranked.source_id, ranked.round_code ORDER BY ranked.z_highest DESC NULLS LAST, ranked.enumerator ASC
                )
    END AS review_rank
FROM ranked
LEFT JOIN rule_count
    ON
        ranked.source_id = rule_count.source_id
        AND ranked.round_code = rule_count.round_code
        AND ranked.enumerator = rule_count.enumerator;

COMMENT ON VIEW meta.enumerator_review IS
'Review queue: the interviews of each enumerator and round against those of the others. It ranks, and rejects nothing.';
COMMENT ON COLUMN meta.enumerator_review.source_id IS 'Source (meta.source).';
COMMENT ON COLUMN meta.enumerator_review.round_code IS 'Round of the survey.';
COMMENT ON COLUMN meta.enumerator_review.enumerator IS 'Label of the enumerator within the source; no name, no number.';
COMMENT ON COLUMN meta.enumerator_review.n_interviews IS 'Interviews that stand in core.';
COMMENT ON COLUMN meta.enumerator_review.n_flagged IS 'Those of them that some rule flagged.';
COMMENT ON COLUMN meta.enumerator_review.share_flagged IS 'n_flagged / n_interviews, 0 to 1.';
COMMENT ON COLUMN meta.enumerator_review.flagged_by_rule IS 'Rule to number of interviews that it flagged.';
COMMENT ON COLUMN meta.enumerator_review.median_minutes IS 'Median of the minutes of an interview.';
COMMENT ON COLUMN meta.enumerator_review.share_dont_know IS 'Share of answers that are "don''t know", 0 to 1.';
COMMENT ON COLUMN meta.enumerator_review.share_refused IS 'Share of answers that are "refused", 0 to 1.';
COMMENT ON COLUMN meta.enumerator_review.z_flagged IS
'share_flagged against the enumerators of the round with 5 interviews or more, in standard deviations; null: fewer.';
COMMENT ON COLUMN meta.enumerator_review.z_short IS 'How much shorter than theirs the median interview is, likewise.';
COMMENT ON COLUMN meta.enumerator_review.z_dont_know IS 'share_dont_know likewise.';
COMMENT ON COLUMN meta.enumerator_review.z_refused IS 'share_refused likewise.';
COMMENT ON COLUMN meta.enumerator_review.review_rank IS
'Place in the queue of the round, by the highest of the four; null: too few interviews to say.';
