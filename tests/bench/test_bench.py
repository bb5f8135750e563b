"""`make bench` runs, small; its numbers are for a quiet machine and are not checked here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.real_files import needs_real_files

RUN = Path(__file__).with_name("run.py")


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("latency", ["run start", "receipt"]),
        ("load", ["plain COPY", "without foreign keys", "peak memory"]),
        ("refresh", ["months touched"]),
        ("xlsx", ["read and checked", "peak memory"]),
        ("check", ["peak memory of a check"]),
        pytest.param("propose", ["that drafts had", "the same record key"], marks=needs_real_files),
    ],
)
def test_each_part_runs_and_prints_its_ratios(part: str, names: list[str], tmp_path: Path) -> None:
    """One part alone, in sizes that mean nothing: a table with ratios, and the same numbers as JSON."""
    numbers = tmp_path / "numbers.json"
    command = [sys.executable, str(RUN), part, "--quick", "--json", str(numbers), "--directory", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    printed = " ".join(done.stdout.split())
    assert all(name in printed for name in names), done.stdout
    assert "Too small to mean anything" in printed
    table = json.loads(numbers.read_text())["table"]
    assert any(float(line["ratio"]) > 0 for line in table if line["ratio"])
    assert all(line["reached"] in (True, False) for line in table if line["target"])


def test_a_part_that_does_not_exist_is_refused() -> None:
    """With the names of those that do."""
    done = subprocess.run([sys.executable, str(RUN), "speed"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "latency, load, refresh, xlsx, check, propose" in done.stderr
