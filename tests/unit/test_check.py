"""The check before the drop, by the command line: a verdict with an exit code, and errors in one line."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pytest

from footprints.samples.incidents import small_csv, unknown_layout_csv
from footprints.settings import REPOSITORY

COMMAND = [sys.executable, "-c", "from footprints.cli import main; main()"]


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *args], capture_output=True, text=True, check=False)


def test_a_good_file_gets_its_receipt_without_any_server(tmp_path: Path) -> None:
    faults = small_csv(tmp_path / "f.csv", 300, seed=9)
    done = run("check", str(tmp_path / "f.csv"), "--source", "mhub-incidents", "--json")
    assert done.returncode == 0, done.stderr
    receipt = json.loads(done.stdout)
    jsonschema.validate(receipt, json.loads((REPOSITORY / "expectations/receipt.schema.json").read_text()))
    assert receipt["counts"]["rows_read"] == 300
    assert receipt["counts"]["rows_rejected"] == sum(faults.values())


def test_a_file_of_another_layout_is_held_and_says_what_was_expected(tmp_path: Path) -> None:
    unknown_layout_csv(tmp_path / "f.csv")
    done = run("check", str(tmp_path / "f.csv"), "--source", "mhub-incidents")
    assert done.returncode == 6
    assert "layout.unknown" in done.stdout


def test_a_headerless_first_row_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("Fatoumata Exemple,+223 76 00 11 22,1990\nx,y,2\n", "utf-8")
    done = run("check", str(tmp_path / "f.csv"), "--source", "mhub-incidents", "--json")
    assert done.returncode == 6
    assert "Fatoumata" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("check", "{file}", "--source", "no-such"), 5, "no source"),
        (("deliveries",), 3, "footprints up"),
        (("drop", "{file}", "--source", "mhub-incidents"), 3, "footprints up"),
        (("trends", "--country", "MLI", "--period", "2016"), 3, "footprints up"),
    ],
)
def test_errors_are_one_line_with_what_to_do(tmp_path: Path, args: tuple[str, ...], code: int, says: str) -> None:
    (tmp_path / "f.csv").write_text("a,b\n1,2\n", "utf-8")
    done = run(*(arg.format(file=tmp_path / "f.csv") for arg in args))
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_sources_are_listed_as_json() -> None:
    sources = json.loads(run("sources", "--json").stdout)
    assert {"mhub-survey", "iom-missing-migrants"} <= {source["source"] for source in sources}


def test_rows_of_an_archive_are_named_with_their_file(tmp_path: Path) -> None:
    header = "incident_id,incident_date,country,dead,missing\n"
    rows = [f"i{n},2024-05-06,Mali,1,0\n" for n in range(9)]
    path = tmp_path / "both.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", header + "".join(rows))
        archive.writestr("b.csv", header + "j1,2024-99-99,Mali,1,0\n")
    said = run("check", str(path), "--source", "mhub-incidents").stdout
    assert "b.csv: 2" in said
    assert "1000000002" not in said
