"""The trigger that tells Airflow when deliveries wait. It runs in the triggerer, for as long as the triggerer runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

if TYPE_CHECKING:
    from footprints.settings import Settings

GATHER_SECONDS = 0.05
"""After a wake, so long for the rest of a burst to arrive."""

MAX_BACKOFF_SECONDS = 30.0


class LandingTrigger(BaseEventTrigger):
    """Fires when deliveries wait in the ledger.

    It takes the messages of the SQS queue where there is one (enrols, then deletes), listens on the ledger's Postgres
    channel, and asks the ledger every `poll_seconds` in case a notification was missed. Whenever it (re)connects it
    also sweeps the bucket once, for the events that came while nothing listened.

    It does not fire twice for the same waiting delivery and attempt within `poll_seconds`: a run takes all that waits,
    oldest first, so while the oldest is the one that was announced, the run that will take it is still on its way.
    """

    def __init__(self, poll_seconds: float = 30.0) -> None:
        super().__init__()
        self.poll_seconds = poll_seconds
        self._helpers: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The path and arguments by which the triggerer makes this trigger."""
        return ("footprints_airflow.trigger.LandingTrigger", {"poll_seconds": self.poll_seconds})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yields an event with the number of waiting deliveries whenever a run should start."""
        settings = await asyncio.to_thread(_settings)
        self._helpers = [asyncio.create_task(self._listen(settings))]
        if settings.sqs_queue_url:
            self._helpers.append(asyncio.create_task(self._take_messages(settings)))
        announced: tuple[int, int] | None = None
        fired_at = 0.0
        try:
            while True:
                with suppress(TimeoutError):
                    # Not wait_for: that of Python 3.11 loses a cancellation that comes together with the wake.
                    async with asyncio.timeout(self.poll_seconds):
                        await self._wake.wait()
                    await asyncio.sleep(GATHER_SECONDS)
                self._wake.clear()
                try:
                    n_pending, oldest = await asyncio.to_thread(_pending, settings)
                except Exception as error:  # noqa: BLE001 - a watcher that ends is not restarted
                    self.log.warning("The ledger does not answer (%s)", type(error).__name__)
                    continue
                overdue = time.monotonic() - fired_at >= self.poll_seconds
                if n_pending and (oldest != announced or overdue):
                    announced, fired_at = oldest, time.monotonic()
                    yield TriggerEvent({"n_pending": n_pending})
        finally:
            await self.cleanup()

    async def cleanup(self) -> None:
        """Ends the listener and the queue reader."""
        helpers, self._helpers = set(self._helpers), []
        while helpers:
            for helper in helpers:
                helper.cancel()
            # And again: psycopg waits by wait_for, so that a notification at this moment may swallow the cancellation.
            _, helpers = await asyncio.wait(helpers, timeout=1)

    async def _listen(self, settings: Settings) -> None:
        """Keeps a connection that listens; each notification, and each new connection, wakes `run`."""
        import psycopg
        from psycopg import sql

        from footprints import ledger
        from footprints.warehouse.migrate import libpq_url

        url = libpq_url(settings.need("warehouse_url"))
        backoff = 0.5
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    url, autocommit=True, connect_timeout=10, application_name="footprints-trigger"
                ) as connection:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(ledger.CHANNEL)))
                    self._wake.set()
                    self.log.info("Listening for deliveries")
                    backoff = 0.5
                    await self._sweep(settings)
                    async for _ in connection.notifies():
                        self._wake.set()
            except psycopg.Error as error:
                self.log.warning(
                    "The listening connection is lost (%s); next try in %.1f s", type(error).__name__, backoff
                )
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)

    async def _sweep(self, settings: Settings) -> None:
        """Enrols what events announced in vain while we were away. The bucket may be away too: then the DAG will."""
        try:
            swept = await asyncio.to_thread(_sweep, settings)
        except Exception as error:  # noqa: BLE001 - the listener must go on
            self.log.warning("The sweep after connecting failed (%s)", type(error).__name__)
        else:
            self.log.info("Swept %d objects, enrolled %d", swept.n_listed, swept.n_enrolled)

    async def _take_messages(self, settings: Settings) -> None:
        """Takes messages from the queue for ever; a failure leaves them there and is tried again after a pause."""
        from footprints.events import EventQueue

        queue = EventQueue(settings)
        backoff = 1.0
        while True:
            try:
                if await asyncio.to_thread(queue.receive):
                    self._wake.set()
                backoff = 1.0
            except Exception as error:  # noqa: BLE001 - a watcher that ends is not restarted
                self.log.warning(
                    "Messages could not be taken from the queue (%s); next try in %.0f s",
                    type(error).__name__,
                    backoff,
                )
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)


def _settings() -> Settings:
    """The settings; also imports, off the event loop, what `run` and its helpers need."""
    import footprints.events
    import footprints.sweep
    import footprints.warehouse.migrate  # noqa: F401
    from footprints.settings import settings

    return settings()


def _pending(settings: Settings) -> tuple[int, tuple[int, int] | None]:
    """How many deliveries wait; the oldest of them, and what tells whether it was claimed and set free meanwhile."""
    from sqlalchemy import text

    from footprints import ledger
    from footprints.warehouse.engine import engine

    with engine(settings.need("warehouse_url")).connect() as connection:
        row = connection.execute(
            text(
                "SELECT delivery_id, xmin::text::bigint AS changed, count(*) OVER () AS n_pending"
                f" {ledger.PENDING} ORDER BY delivery_id LIMIT 1"
            ),
            {"timeout": settings.claim_timeout_minutes},
        ).one_or_none()
    return (row.n_pending, (row.delivery_id, row.changed)) if row else (0, None)


def _sweep(settings: Settings) -> Any:
    from footprints.sweep import sweep

    return sweep(settings)
