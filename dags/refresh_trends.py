"""Recomputes the trend partitions that deliveries have touched."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task


@dag(
    schedule=CronTriggerTimetable("30 1 * * *", timezone="UTC"),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    params={"full": Param(False, type="boolean", description="Recompute every partition, touched or not")},
    tags=["trends"],
    default_args={"owner": "data-engineering", "retries": 2, "retry_delay": timedelta(minutes=2)},
)
def refresh_trends() -> None:
    """Trend tables, nightly and on demand.

    Recomputes the partitions of the trend tables that deliveries touched since the last refresh, checks them, and swaps
    them in, each table in one transaction. Start it by hand to see today's deliveries in the figures now; with `full`
    it recomputes everything. `meta.refresh` records what was done.

    Beside it pairs of records that may tell of one event are searched for (`footprints links`), and Great Expectations'
    Data Docs are built from the stored results of checks (`FOOTPRINTS_DATA_DOCS_DIR`).

    If a check fails, the old figures stay: `docs/runbooks/refresh_trends.md`.
    """

    @task
    def refresh() -> list[dict[str, str | int]]:
        from footprints import trends
        from footprints.settings import settings
        from footprints.warehouse.engine import engine

        full = bool(get_current_context()["params"]["full"])
        results = trends.refresh(engine(settings().need("warehouse_url")), full=full)
        return [
            {"trend_table": result.trend_table, "n_partitions": result.n_partitions, "n_cells": result.n_cells_after}
            for result in results
        ]

    @task
    def write_data_docs() -> str:
        from footprints import nightly
        from footprints.settings import settings
        from footprints.warehouse.engine import engine

        return str(nightly.write_data_docs(engine(settings().need("warehouse_url")), settings()))

    @task
    def propose_links() -> int:
        from footprints import nightly
        from footprints.settings import settings
        from footprints.warehouse.engine import engine

        return nightly.propose_links(engine(settings().need("warehouse_url")), settings())

    # None needs another, and a failure of any must show.
    refresh()
    propose_links()
    write_data_docs()


refresh_trends()
