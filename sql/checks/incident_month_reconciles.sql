-- Sums of the cells against sums of the incidents, month by month, without those that are counted under another source.
WITH facts AS (
    SELECT
        to_char(date_trunc('month', incident_date), 'YYYY-MM') AS partition_key,
        count(*) AS n_incidents,
        sum(n_dead) AS n_dead,
        sum(n_missing) AS n_missing,
        sum(coalesce(n_dead_and_missing, n_dead + coalesce(n_missing, 0), n_missing)) AS n_dead_and_missing,
        sum(n_survivors) AS n_survivors
    FROM core.incident
    WHERE
        :touched
        AND (source_id, record_key) NOT IN (SELECT
            e.source_id,
            e.record_key
        FROM core.incident_told_elsewhere AS e)
    GROUP BY date_trunc('month', incident_date)
),

cells AS (
    SELECT
        partition_key,
        sum(n_incidents) AS n_incidents,
        sum(n_dead) AS n_dead,
        sum(n_missing) AS n_missing,
        sum(n_dead_and_missing) AS n_dead_and_missing,
        sum(n_survivors) AS n_survivors
    FROM pg_temp.fresh
    GROUP BY partition_key
)

SELECT
    coalesce(facts.partition_key, cells.partition_key) AS partition_key,
    coalesce(cells.n_incidents, 0) || ' incidents in the cells, ' || coalesce(facts.n_incidents, 0)
    || ' in core; dead and missing ' || coalesce(cells.n_dead_and_missing, 0) || ' and '
    || coalesce(facts.n_dead_and_missing, 0) AS problem
FROM facts
FULL JOIN cells ON facts.partition_key = cells.partition_key
WHERE
    (facts.n_incidents, facts.n_dead, facts.n_missing, facts.n_dead_and_missing, facts.n_survivors)
    IS DISTINCT FROM
    (cells.n_incidents, cells.n_dead, cells.n_missing, cells.n_dead_and_missing, cells.n_survivors)
