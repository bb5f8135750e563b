"""The landing trigger against a real Postgres: it wakes, it survives a lost connection, and it does not storm."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

import psycopg
import pytest

from footprints import ledger
from footprints.ledger import LandedObject
from footprints.settings import Settings
from footprints.warehouse.engine import engine
from footprints.warehouse.migrate import libpq_url
from footprints_airflow import trigger
from footprints_airflow.trigger import LandingTrigger

pytestmark = pytest.mark.integration

QUIET = 1.5
"""Seconds without an event that count as silence."""
PATIENCE = 30


@pytest.fixture
def ledger_of_its_own(platform: Settings, monkeypatch) -> Iterator[Settings]:
    """A platform with nothing waiting, and no sweep: the bucket of the tests is not asked."""
    with psycopg.connect(libpq_url(platform.need("warehouse_owner_url")), autocommit=True) as connection:
        connection.execute("TRUNCATE meta.delivery CASCADE")
    monkeypatch.setattr(trigger, "_sweep", lambda settings: type("Swept", (), {"n_listed": 0, "n_enrolled": 0}))
    return platform


def enrol(settings: Settings, n: int = 1) -> None:
    with engine(settings.need("warehouse_url")).begin() as connection:
        for _ in range(n):
            key = f"landing/iom/flows/{secrets.token_hex(4)}.csv"
            assert ledger.enrol(connection, LandedObject("b", key, "etag@1", 1), "webhook")


def claim(settings: Settings) -> int:
    return len(ledger.claim(engine(settings.need("warehouse_url")), 100, "a run", 30))


def terminate_listener(settings: Settings) -> int:
    """Ends the trigger's connection as a failing network or a restarted server does."""
    with psycopg.connect(libpq_url(settings.need("warehouse_url")), autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'footprints-trigger'"
            " AND datname = current_database()"
        ).fetchall()
    return len(rows)


class Watch:
    """Runs a trigger and collects its events."""

    def __init__(self, poll_seconds: float = 3600) -> None:
        self.trigger = LandingTrigger(poll_seconds)
        self.events: asyncio.Queue[dict] = asyncio.Queue()

    async def __aenter__(self) -> Watch:
        self.task = asyncio.create_task(self._run())
        return self

    async def _run(self) -> None:
        async for event in self.trigger.run():
            await self.events.put(event.payload)

    async def next(self, seconds: float = PATIENCE) -> dict:
        return await asyncio.wait_for(self.events.get(), seconds)

    async def silent(self, seconds: float = QUIET) -> bool:
        try:
            await self.next(seconds)
        except TimeoutError:
            return True
        return False

    async def listening(self, settings: Settings) -> None:
        for _ in range(PATIENCE * 10):
            with psycopg.connect(libpq_url(settings.need("warehouse_url"))) as connection:
                found = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'footprints-trigger'"
                    " AND datname = current_database() AND query LIKE 'LISTEN%'"
                ).fetchone()
            if found == (1,):
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the trigger does not listen")

    async def __aexit__(self, *error: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        assert self.trigger._helpers == [], "helpers end with the trigger"


def test_enrolled_delivery_wakes_it(ledger_of_its_own):
    async def scenario() -> None:
        async with Watch() as watch:
            await watch.listening(ledger_of_its_own)
            assert await watch.silent(), "nothing waits, nothing is said"
            await asyncio.to_thread(enrol, ledger_of_its_own)
            assert await watch.next() == {"n_pending": 1}

    asyncio.run(scenario())


def test_what_waited_before_it_started_is_announced(ledger_of_its_own):
    enrol(ledger_of_its_own, 3)

    async def scenario() -> None:
        async with Watch() as watch:
            assert await watch.next() == {"n_pending": 3}

    asyncio.run(scenario())


def test_burst_is_one_event_until_a_run_has_claimed(ledger_of_its_own):
    async def scenario() -> None:
        async with Watch() as watch:
            await watch.listening(ledger_of_its_own)
            for _ in range(20):
                await asyncio.to_thread(enrol, ledger_of_its_own)
            await watch.next()
            assert await watch.silent(), "the run that takes all of them is on its way"
            assert await asyncio.to_thread(claim, ledger_of_its_own) == 20
            await asyncio.to_thread(enrol, ledger_of_its_own)
            assert await watch.next() == {"n_pending": 1}

    asyncio.run(scenario())


def test_what_stays_is_announced_again_at_a_slow_pace(ledger_of_its_own):
    enrol(ledger_of_its_own)

    async def scenario() -> None:
        async with Watch(poll_seconds=1) as watch:
            loop = asyncio.get_running_loop()
            await watch.next()
            first = loop.time()
            await watch.next()
            await watch.next()
            assert loop.time() - first > 1.9

    asyncio.run(scenario())


def test_delivery_that_a_dead_run_gave_back_is_announced_at_once(ledger_of_its_own):
    enrol(ledger_of_its_own)

    async def scenario() -> None:
        from footprints import work

        async with Watch() as watch:
            await watch.next()
            await asyncio.to_thread(claim, ledger_of_its_own)
            assert await asyncio.to_thread(work.release, ledger_of_its_own, "a run") == 1
            assert await watch.next() == {"n_pending": 1}

    asyncio.run(scenario())


def test_lost_connection_is_survived(ledger_of_its_own):
    async def scenario() -> None:
        async with Watch() as watch:
            await watch.listening(ledger_of_its_own)
            assert await asyncio.to_thread(terminate_listener, ledger_of_its_own) == 1
            # Enrolled while nobody listens: found by the look at the ledger that follows each new connection.
            await asyncio.to_thread(enrol, ledger_of_its_own)
            await watch.next()
            await watch.listening(ledger_of_its_own)
            await asyncio.to_thread(claim, ledger_of_its_own)
            await asyncio.to_thread(enrol, ledger_of_its_own)
            assert await watch.next() == {"n_pending": 1}

    asyncio.run(scenario())


def test_database_that_is_away_does_not_end_it(ledger_of_its_own, monkeypatch):
    real, failures = trigger._pending, []

    def away(settings: Settings) -> object:
        if len(failures) < 2:
            failures.append(1)
            raise psycopg.OperationalError("connection refused")
        return real(settings)

    monkeypatch.setattr(trigger, "_pending", away)
    enrol(ledger_of_its_own)

    async def scenario() -> None:
        async with Watch(poll_seconds=0.3) as watch:
            assert await watch.next() == {"n_pending": 1}

    asyncio.run(scenario())
    assert len(failures) == 2


def test_connecting_sweeps_the_bucket_once(platform, monkeypatch):
    """Events that came while the ledger was away are made good by its return."""
    from footprints.storage import Store

    with psycopg.connect(libpq_url(platform.need("warehouse_owner_url")), autocommit=True) as connection:
        connection.execute("TRUNCATE meta.delivery CASCADE")
    Store(platform).put_bytes(platform.landing_bucket, "landing/iom/flows/missed.csv", b"a\n1\n", "text/csv")

    async def scenario() -> None:
        async with Watch() as watch:
            assert await watch.next() == {"n_pending": 1}

    asyncio.run(scenario())
    with engine(platform.need("warehouse_url")).connect() as connection:
        delivery = ledger.list_deliveries(connection)[0]
    assert (delivery.object_key, delivery.enrolled_by) == ("landing/iom/flows/missed.csv", "sweep")


def test_it_ends_when_told_to_whatever_its_helpers_do(ledger_of_its_own, monkeypatch):
    """`asyncio.wait_for` of Python 3.11, by which psycopg waits, now and then swallows a cancellation."""
    swallowed = []

    async def deaf(self: LandingTrigger, settings: Settings) -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed.append(1)

    monkeypatch.setattr(LandingTrigger, "_listen", deaf)

    async def scenario() -> None:
        async with asyncio.timeout(PATIENCE), Watch():
            await asyncio.sleep(0.1)

    asyncio.run(scenario())
    assert swallowed == [1]


def test_airflow_can_make_it_anew():
    from airflow.triggers.base import BaseEventTrigger

    path, arguments = LandingTrigger().serialize()
    module, _, name = path.rpartition(".")
    assert getattr(__import__(module, fromlist=[name]), name)(**arguments).serialize() == (path, arguments)
    assert issubclass(LandingTrigger, BaseEventTrigger)
    # Equal triggers have equal hashes: that is how Airflow sees that a parse changed nothing.
    assert BaseEventTrigger.hash(path, arguments) == BaseEventTrigger.hash(path, dict(arguments))
