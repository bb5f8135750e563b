"""A million rows from an S3 object to committed rows, against plain COPY of the same rows, in the same run.

Each measurement has a fresh warehouse and a fresh bucket, after a checkpoint. Ours is `pipeline.process` in a process
of its own: download, archive copy, reading, mapping, checks, rejects, merge, touched partitions, ledger, receipt,
commit. COPY gets the typed rows of the clean file, as the warehouse writes them out, into a copy of `core.incident`.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
from servers import Servers, Warehouse

SOURCE = "mhub-incidents"
KEY = f"landing/mhub/{SOURCE}/reports.csv"
BAD_SHARE = 0.01
BASELINES = {
    "copy": "plain COPY: same table, keys, indexes, checks, foreign keys",
    "copy_without_foreign_keys": "the same without foreign keys",
    "copy_primary_key_only": "the same with the primary key only",
}


def bench_load(
    servers: Servers,
    folder: Path,
    *,
    n_rows: int = 1_000_000,
    n_rows_large: int = 3_000_000,
    rounds: int = 3,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Times ours and the three baselines, alternating, and the memory of a larger file."""
    from footprints.samples import benchmark_csv

    clean, bad, large = (folder / name for name in ("clean.csv", "bad.csv", "large.csv"))
    benchmark_csv(clean, n_rows, 0)
    n_bad = sum(benchmark_csv(bad, n_rows, BAD_SHARE).values())
    size = bad.stat().st_size
    typed = folder / "typed.csv"
    say(f"load: a first load of the clean file, not counted, to have its typed rows ({size / 1e6:.0f} MB of CSV)")
    warehouse = servers.warehouse()
    _deliver(servers, warehouse, clean)
    _export(warehouse, typed)
    _drop(servers, warehouse)
    clean.unlink()
    seconds: dict[str, list[float]] = {"ours": [], **{name: [] for name in BASELINES}}
    ours: list[dict[str, Any]] = []
    for number in range(rounds):
        order = list(seconds) if number % 2 == 0 else list(reversed(seconds))
        for name in order:
            warehouse = servers.warehouse()
            if name == "ours":
                ours.append(_deliver(servers, warehouse, bad))
                _expect(ours[-1], n_rows, n_bad)
                seconds[name].append(ours[-1]["seconds"])
            else:
                seconds[name].append(_copy(servers, warehouse, typed, name))
            _drop(servers, warehouse)
        say(f"load: round {number + 1}: " + ", ".join(f"{name} {times[-1]:.1f} s" for name, times in seconds.items()))
    bad.unlink()
    typed.unlink()
    n_bad_large = sum(benchmark_csv(large, n_rows_large, BAD_SHARE).values())
    warehouse = servers.warehouse()
    at_large = _deliver(servers, warehouse, large)
    _expect(at_large, n_rows_large, n_bad_large)
    _drop(servers, warehouse)
    large.unlink()
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {
        "n_rows": n_rows,
        "n_columns": 25,
        "bytes": size,
        "n_rejects": n_bad,
        "engine": ours[0]["engine"],
        "seconds": {name: [round(value, 2) for value in times] for name, times in seconds.items()},
        "medians": {name: round(value, 2) for name, value in medians.items()},
        "ratios": {name: round(medians["ours"] / medians[name], 2) for name in BASELINES},
        "goal": 3.0,
        "peak_mib": round(max(one["peak_mib"] for one in ours)),
        "before_mib": round(max(one["before_mib"] for one in ours)),
        "n_rows_large": n_rows_large,
        "seconds_large": round(at_large["seconds"], 2),
        "peak_mib_large": round(at_large["peak_mib"]),
        "goal_mib": 1024,
    }


def _expect(result: Mapping[str, Any], n_rows: int, n_bad: int) -> None:
    """A load that did not do its work is not worth timing."""
    done = (result["state"], result["rows_read"], result["rows_rejected"], result["n_rejects"])
    if done != ("loaded", n_rows, n_bad, n_bad):
        raise RuntimeError(f"the load did something else: {done}, expected {n_rows} rows and {n_bad} rejects")


def _deliver(servers: Servers, warehouse: Warehouse, path: Path) -> dict[str, Any]:
    """Puts the file, enrols it, and lets a new process work it through; what that process says."""
    bucket = servers.bucket()
    environment = os.environ | servers.environment(warehouse, bucket)
    command = [sys.executable, str(Path(__file__).resolve()), bucket, KEY]
    _run([*command, "put", str(path)], environment)
    servers.settle()
    return dict(json.loads(_run([*command, "process"], environment)))


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    return subprocess.run(command, env=dict(environment), check=True, stdout=subprocess.PIPE, text=True).stdout


def _export(warehouse: Warehouse, path: Path) -> None:
    with (
        _connect(warehouse) as connection,
        path.open("wb") as file,
        connection.cursor().copy("COPY core.incident TO STDOUT (FORMAT csv)") as copy,
    ):
        for block in copy:
            file.write(block)


def _connect(warehouse: Warehouse) -> psycopg.Connection[Any]:
    from footprints.warehouse.migrate import libpq_url

    return psycopg.connect(libpq_url(warehouse.superuser), autocommit=True)


def _drop(servers: Servers, warehouse: Warehouse) -> None:
    servers.postgres.drop_database(warehouse.name)


def _copy(servers: Servers, warehouse: Warehouse, typed: Path, name: str) -> float:
    """Seconds of a COPY, commit included, into a copy of `core.incident` in an otherwise equal warehouse."""
    with _connect(warehouse) as connection:
        _enrol(connection, "none")
        connection.execute("INSERT INTO meta.partner (partner_id, name) VALUES ('mhub', 'mhub') ON CONFLICT DO NOTHING")
        connection.execute(
            "INSERT INTO meta.source (source_id, partner_id, title_en, publisher, licence, citation, confidentiality,"
            " contract_sha256) VALUES (%s, 'mhub', '', '', '', '', 'public', '') ON CONFLICT DO NOTHING",
            [SOURCE],
        )
        connection.execute("CREATE TABLE copied (LIKE core.incident INCLUDING ALL)")
        if name == "copy":
            for (definition,) in connection.execute(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE conrelid = 'core.incident'::regclass AND contype = 'f'"
            ).fetchall():
                connection.execute(f"ALTER TABLE copied ADD {definition}".encode())
        elif name == "copy_primary_key_only":
            for (index,) in connection.execute(
                "SELECT indexrelid::regclass::text FROM pg_index"
                " WHERE indrelid = 'copied'::regclass AND NOT indisprimary"
            ).fetchall():
                connection.execute(f"DROP INDEX {index}".encode())
        servers.settle()
        # As `Stage._insert` does: otherwise the checks of foreign keys would take the baseline twice as long.
        connection.execute("SET random_page_cost = 1.1")
        start = time.perf_counter()
        with typed.open("rb") as file, connection.cursor().copy("COPY copied FROM STDIN (FORMAT csv)") as copy:
            while block := file.read(2**20):
                copy.write(block)
        return time.perf_counter() - start


def _enrol(connection: psycopg.Connection[Any], bucket: str, key: str = KEY, version: str = "", size: int = 0) -> int:
    row = connection.execute(
        "INSERT INTO meta.delivery (partner_id, source_id, bucket, object_key, object_version, size_bytes, enrolled_by)"
        " VALUES ('mhub', %s, %s, %s, %s, %s, 'sweep') RETURNING delivery_id",
        [SOURCE, bucket, key, version, size],
    ).fetchone()
    assert row is not None
    return int(row[0])


def _peak_mib() -> float:
    """The most memory that this process ever held, in MiB; children are not in it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _worker(bucket: str, key: str) -> dict[str, Any]:
    """Processes the delivery as a warm worker does: all is imported before the clock starts, nothing was read yet."""
    import great_expectations  # noqa: F401
    import pandas  # noqa: F401
    from sqlalchemy import text

    from footprints import ledger, pipeline
    from footprints.settings import Settings
    from footprints.storage import Store
    from footprints.warehouse.engine import driver, engine

    settings = Settings()
    warehouse = engine(settings.need("warehouse_url"))
    landed = Store(settings).head(bucket, key)
    with warehouse.begin() as connection:
        delivery_id = _enrol(driver(connection), bucket, key, landed.version, landed.size_bytes)
    before = _peak_mib()
    start = time.perf_counter()
    pipeline.process(delivery_id, settings)
    seconds = time.perf_counter() - start
    peak = _peak_mib()
    with warehouse.connect() as connection:
        delivery = ledger.get(connection, delivery_id)
        n_rejects = connection.execute(text("SELECT count(*) FROM meta.reject")).scalar_one()
        n_records = connection.execute(text("SELECT count(*) FROM core.incident")).scalar_one()
    assert delivery.receipt_key is not None
    assert Store(settings).exists(bucket, delivery.receipt_key)
    assert delivery.archive_key is not None
    assert Store(settings).exists(bucket, delivery.archive_key)
    return {
        "state": delivery.state,
        "engine": delivery.engine,
        "rows_read": delivery.counts.rows_read,
        "rows_rejected": delivery.counts.rows_rejected,
        "n_rejects": n_rejects,
        "n_records": n_records,
        "seconds": seconds,
        "peak_mib": peak,
        "before_mib": before,
    }


def main() -> None:
    """The two processes of a measurement: `BUCKET KEY put FILE` and `BUCKET KEY process`."""
    bucket, key, what, *rest = sys.argv[1:]
    if what == "put":
        from footprints.settings import Settings
        from footprints.storage import Store

        Store(Settings()).put_file(bucket, key, Path(rest[0]))
    else:
        sys.stdout.write(json.dumps(_worker(bucket, key)))


if __name__ == "__main__":
    main()
