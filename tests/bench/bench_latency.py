"""How long a partner waits: put of a small CSV to the written receipt, on an idle stack of real processes.

One file after another, with pauses of random length. In turn with them, the same kind of file goes through
`pipeline.process` in a warm process beside Airflow, on the same servers: what is above that is event, scheduler and
start of a task.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

SOURCE = "mhub-incidents"
N_ROWS = 2000
PATIENCE = 120.0
POLL_SECONDS = 0.01
GOALS = {"run_start": 2.0, "median": 5.0, "p95": 8.0}


@dataclass(frozen=True)
class Stack:
    """The running stack as the measurement needs it."""

    warehouse: psycopg.Connection[Any]
    airflow: psycopg.Connection[Any]
    settings: Any
    store: Any


def bench_latency(
    folder: Path,
    *,
    n_files: int = 25,
    n_rows: int = N_ROWS,
    pauses: tuple[float, float] = (0.5, 3.0),
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Starts a stack in `folder`, measures, stops it."""
    from footprints.samples import small_csv

    draw = random.Random(11)
    with _stack(folder, say) as (stack, up_seconds):
        # The first files find cold caches: the platform has been up for a night, not for seconds.
        for number in range(2):
            small_csv(folder / "warm.csv", n_rows, seed=1000 + 2 * number)
            _through_airflow(stack, folder / "warm.csv", f"warm-{number}.csv")
            small_csv(folder / "warm.csv", n_rows, seed=1001 + 2 * number)
            _bare(stack, folder / "warm.csv", f"warm-bare-{number}.csv")
        time.sleep(5)
        files: list[dict[str, float]] = []
        bare: list[float] = []
        for number in range(n_files):
            path = folder / "reports.csv"
            small_csv(path, n_rows, seed=2000 + 2 * number)
            time.sleep(draw.uniform(*pauses))
            files.append(_through_airflow(stack, path, f"reports-{number}.csv"))
            small_csv(path, n_rows, seed=2001 + 2 * number)
            time.sleep(draw.uniform(*pauses))
            bare.append(_bare(stack, path, f"bare-{number}.csv"))
            if (number + 1) % 5 == 0:
                done = statistics.median(one["receipt"] for one in files)
                say(f"latency: {number + 1} of {n_files} files, median {done:.2f} s")
    spans = {name: sorted(one[name] for one in files) for name in files[0]}
    medians = {name: statistics.median(values) for name, values in spans.items()}
    bare_median = statistics.median(bare)
    return {
        "n_files": n_files,
        "n_rows": n_rows,
        "up_seconds": round(up_seconds, 1),
        "medians": {name: round(value, 3) for name, value in medians.items()},
        "p95": {name: round(_quantile(values, 0.95), 3) for name, values in spans.items()},
        "worst": {name: round(values[-1], 3) for name, values in spans.items()},
        "bare_median": round(bare_median, 3),
        "bare_p95": round(_quantile(sorted(bare), 0.95), 3),
        "ratio": round(medians["receipt"] / bare_median, 2),
        "receipt_each": [round(one["receipt"], 2) for one in files],
        "bare_each": [round(value, 2) for value in bare],
        "goals": GOALS,
    }


def _quantile(ordered: list[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


@contextmanager
def _stack(folder: Path, say: Callable[[str], None]) -> Iterator[tuple[Stack, float]]:
    """`footprints up` with a home of its own; always `footprints down` at the end."""
    from footprints.settings import Settings
    from footprints.stack import postgres, state
    from footprints.stack.airflow_parts import DATABASE, ROLE
    from footprints.storage import Store
    from footprints.warehouse.migrate import libpq_url

    home = folder / "home"
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("FOOTPRINTS_", "AIRFLOW", "AWS_", "PG"))}
    environment = kept | {"FOOTPRINTS_HOME": str(home)}
    command = [str(Path(sys.executable).with_name("footprints"))]
    start = time.perf_counter()
    try:
        done = subprocess.run([*command, "up"], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"the stack did not start: {done.stderr.strip()[-2000:]}")
        up_seconds = time.perf_counter() - start
        say(f"latency: the stack is up after {up_seconds:.0f} s")
        settings = Settings(_env_file=home / "env")  # type: ignore[call-arg]
        known = state.load(home)
        airflow = postgres.url(
            known.ports["postgres"], DATABASE, ROLE, known.secrets["airflow_database"], driver="postgresql"
        )
        with (
            psycopg.connect(libpq_url(settings.need("warehouse_url")), autocommit=True) as warehouse,
            psycopg.connect(airflow, autocommit=True) as metadata,
        ):
            yield Stack(warehouse, metadata, settings, Store(settings)), up_seconds
    finally:
        subprocess.run([*command, "down"], env=environment, check=False, capture_output=True)


def _through_airflow(stack: Stack, path: Path, name: str) -> dict[str, float]:
    """Puts a file as any S3 client does; seconds from before the put to each station.

    The receipt is written before the transaction that holds the verdict commits; we look for the verdict, so the
    receipt is there for certain.
    """
    bucket, key = stack.settings.landing_bucket, f"landing/mhub/{SOURCE}/{name}"
    put = time.time()
    stack.store.client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    put_done = time.time()
    while True:
        row = stack.warehouse.execute(
            "SELECT state, receipt_key, received_at FROM meta.delivery WHERE object_key = %s AND state <> 'received'",
            [key],
        ).fetchone()
        now = time.time()
        if row is not None:
            break
        if now - put > PATIENCE:
            raise TimeoutError(f"no verdict on {key} after {PATIENCE:.0f} s")
        time.sleep(POLL_SECONDS)
    state, receipt_key, received_at = row
    if state != "loaded" or not stack.store.exists(bucket, receipt_key):
        raise RuntimeError(f"{key} is {state}, or has no receipt")
    run_start, task_start = _run_of(stack, received_at)
    return {
        "put": put_done - put,
        "ledger": received_at.timestamp() - put,
        "run_start": run_start - put,
        "task_start": task_start - put,
        "receipt": now - put,
    }


def _run_of(stack: Stack, received_at: datetime) -> tuple[float, float]:
    """When the first run after the delivery was enrolled started, and its task that processes it, as Airflow says."""
    row = stack.airflow.execute(
        "SELECT r.start_date, min(t.start_date) FROM dag_run r"
        " JOIN task_instance t ON t.dag_id = r.dag_id AND t.run_id = r.run_id"
        " WHERE r.dag_id = 'ingest_landing' AND t.task_id = 'claim' AND r.start_date >= %s"
        " GROUP BY r.run_id, r.start_date ORDER BY r.start_date LIMIT 1",
        [received_at],
    ).fetchone()
    if row is None:
        raise RuntimeError("Airflow knows no run of this delivery")
    return row[0].timestamp(), row[1].timestamp()


def _bare(stack: Stack, path: Path, name: str) -> float:
    """Seconds of `pipeline.process` on such a file, here: put where no event comes from, and claimed by us at once."""
    from footprints import pipeline

    bucket, key = stack.settings.landing_bucket, f"bench/mhub/{SOURCE}/{name}"
    stack.store.client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    landed = stack.store.head(bucket, key)
    row = stack.warehouse.execute(
        "INSERT INTO meta.delivery (partner_id, source_id, bucket, object_key, object_version, size_bytes, enrolled_by,"
        " claimed_at, claimed_by) VALUES ('mhub', %s, %s, %s, %s, %s, 'sweep', clock_timestamp(), 'bench')"
        " RETURNING delivery_id",
        [SOURCE, bucket, key, landed.version, landed.size_bytes],
    ).fetchone()
    assert row is not None
    start = time.perf_counter()
    verdict = pipeline.process(row[0], stack.settings)
    seconds = time.perf_counter() - start
    if verdict.state != "loaded":
        raise RuntimeError(f"{key} is {verdict.state}")
    return seconds
