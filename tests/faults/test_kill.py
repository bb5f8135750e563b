"""A worker may die at any moment: the next one finishes, and the warehouse is as if nothing had happened."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from footprints import ledger, pipeline, trends
from footprints.samples.demo import Sample, write_demo
from footprints.settings import Settings
from footprints.storage import Store
from footprints.sweep import sweep
from footprints.warehouse.engine import engine
from footprints.warehouse.migrate import libpq_url
from footprints.warehouse.tables import TABLES

pytestmark = [pytest.mark.integration, pytest.mark.slow]

WORKER = """
from sqlalchemy import text
from footprints import pipeline
from footprints.settings import settings
from footprints.warehouse.engine import engine
query = text("SELECT delivery_id FROM meta.delivery WHERE state = 'received' ORDER BY 1")
with engine(settings().need("warehouse_url")).connect() as connection:
    ids = list(connection.execute(query).scalars())
print("ready", flush=True)
for delivery_id in ids:
    pipeline.process(delivery_id, settings())
    print("done", delivery_id, flush=True)
"""


def land(platform: Settings, samples: list[Sample]) -> None:
    """Puts the samples in the bucket, in order, and enrols them."""
    store = Store(platform)
    for sample in samples:
        key = f"landing/{sample.partner}/{sample.source}/{sample.path.name}"
        store.client.upload_file(str(sample.path), platform.landing_bucket, key)
        sweep(platform)


def clear(platform: Settings) -> None:
    """Empties bucket, ledger, core and trends; the ids begin anew."""
    store = Store(platform)
    for key in list(store.list_keys(platform.landing_bucket, "")):
        store.client.delete_object(Bucket=platform.landing_bucket, Key=key)
    tables = ", ".join(f"core.{name}" for name in TABLES)
    with psycopg.connect(libpq_url(platform.need("warehouse_owner_url"))) as connection:
        for (name,) in connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'trends'::regnamespace AND relkind = 'r'"
        ).fetchall():
            tables += f", trends.{name}"
        connection.execute(f"TRUNCATE meta.delivery, meta.refresh, {tables} RESTART IDENTITY CASCADE".encode())


def outcome(platform: Settings) -> tuple[dict[str, str], list[tuple[object, ...]]]:
    """Content of core and trends, and the verdict and counts of each delivery."""
    warehouse = engine(platform.need("warehouse_url"))
    trends.refresh(warehouse)
    with warehouse.connect() as connection:
        verdicts = [
            (d.delivery_id, d.state, d.counts, d.duplicate_of, d.receipt_key)
            for d in ledger.list_deliveries(connection)
        ]
        return trends.checksum(connection), verdicts


def test_killed_again_and_again_ends_as_undisturbed(platform: Settings, tmp_path: Path) -> None:
    samples = write_demo(tmp_path, n_interviews=240)
    land(platform, samples)
    with engine(platform.need("warehouse_url")).connect() as connection:
        waiting = sorted(d.delivery_id for d in ledger.list_deliveries(connection))
    for delivery_id in waiting:
        pipeline.process(delivery_id, platform)
    undisturbed = outcome(platform)
    assert {verdict[1] for verdict in undisturbed[1]} >= {"loaded", "duplicate", "quarantined"}

    clear(platform)
    land(platform, samples)
    draw = random.Random(4)
    n_killed = 0
    for _ in range(60):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER], stdout=subprocess.PIPE, text=True, env=os.environ, cwd=tmp_path
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        if n_killed < 12:
            time.sleep(draw.uniform(0.0, 0.6))
        else:
            worker.wait(timeout=120)
        if worker.poll() is None:
            worker.kill()
            n_killed += 1
        worker.wait()
        if worker.returncode == 0:
            break
    assert worker.returncode == 0
    assert n_killed > 2
    checksums, verdicts = outcome(platform)
    assert verdicts == undisturbed[1]
    assert {t: c for t, c in checksums.items() if undisturbed[0][t] != c} == {}
    store = Store(platform)
    receipts = [k for k in store.list_keys(platform.landing_bucket, "receipts/") if k.endswith("receipt.json")]
    assert sorted(receipts) == sorted(str(verdict[4]) for verdict in undisturbed[1])


def test_a_store_that_is_away_costs_no_attempt_and_loses_nothing(platform: Settings, tmp_path: Path) -> None:
    from footprints import work

    clear(platform)
    land(platform, [s for s in write_demo(tmp_path, n_interviews=240) if s.path.name == "persons_of_concern.csv"])
    away = platform.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    [batch] = work.claim(platform, "worker")
    assert work.process(batch, away, "worker").errors == tuple(batch)
    warehouse = engine(platform.need("warehouse_url"))
    with warehouse.connect() as connection:
        assert ledger.get(connection, batch[0]).state == "received"
    pipeline.process(batch[0], platform)
    with warehouse.connect() as connection:
        assert ledger.get(connection, batch[0]).state == "loaded"
