"""Turns waiting deliveries into receipts and warehouse rows."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, get_current_context, task

from footprints_airflow.assets import CORE, LANDING, core_table

DELIVERY_IDS = "delivery_ids"


@dag(
    schedule=[LANDING],
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=4,
    tags=["landing", "warehouse"],
    default_args={"owner": "data-engineering", "retries": 0},
)
def ingest_landing() -> None:
    """Deliveries become receipts and warehouse rows.

    Starts whenever deliveries wait in the ledger (`meta.delivery`, state `received`), however they came there.

    * **claim** takes what waits, up to `FOOTPRINTS_CLAIM_LIMIT`, and groups it into batches. A single batch, the usual
      case, it works through itself: a further task would cost the partner a second or two.
    * **process** works through one batch each, where there are several. Each delivery is a transaction and a verdict.
    * **announce** frees what a task that died still held, and says which core tables changed, also when others failed.

    A delivery that cannot be loaded is a verdict with a receipt, not a failed task. A red task is a fault of ours, and
    the ledger lets a later run try again, so these tasks have no retries: `docs/runbooks/ingest_landing.md`.
    """

    @task(map_index_template="{{ deliveries }}")
    def process(batch: list[int]) -> dict[str, int]:
        from footprints import work
        from footprints.settings import settings

        context = get_current_context()
        worked = work.process(batch, settings(), context["run_id"])
        context["deliveries"] = worked.label()  # type: ignore[typeddict-unknown-key]
        return worked.states_or_raise()

    @task
    def claim() -> list[list[int]]:
        from footprints import work
        from footprints.settings import settings

        context = get_current_context()
        ti, worker = context["ti"], context["run_id"]
        batches = work.claim(settings(), worker)
        ti.xcom_push(DELIVERY_IDS, [delivery_id for batch in batches for delivery_id in batch])
        if len(batches) != 1:
            return batches
        work.process(batches[0], settings(), worker).states_or_raise()
        return []

    @task(outlets=[CORE], retries=3, retry_delay=timedelta(seconds=10))
    def announce() -> dict[str, int]:
        from footprints import work
        from footprints.settings import settings

        context = get_current_context()
        work.release(settings(), context["run_id"])
        delivery_ids = context["ti"].xcom_pull(task_ids="claim", key=DELIVERY_IDS) or []
        for table, changes in work.changes(settings(), delivery_ids).items():
            context["outlet_events"][CORE].add(core_table(table), extra=changes)
        return work.states(settings(), delivery_ids)

    # A teardown runs whatever came before, and leaves it to the others whether the run has failed.
    process.expand(batch=claim()) >> announce().as_teardown()


ingest_landing()
