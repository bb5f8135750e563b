"""The check before the drop: a workbook against pandas with openpyxl, the real files, and a gigabyte of CSV.

Each measurement is a process of its own, whose modules are imported before the clock starts; its memory is its own
peak (`VmHWM`).
"""

from __future__ import annotations

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

SOURCE = "mhub-incidents"
DATA = Path(os.environ.get("FOOTPRINTS_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
GOAL_XLSX = 8
GOAL_MIB = 1024
CALIBRATION_ROWS = 20_000


def bench_xlsx(
    folder: Path, *, n_rows: int = 50_000, rounds: int = 3, say: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Times reading and checking a workbook of 25 columns, in turn with pandas reading it by openpyxl."""
    path = folder / "reports.xlsx"
    write_workbook(path, n_rows)
    say(f"xlsx: {n_rows:,} rows, {path.stat().st_size / 1e6:.1f} MB")
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "openpyxl": []}
    for number in range(rounds):
        for name in runs if number % 2 == 0 else reversed(runs):
            runs[name].append(_measured(name, path))
            say(f"xlsx: round {number + 1}, {name}: {runs[name][-1]['seconds']:.1f} s")
    assert all(run["rows"] == n_rows for run in runs["ours"]), "the check did not read all rows"
    medians = {name: statistics.median(run["seconds"] for run in some) for name, some in runs.items()}
    return {
        "n_rows": n_rows,
        "runs": runs,
        "medians": medians,
        "faster": medians["openpyxl"] / medians["ours"],
        "cpu": {name: statistics.median(run["cpu_seconds"] for run in some) for name, some in runs.items()},
        "peak_mib": {name: max(run["peak_mib"] for run in some) for name, some in runs.items()},
        "before_mib": max(run["before_mib"] for run in runs["ours"]),
        "goal": GOAL_XLSX,
    }


def bench_check(
    folder: Path, *, n_bytes: int = 10**9, rounds: int = 3, say: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Verdicts a second on the real files, and the memory of a check of a large CSV."""
    result: dict[str, Any] = {"goal_mib": GOAL_MIB}
    if DATA.exists():
        runs = [_measured("real", DATA / "partners") for _ in range(rounds)]
        result["real"] = {
            "n_files": runs[0]["files"],
            "mb": runs[0]["bytes"] / 1e6,
            "states": runs[0]["states"],
            "per_second": statistics.median(run["files"] / run["seconds"] for run in runs),
        }
        say(f"check: {runs[0]['files']} real files, {result['real']['per_second']:.1f} verdicts a second")
    else:
        say(f"check: no real files at {DATA}")
    path = folder / "large.csv"
    n_rows = _write_large(path, n_bytes)
    say(f"check: {path.stat().st_size / 1e6:.0f} MB of CSV, {n_rows:,} rows")
    run = _measured("ours", path)
    assert run["rows"] == n_rows, "the check did not read all rows"
    result["large"] = {"n_rows": n_rows, "mb": path.stat().st_size / 1e6, **run}
    return result


def write_workbook(path: Path, n_rows: int) -> None:
    """The sample of incident reports as a workbook: dates and numbers are such cells, as a person would have them."""
    import openpyxl

    from footprints.samples import benchmark_csv

    text = path.with_suffix(".csv")
    benchmark_csv(text, n_rows, 0.01)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("reports")
    with text.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            sheet.append([_typed(cell) for cell in row])
    book.save(path)
    text.unlink()


def _typed(cell: str) -> object:
    try:
        return date.fromisoformat(cell) if len(cell) == 10 else float(cell) if cell else None
    except ValueError:
        return cell


def _write_large(path: Path, n_bytes: int) -> int:
    """A sample of about so many bytes; returns its rows."""
    from footprints.samples import benchmark_csv

    benchmark_csv(path, CALIBRATION_ROWS, 0.01)
    n_rows = int(n_bytes / path.stat().st_size * CALIBRATION_ROWS)
    benchmark_csv(path, n_rows, 0.01)
    return n_rows


def _measured(what: str, path: Path) -> dict[str, Any]:
    done = subprocess.run([sys.executable, __file__, what, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{what} failed: {done.stderr[-2000:]}")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _peak_mib() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return 0


def _ours(path: Path) -> Callable[[], dict[str, Any]]:
    from footprints.check import check_file
    from footprints.quality.engine import gx_quiet
    from footprints.samples import benchmark_csv
    from footprints.settings import Settings

    settings = Settings()
    with gx_quiet(), tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "first.csv"  # a worker has seen a file before: contract and suites are loaded
        benchmark_csv(first, 100, 0)
        check_file(first, SOURCE, settings)
    return lambda: {"rows": check_file(path, SOURCE, settings).delivery.counts.rows_read}


def _openpyxl(path: Path) -> Callable[[], dict[str, Any]]:
    import openpyxl  # noqa: F401 - before the clock starts
    import pandas as pd

    return lambda: {"rows": len(pd.read_excel(path, engine="openpyxl"))}


def _real(folder: Path) -> Callable[[], dict[str, Any]]:
    """Each real file under the first source whose contract knows it; else it is refused, which is a verdict too."""
    from collections import Counter

    from footprints.check import check_file
    from footprints.contracts import load_contracts
    from footprints.errors import DeliveryError
    from footprints.examine import _match
    from footprints.readers import open_file
    from footprints.settings import Settings

    settings = Settings()
    contracts = load_contracts(settings.expectations_dir)
    jobs = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            opened = open_file(path, settings.max_unpacked_bytes)
            source = next((name for name, one in contracts.items() if _match(opened, path.name, one)), SOURCE)
        except DeliveryError:
            source = SOURCE
        jobs.append((path, source))
    check_file(*jobs[0], settings)

    def run() -> dict[str, Any]:
        states = Counter(check_file(path, source, settings).delivery.state for path, source in jobs)
        return {"files": len(jobs), "bytes": sum(path.stat().st_size for path, _ in jobs), "states": dict(states)}

    return run


if __name__ == "__main__":
    kind, where = sys.argv[1], Path(sys.argv[2])
    prepared = {"ours": _ours, "openpyxl": _openpyxl, "real": _real}[kind](where)
    before = _peak_mib()
    start, start_cpu = time.perf_counter(), time.process_time()
    answer = prepared()
    answer |= {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - start_cpu}
    print(json.dumps(answer | {"peak_mib": _peak_mib(), "before_mib": before}))  # noqa: T201
