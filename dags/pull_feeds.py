"""Fetches what partners' APIs and buckets hold for us."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task


@dag(
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
    catchup=False,
    is_paused_upon_creation=False,
    # A long pull must not hold up the other feeds; nobody pulls the same feed twice at a time.
    max_active_runs=4,
    tags=["landing"],
    default_args={"owner": "data-engineering", "retries": 0},
)
def pull_feeds() -> None:
    """Deliveries that we fetch ourselves, from partners' APIs and from their own buckets.

    Which source is fetched from where, and how often, stands in the section `feed` of its contract; which of them are
    fetched at all, in `FOOTPRINTS_FEEDS`. What is new is put into landing, enrolled, and goes the way of any delivery.

    * **due** asks which feeds are due by their cadence.
    * **pull** fetches one feed each. What a partner's server does wrong is data about that feed (`meta.feed`,
      `footprints feeds`) and leaves the task green; a red task is a fault of ours.

    A pull that was killed goes on where it was, with the next run: `docs/runbooks/pull_feeds.md`.
    """

    @task
    def due() -> list[str]:
        from footprints.feeds import pull as feeds
        from footprints.settings import settings
        from footprints_airflow.connections import secrets

        return feeds.due(settings(), secrets(settings()))

    @task(map_index_template="{{ feed }}", execution_timeout=timedelta(hours=6))
    def pull(source: str) -> dict[str, int | str]:
        from footprints.feeds import pull as feeds
        from footprints.settings import settings
        from footprints_airflow.connections import secrets

        get_current_context()["feed"] = source  # type: ignore[typeddict-unknown-key]
        pulled = feeds.pull(source, settings(), secrets=secrets(settings()))
        return {"outcome": pulled.outcome, **pulled.n_items}

    pull.expand(source=due())


pull_feeds()
