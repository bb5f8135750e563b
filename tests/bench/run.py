"""Measures what the platform is to reach, as ratios to a baseline of the same run (`make bench`, docs/benchmark.md).

make bench                          everything, some 15 minutes on two quiet cores
make bench ARGS="load"              one part: latency, load, refresh, xlsx, check or propose
make bench ARGS="--quick"           small sizes, to see that it runs; its numbers mean nothing
make bench ARGS="--json FILE"       the numbers as JSON too
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bench_check
import bench_latency
import bench_load
import bench_propose
import bench_refresh
import psutil
from rich.console import Console
from rich.table import Table
from servers import servers

PARTS = ("latency", "load", "refresh", "xlsx", "check", "propose")
QUICK = {
    "latency": {"n_files": 2, "n_rows": 200, "pauses": (0.1, 0.2)},
    "load": {"n_rows": 5000, "n_rows_large": 10_000, "rounds": 1},
    "refresh": {"n_facts": 20_000, "rounds": 1},
    "xlsx": {"n_rows": 500, "rounds": 1},
    "check": {"n_bytes": 2_000_000, "rounds": 1},
    "propose": {"n_files": 2},
}
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Line:
    """A line of the table. `reached` is None where nothing is asked for."""

    what: str
    measured: str
    baseline: str
    ratio: str
    target: str
    reached: bool | None


def main() -> None:
    """Runs the parts that are asked for and prints one table. A missed target is a result, not an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one or more of {', '.join(PARTS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run?")
    parser.add_argument("--files", type=int, help="latency: how many files (25)")
    parser.add_argument("--rows", type=int, help="load: rows of the file (1,000,000); three times as many for memory")
    parser.add_argument("--facts", type=int, help="refresh: facts in the warehouse (10,000,000)")
    parser.add_argument("--rounds", type=int, help="all but latency and propose: rounds (3)")
    parser.add_argument("--scattered", action="store_true", help="refresh: facts in no order, the hardest case")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to FILE")
    parser.add_argument("--directory", type=Path, help="where to work: 10 GB (default: that for temporary files)")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    progress = Console(stderr=True, highlight=False)
    results: dict[str, Any] = {"machine": _machine(), "quick": arguments.quick}
    began = time.perf_counter()
    for part in arguments.parts or PARTS:
        results[part] = _part(part, _options(part, arguments), arguments, progress)
    results["seconds"] = round(time.perf_counter() - began)
    results["load_average_at_end"] = [round(value, 1) for value in os.getloadavg()]
    lines = list(_lines(results))
    _print(results, lines)
    if arguments.json:
        arguments.json.write_text(json.dumps(results | {"table": [asdict(line) for line in lines]}, indent=1) + "\n")


def _options(part: str, arguments: argparse.Namespace) -> dict[str, Any]:
    options: dict[str, Any] = dict(QUICK[part]) if arguments.quick else {}
    if part == "latency" and arguments.files:
        options["n_files"] = arguments.files
    if part == "load" and arguments.rows:
        options |= {"n_rows": arguments.rows, "n_rows_large": 3 * arguments.rows}
    if part == "refresh":
        options |= {"n_facts": arguments.facts} if arguments.facts else {}
        options["scattered"] = arguments.scattered
    if part not in ("latency", "propose") and arguments.rounds:
        options["rounds"] = arguments.rounds
    return options


def _part(part: str, options: dict[str, Any], arguments: argparse.Namespace, progress: Console) -> dict[str, Any]:
    """One measurement in a directory of its own, on servers of its own, with the load average before it."""
    load = os.getloadavg()
    began = time.perf_counter()
    directory = Path(tempfile.mkdtemp(prefix="footprints-bench-", dir=arguments.directory))
    directory.chmod(0o755)  # Postgres runs as another user where we are root.
    try:
        if part == "latency":
            result = bench_latency.bench_latency(directory, say=progress.print, **options)
        elif part in ("xlsx", "check"):
            bench = bench_check.bench_xlsx if part == "xlsx" else bench_check.bench_check
            result = bench(directory, say=progress.print, **options)
        elif part == "propose":
            result = bench_propose.bench_propose(say=progress.print, **options)
        else:
            with servers(directory, store=part == "load") as running:
                if part == "load":
                    result = bench_load.bench_load(running, directory, say=progress.print, **options)
                else:
                    warehouse = running.warehouse()
                    result = bench_refresh.bench_refresh(
                        warehouse.loader, filler_url=warehouse.superuser, say=progress.print, **options
                    )
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    result["load_average_at_start"] = [round(value, 1) for value in load]
    result["part_seconds"] = round(time.perf_counter() - began)
    return result


def _machine() -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    names = ("apache-airflow-core", "great-expectations", "pandas", "psycopg", "pyarrow", "sqlalchemy")
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "processor": _processor(),
        "system": platform.platform(terse=True),
        "load_average_at_start": [round(value, 1) for value in os.getloadavg()],
        "versions": {"python": platform.python_version(), "postgres": _postgres_version()}
        | {name: importlib.metadata.version(name) for name in names},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _postgres_version() -> str:
    from footprints.stack.postgres import binaries

    answer = subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return answer.split()[-1]


def _lines(results: dict[str, Any]) -> Iterator[Line]:
    if latency := results.get("latency"):
        yield from _latency_lines(latency)
    if load := results.get("load"):
        yield from _load_lines(load)
    if refresh := results.get("refresh"):
        yield Line(
            f"{refresh['n_facts']:,} facts, {refresh['months_touched']} of {refresh['months']} months touched: refresh",
            f"{refresh['touched_seconds']:.2f} s",
            f"full: {refresh['full_seconds']:.2f} s",
            f"{refresh['ratio']:.3f}",
            f"≤ {refresh['goal']}",
            refresh["ratio"] <= refresh["goal"],
        )
    if xlsx := results.get("xlsx"):
        yield from _xlsx_lines(xlsx)
    if check := results.get("check"):
        yield from _check_lines(check)
    if (propose := results.get("propose")) and propose["n_files"]:
        yield from _propose_lines(propose)


def _xlsx_lines(xlsx: dict[str, Any]) -> Iterator[Line]:
    yield Line(
        f"{xlsx['n_rows']:,} × 25 XLSX read and checked",
        f"{xlsx['medians']['ours']:.1f} s",
        f"pandas with openpyxl, read only: {xlsx['medians']['openpyxl']:.1f} s",
        f"{xlsx['faster']:.1f}",
        f"≥ {xlsx['goal']}",
        xlsx["faster"] >= xlsx["goal"],
    )
    ours, theirs = xlsx["cpu"]["ours"], xlsx["cpu"]["openpyxl"]
    what = "… its CPU seconds, which other work on the machine changes less"
    yield Line(what, f"{ours:.1f} s", f"openpyxl: {theirs:.1f} s", f"{theirs / ours:.1f}", "", None)
    ours, theirs = xlsx["peak_mib"]["ours"], xlsx["peak_mib"]["openpyxl"]
    yield Line("… its peak memory", f"{ours:,} MiB", f"openpyxl: {theirs:,} MiB", f"{ours / theirs:.1f}", "", None)


def _check_lines(check: dict[str, Any]) -> Iterator[Line]:
    if real := check.get("real"):
        states = ", ".join(f"{n} {state}" for state, n in sorted(real["states"].items()))
        yield Line(
            f"check of {real['n_files']} real files, {real['mb']:.0f} MB ({states})",
            f"{real['per_second']:.1f}/s",
            "",
            "",
            "",
            None,
        )
    large = check["large"]
    yield Line(
        f"peak memory of a check of {large['mb']:,.0f} MB CSV, {large['n_rows']:,} rows, {large['seconds']:.0f} s",
        f"{large['peak_mib']:,} MiB",
        f"before the check: {large['before_mib']:,} MiB",
        f"{large['peak_mib'] / large['before_mib']:.1f}",
        f"≤ {check['goal_mib']:,} MiB",
        large["peak_mib"] <= check["goal_mib"],
    )


def _propose_lines(propose: dict[str, Any]) -> Iterator[Line]:
    n_files = propose["n_files"]
    for what, n, n_all in (
        (f"columns of the contracts of {n_files} real files that drafts had", propose["n_found"], propose["n_columns"]),
        ("… of the same type, too", propose["n_typed"], propose["n_columns"]),
        ("… files with the right table", propose["n_same_table"], n_files),
        ("… and with the same record key", propose["n_same_key"], n_files),
    ):
        yield Line(what, str(n), f"by hand: {n_all}", f"{n / max(1, n_all):.2f}", "", None)
    for source in sorted({file["source"] for file in propose["files"]}):
        some = [file for file in propose["files"] if file["source"] == source and file["drafted"]]
        n, n_all = (sum(file[name] for file in some) for name in ("n_found", "n_columns"))
        yield Line(f"… columns of {source}", str(n), f"by hand: {n_all}", f"{n / max(1, n_all):.2f}", "", None)


def _latency_lines(latency: dict[str, Any]) -> Iterator[Line]:
    medians, p95, goals = latency["medians"], latency["p95"], latency["goals"]
    bare = latency["bare_median"]
    what = f"put of a {latency['n_rows']:,}-row CSV"
    yield Line(
        f"{what} → run start, median",
        f"{medians['run_start']:.2f} s",
        "",
        "",
        f"≤ {goals['run_start']:g} s",
        medians["run_start"] <= goals["run_start"],
    )
    yield Line("… the same, 95th percentile", f"{p95['run_start']:.2f} s", "", "", "", None)
    yield Line(
        f"{what} → receipt, median of {latency['n_files']}",
        f"{medians['receipt']:.2f} s",
        f"bare process: {bare:.2f} s",
        f"{latency['ratio']:.1f}",
        f"≤ {goals['median']:g} s",
        medians["receipt"] <= goals["median"],
    )
    yield Line(
        "… the same, 95th percentile",
        f"{p95['receipt']:.2f} s",
        f"bare process: {latency['bare_p95']:.2f} s",
        f"{p95['receipt'] / latency['bare_p95']:.1f}",
        f"≤ {goals['p95']:g} s",
        p95["receipt"] <= goals["p95"],
    )


def _load_lines(load: dict[str, Any]) -> Iterator[Line]:
    for number, (name, described) in enumerate(bench_load.BASELINES.items()):
        yield Line(
            f"{load['n_rows']:,} × {load['n_columns']} CSV, {load['n_rejects']:,} bad rows → committed"
            if number == 0
            else "…",
            f"{load['medians']['ours']:.1f} s" if number == 0 else "",
            f"{described}: {load['medians'][name]:.1f} s",
            f"{load['ratios'][name]:.2f}",
            f"≤ {load['goal']:g}" if number == 0 else "",
            load["ratios"][name] <= load["goal"] if number == 0 else None,
        )
    for rows, peak in ((load["n_rows"], load["peak_mib"]), (load["n_rows_large"], load["peak_mib_large"])):
        yield Line(
            f"peak memory of the worker, {rows:,} rows",
            f"{peak:,} MiB",
            f"before the load: {load['before_mib']:,} MiB",
            f"{peak / load['before_mib']:.1f}",
            f"≤ {load['goal_mib']:,} MiB",
            peak <= load["goal_mib"],
        )


def _print(results: dict[str, Any], lines: Sequence[Line]) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    table = Table(title="Too small to mean anything (--quick)" if results["quick"] else None)
    for heading in ("what", "measured", "baseline of the same run", "ratio", "target", "reached"):
        table.add_column(heading, justify="right" if heading in ("measured", "ratio", "target") else "left")
    for line in lines:
        reached = {True: "yes", False: "NO", None: ""}[line.reached]
        table.add_row(line.what, line.measured, line.baseline, line.ratio, line.target, reached)
    console.print(table)
    machine = results["machine"]
    loads = [f"{part} {results[part]['load_average_at_start'][0]}" for part in PARTS if part in results]
    console.print(
        f"{machine['at']}, {machine['commit']}, {results['seconds']} s;"
        f" {machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, {machine['system']}"
    )
    console.print(f"load average (1 minute) before each part: {', '.join(loads)}")
    console.print(", ".join(f"{name} {version}" for name, version in machine["versions"].items()))
    if missed := [line.what for line in lines if line.reached is False]:
        console.print(f"Missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
