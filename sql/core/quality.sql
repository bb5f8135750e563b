-- How the checks of each source fared, month by month: the trend of quality.
DROP VIEW IF EXISTS meta.quality_month;
CREATE VIEW meta.quality_month AS
SELECT
    delivery.source_id,
    to_char(delivery.received_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month,
    result.suite,
    result.expectation_type,
    result.column_name,
    result.severity,
    count(DISTINCT delivery.delivery_id) AS n_deliveries,
    sum(result.n_checked)::bigint AS n_checked,
    sum(result.n_failed)::bigint AS n_failed,
    round(sum(result.n_failed) / nullif(sum(result.n_checked), 0), 6) AS share_failed
FROM meta.expectation_result AS result
INNER JOIN meta.delivery AS delivery ON result.delivery_id = delivery.delivery_id
GROUP BY 1, 2, 3, 4, 5, 6;

COMMENT ON VIEW meta.quality_month IS 'Results of the checks of each source by month of receipt: the trend of quality.';
COMMENT ON COLUMN meta.quality_month.source_id IS 'Source (meta.source).';
COMMENT ON COLUMN meta.quality_month.month IS 'Month of receipt in UTC, YYYY-MM.';
COMMENT ON COLUMN meta.quality_month.suite IS 'GX suite that the expectation stands in.';
COMMENT ON COLUMN meta.quality_month.expectation_type IS 'Type of the GX expectation.';
COMMENT ON COLUMN meta.quality_month.column_name IS 'Column of core that it is about; null: the table, or several columns.';
COMMENT ON COLUMN meta.quality_month.severity IS 'Severity in the suite: critical, warning or info.';
COMMENT ON COLUMN meta.quality_month.n_deliveries IS 'Deliveries that were checked.';
COMMENT ON COLUMN meta.quality_month.n_checked IS 'Values (or rows, or deliveries) that were checked.';
COMMENT ON COLUMN meta.quality_month.n_failed IS 'Those of them that failed.';
COMMENT ON COLUMN meta.quality_month.share_failed IS 'n_failed / n_checked, 0 to 1.';
