"""Finds the deliveries that no event announced."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task

from footprints_airflow.assets import LANDING, WOKEN


@dag(
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    tags=["landing"],
    default_args={"owner": "data-engineering", "retries": 2, "retry_delay": timedelta(seconds=30)},
)
def sweep_landing() -> None:
    """What the events missed.

    Lists the landing bucket every 15 minutes and enrols each version that the ledger does not hold. Where deliveries
    wait, it wakes `ingest_landing` itself, so that work goes on even if the watcher in the triggerer has stopped.

    More than a handful enrolled by the sweep means that events do not arrive: `docs/runbooks/sweep_landing.md`.
    """

    @task(outlets=[WOKEN])
    def sweep() -> dict[str, int]:
        from footprints.settings import settings
        from footprints.sweep import sweep as sweep_bucket

        swept = sweep_bucket(settings())
        if swept.n_pending:
            get_current_context()["outlet_events"][WOKEN].add(LANDING, extra={"n_pending": swept.n_pending})
        return {"n_listed": swept.n_listed, "n_enrolled": swept.n_enrolled, "n_pending": swept.n_pending}

    sweep()


sweep_landing()
