"""Kill -9 at any moment, then start again: the warehouse of an undisturbed run, nothing lost, nothing doubled."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from tests.faults.conftest import Door, DurableServer
from tests.faults.worker_process import PATIENCE, WORKER, Worker
from tests.integration.worksite import Site, contract, csv_bytes, write_expectations

from footprints import receipts, scratch, work
from footprints.settings import Settings
from footprints.stack.seaweedfs import REGION, SeaweedFS
from footprints.warehouse.migrate import libpq_url

pytestmark = pytest.mark.integration

CONTRACTS = (
    contract("upsert", mode="upsert"),
    contract("span", mode="snapshot", snapshot={"scope": ["provider_region"], "period": "incident_date"}),
)
POINT = 424242
"""Advisory lock that a worker waits for at a point that a test has set."""


def big(n: int, dead: int) -> bytes:
    """A file that takes a moment to read, copy and merge."""
    return csv_bytes(
        (f"k{i}", f"20{10 + i % 10}-{1 + i % 12:02}-{1 + i % 28:02}", "Sea" if i % 3 else "Sahara", dead)
        for i in range(n)
    )


FILES = (
    ("upsert", "2020-06-01.csv", big(2000, 1)),
    ("span", "2020-06-01.csv", big(500, 1)),
    ("upsert", "2020-06-02.csv", big(60_000, 2)),
    ("span", "2020-06-02.csv", csv_bytes([("k1", "2012-01-01", "Sea", 9), ("k2", "2018-01-01", "Sea", 9)])),
    ("upsert", "broken.csv", b"nothing,known\n1,2\n"),
    ("upsert", "2020-06-03.csv", big(2000, 1)),
    ("upsert", "2020-06-04.csv", csv_bytes([("k1", "2012-01-01", "Sea", "many"), ("new", "2012-01-01", "Sea", 3)])),
)
BIG = 3
STATES = ["loaded", "loaded", "loaded", "loaded", "quarantined", "duplicate", "loaded"]


class FaultSite(Site):
    """A site on the durable server, with a worker in another process."""

    def __init__(self, settings: Settings, server: DurableServer, folder: Path) -> None:
        super().__init__(settings)
        self.server = server
        self.scratch = folder
        self.values = {
            name: value.get_secret_value() if hasattr(value, "get_secret_value") else value
            for name, value in settings
            if value is not None
        }

    def put_all(self) -> None:
        """Drops every file."""
        from footprints.warehouse import reference

        reference.sync(self.warehouse, self.settings.expectations_dir)
        for source, name, body in FILES:
            self.put(source, name, body)

    def worker(self) -> Worker:
        """Starts a worker."""
        return Worker(self.values, self.scratch)

    def ask(self, query: str) -> Any:
        """The first value of a query, as the superuser."""
        database = urlsplit(self.settings.need("warehouse_url")).path[1:]
        with self.server.server.connect(database) as connection:
            row = connection.execute(query.encode()).fetchone()
            return row[0] if row else None

    @contextmanager
    def session(self) -> Iterator[psycopg.Connection]:
        """A session of the owner that holds what it locks until it ends."""
        with psycopg.connect(libpq_url(self.settings.need("warehouse_owner_url"))) as connection:
            yield connection

    def until(self, holds: Callable[[], Any]) -> None:
        """Waits for something."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, "it never came to that"
            time.sleep(0.002)

    def current(self) -> int:
        """The delivery that a worker has begun with, and that has no verdict."""
        return int(self.ask("SELECT delivery_id FROM meta.delivery WHERE state = 'received' AND n_attempts > 0"))

    def waits(self, query: str) -> bool:
        """Whether a session of the loader is in a query, held up by a lock."""
        return bool(
            self.ask(
                "SELECT count(*) FROM pg_stat_activity WHERE usename = 'footprints_loader'"
                f" AND wait_event_type = 'Lock' AND query LIKE '{query}'"
            )
        )

    def end(self) -> dict[str, str]:
        """Lets a fresh worker finish; what stands in the warehouse then, once all is as it should be."""
        self.until(
            lambda: (
                not self.ask(
                    "SELECT count(*) FROM pg_stat_activity WHERE usename = 'footprints_loader' AND state <> 'idle'"
                )
            )
        )
        for leftover in self.scratch.iterdir():
            os.utime(leftover, (0, 0))  # as if the kill had been a while ago
        self.worker().join()
        states = self.states()
        verdicts = ["loaded" if state == "superseded" else state for state in states.values()]
        assert verdicts == STATES, {i: self.get(i).reason for i in states}
        assert list(self.scratch.iterdir()) == []
        bucket = self.settings.landing_bucket
        found = sorted(key for key in self.store.list_keys(bucket, "receipts/") if key.endswith("/receipt.json"))
        assert found == sorted(receipts.keys(self.get(i))[0] for i in states)
        assert [self.receipt(i).delivery.state for i in states] == STATES
        assert self.ask("SELECT count(*) FROM meta.reject") == 1
        expected = sum(len(self.receipt(i).issues) for i in states)
        assert self.ask("SELECT count(*) FROM meta.issue") == expected
        self.refresh()
        return self.checksum()


@pytest.fixture
def make_site(
    durable_server: DurableServer, s3_store: SeaweedFS, s3_bucket: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., FaultSite]:
    """Makes a site with a database of its own, and an empty bucket."""

    def make(endpoint: str | None = None) -> FaultSite:
        directory = tmp_path_factory.mktemp("site")
        expectations = write_expectations(directory / "expectations", *CONTRACTS)
        urls = durable_server.fresh()
        settings = Settings(
            warehouse_url=urls.loader,
            warehouse_owner_url=urls.owner,
            landing_bucket=s3_bucket,
            privacy_key="key-of-the-tests",
            s3_endpoint=endpoint or s3_store.endpoint,
            s3_access_key=s3_store.access_key,
            s3_secret_key=s3_store.secret_key,
            s3_region=REGION,
            expectations_dir=expectations,
            gx_rows=0,
        )
        folder = directory / "scratch"
        folder.mkdir()
        made = FaultSite(settings, durable_server, folder)
        for key in list(made.store.list_keys(s3_bucket, "")):
            made.store.client.delete_object(Bucket=s3_bucket, Key=key)
        return made

    return make


@pytest.fixture
def site(make_site: Callable[..., FaultSite]) -> FaultSite:
    made = make_site()
    made.put_all()
    return made


_undisturbed: dict[str, str] = {}


@pytest.fixture
def undisturbed(make_site: Callable[..., FaultSite]) -> dict[str, str]:
    """The warehouse where nothing was killed."""
    if not _undisturbed:
        made = make_site()
        made.put_all()
        _undisturbed.update(made.end())
        assert made.ask("SELECT count(*) FROM core.incident WHERE source_id = 'upsert'") == 60_001
    return _undisturbed


# -------------------------------------------------------------------------------------------- at a chosen moment


def test_killed_while_it_downloads(site: FaultSite, undisturbed: dict[str, str]) -> None:
    worker = site.worker()
    site.until(lambda: any(site.scratch.glob(f"{scratch.PREFIX}*/object")))
    worker.kill()
    assert site.end() == undisturbed


def test_killed_while_it_stages(site: FaultSite, undisturbed: dict[str, str]) -> None:
    worker = site.worker()
    site.until(
        lambda: site.ask(
            "SELECT count(*) FROM pg_stat_activity a JOIN meta.delivery d ON d.claimed_by IS NOT NULL"
            f" WHERE d.delivery_id = {BIG} AND a.query LIKE 'COPY pg_temp%' AND a.state = 'active'"
            " AND EXISTS (SELECT FROM meta.delivery WHERE delivery_id = 1 AND state = 'loaded')"
        )
    )
    worker.kill()
    assert site.end() == undisturbed


def test_killed_while_it_waits_for_another_of_its_source(site: FaultSite, undisturbed: dict[str, str]) -> None:
    with site.session() as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('source ' || 'upsert', 0))")
        worker = site.worker()
        site.until(lambda: site.waits("%pg_advisory_xact_lock%"))
        worker.kill()
    assert site.end() == undisturbed


@pytest.mark.parametrize("table", ["meta.reject", "core.incident", "meta.touched_partition", "meta.issue"])
def test_killed_while_it_writes(site: FaultSite, undisturbed: dict[str, str], table: str) -> None:
    with site.session() as other:
        other.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
        worker = site.worker()
        site.until(lambda: site.waits(f"%{table}%"))
        worker.kill()
    assert site.end() == undisturbed


def test_killed_between_receipt_and_commit(site: FaultSite, undisturbed: dict[str, str]) -> None:
    with site.session() as other:
        _hold_up(site, other, "")
        worker = site.worker()
        site.until(lambda: site.waits("UPDATE meta.delivery SET state%"))
        first = site.current()
        assert site.receipt(first).delivery.state == "loaded"  # the partner reads it; the ledger knows nothing yet
        worker.kill()
    assert site.states()[first] == "received"
    assert site.end() == undisturbed


def test_killed_while_it_commits(site: FaultSite, undisturbed: dict[str, str]) -> None:
    with site.session() as other:
        _hold_up(site, other, "DEFERRABLE INITIALLY DEFERRED")
        worker = site.worker()
        site.until(lambda: site.waits("COMMIT%"))
        first = site.current()
        worker.kill()
        assert site.states()[first] == "received"
    site.until(lambda: site.states()[first] == "loaded")  # the server finishes what it was asked for
    assert site.end() == undisturbed


def _hold_up(site: FaultSite, holder: psycopg.Connection, when: str) -> None:
    """Makes workers wait for `holder` where a delivery gets its verdict, or where they commit it."""
    with site.session() as owner:
        owner.execute(
            "CREATE FUNCTION meta.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" PERFORM pg_advisory_xact_lock_shared({POINT}); RETURN NULL; END $$".encode()
        )
        owner.execute(
            f"CREATE CONSTRAINT TRIGGER point AFTER UPDATE ON meta.delivery {when} FOR EACH ROW"
            " WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION meta.wait()".encode()
        )
    holder.execute("SELECT pg_advisory_lock(%s)", (POINT,))


def test_worker_killed_over_one_file_costs_its_neighbours_no_attempt(
    site: FaultSite, undisturbed: dict[str, str]
) -> None:
    ids = list(site.states())
    for _ in range(work.MAX_ATTEMPTS):
        with site.session() as other:
            other.execute("LOCK TABLE meta.issue IN SHARE MODE")
            worker = site.worker()
            site.until(lambda: site.waits("%meta.issue%"))
            worker.kill()
    attempts = [site.ask(f"SELECT n_attempts FROM meta.delivery WHERE delivery_id = {i}") for i in ids]
    assert sorted(attempts) == [0] * (len(ids) - 1) + [work.MAX_ATTEMPTS]
    (culprit,) = (i for i, n in zip(ids, attempts, strict=True) if n)
    site.worker().join()
    assert {i: state for i, state in site.states().items() if state == "failed"} == {culprit: "failed"}
    # Somebody found out why, and replays it.
    from footprints import redo

    redo.replay(site.warehouse, culprit)
    assert site.end() == undisturbed


# -------------------------------------------------------------------------------------------- at any moment


@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again(site: FaultSite, undisturbed: dict[str, str], seed: int) -> None:
    draw = random.Random(seed)
    n_kills = 0
    for _ in range(8):
        n_attempts = site.ask("SELECT max(n_attempts) FROM meta.delivery WHERE state = 'received'")
        if n_attempts is None or n_attempts + 1 == work.MAX_ATTEMPTS:
            break
        worker = site.worker()
        worker.process.join(draw.uniform(0.02, 0.6))
        if worker.process.exitcode is None:
            worker.kill()
            n_kills += 1
    assert n_kills > 0
    assert site.end() == undisturbed


def test_killed_while_it_loads_a_source_again(site: FaultSite, undisturbed: dict[str, str]) -> None:
    """The second of two equal files was faster, and is made the duplicate when the first comes."""
    ids = list(site.states())
    site.process(*(i for i, (source, _, _) in zip(ids, FILES, strict=True) if source == "span"), *ids[5:])
    before = site.checksum("core")
    with site.session() as other:
        other.execute("LOCK TABLE core.incident IN SHARE MODE")
        worker = site.worker()
        site.until(lambda: site.waits("DELETE FROM core.incident%"))
        worker.kill()
    assert site.states()[ids[5]] == "loaded"
    assert site.checksum("core") == before
    assert site.end() == undisturbed


# -------------------------------------------------------------------------------------------- servers that go away


@pytest.mark.parametrize("point", ["%core.incident%", "%meta.issue%"])
def test_postgres_killed_and_started_again(site: FaultSite, undisturbed: dict[str, str], point: str) -> None:
    other = psycopg.connect(libpq_url(site.settings.need("warehouse_owner_url")))
    other.execute(f"LOCK TABLE {point.strip('%')} IN SHARE MODE".encode())
    worker = site.worker()
    site.until(lambda: site.waits(point))
    site.server.kill()
    other.close()
    time.sleep(0.3)
    site.server.start()
    worker.join()  # the same worker: it waited for the server, and took up what it had held
    assert site.end() == undisturbed


def test_worker_and_postgres_killed_in_the_middle_of_a_commit(site: FaultSite, undisturbed: dict[str, str]) -> None:
    with site.session() as other:
        _hold_up(site, other, "DEFERRABLE INITIALLY DEFERRED")
        worker = site.worker()
        site.until(lambda: site.waits("COMMIT%"))
        site.server.kill()
        worker.kill()
        other.close()
    site.server.start()
    assert set(site.states().values()) == {"received"}
    assert site.end() == undisturbed


def test_store_away_for_a_while(
    make_site: Callable[..., FaultSite], s3_store: SeaweedFS, undisturbed: dict[str, str]
) -> None:
    address = urlsplit(s3_store.endpoint)
    assert address.hostname and address.port
    door = Door((address.hostname, address.port))
    site = make_site(door.endpoint)
    site.put_all()
    worker = site.worker()
    site.until(lambda: "loaded" in site.states().values())
    door.shut()
    site.until(lambda: site.ask("SELECT count(*) FROM meta.delivery WHERE claimed_by = 'pause'"))
    assert "failed" not in site.states().values()
    assert worker.process.is_alive()
    door.open()
    worker.join()
    assert site.end() == undisturbed
    door.shut()


# -------------------------------------------------------------------------------------------- two at once


def test_worker_taken_for_dead_and_its_successor(site: FaultSite, undisturbed: dict[str, str]) -> None:
    """The second takes what the first still works on; each delivery has one verdict all the same."""
    with site.session() as other:
        other.execute("LOCK TABLE meta.issue IN SHARE MODE")
        first = site.worker()
        site.until(lambda: site.waits("%meta.issue%"))
        second = site.worker()
        site.until(lambda: site.waits("UPDATE meta.delivery SET claimed_at = NULL%"))
    first.join()
    second.join()
    assert site.end() == undisturbed
    assert WORKER not in str(site.ask("SELECT array_agg(claimed_by) FROM meta.delivery"))
