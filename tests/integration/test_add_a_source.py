"""docs/add-a-source.md, followed literally: its files written, its commands run, its counts and figures compared."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from footprints import ledger, pipeline, trends
from footprints.model import Delivery
from footprints.settings import REPOSITORY, Settings
from footprints.storage import Store
from footprints.sweep import sweep
from footprints.warehouse.engine import engine

pytestmark = pytest.mark.integration

FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SOURCE = "ors-passages"


def fences() -> list[tuple[str, str, str]]:
    """(language, path, content) of every fenced block of the page."""
    page = (REPOSITORY / "docs/add-a-source.md").read_text("utf-8")
    return [(m[1], m[2] or "", m[3]) for m in FENCE.finditer(page)]


def commands() -> list[str]:
    return [line for language, _, content in fences() if language == "sh" for line in content.splitlines()]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty place with the repository's shared files of `expectations/`, and those that the page shows."""
    root = tmp_path_factory.mktemp("workshop")
    expectations = root / "expectations"
    shutil.copytree(REPOSITORY / "expectations/_tables", expectations / "_tables")
    for path in (REPOSITORY / "expectations").glob("*.*"):
        shutil.copy(path, expectations)
    for _, path, content in fences():
        if path:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content, "utf-8")
    return root


@pytest.fixture(scope="module")
def following(platform: Settings, workshop: Path) -> Settings:
    return platform.model_copy(update={"expectations_dir": workshop / "expectations"})


def load(name: str, workshop: Path, settings: Settings) -> Delivery:
    """What the stack does with `footprints drop`, without Airflow."""
    store, warehouse = Store(settings), engine(settings.need("warehouse_url"))
    store.put_file(settings.landing_bucket, f"landing/ors/{SOURCE}/{name}", workshop / name)
    sweep(settings)
    (claim,) = ledger.claim(warehouse, 10, "test", 30)
    pipeline.process(claim.delivery_id, settings)
    with warehouse.connect() as connection:
        return ledger.get(connection, claim.delivery_id)


def rows(delivery: Delivery) -> tuple[str, int, int, int, int, int]:
    c = delivery.counts
    return delivery.state, c.rows_read, c.rows_loaded, c.rows_unchanged, c.rows_rejected, c.rows_duplicate


def test_the_check_says_what_the_page_says(workshop: Path) -> None:
    (command,) = [line for line in commands() if line.startswith("footprints check")]
    program, *arguments = shlex.split(command)
    environment = os.environ | {"FOOTPRINTS_EXPECTATIONS_DIR": str(workshop / "expectations"), "COLUMNS": "200"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments, "--json"],
        cwd=workshop,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    stated = {
        (rule, int(row))
        for row, rule in re.findall(
            r"^\| (\d+) \| .*?`([\w.]+)`", (REPOSITORY / "docs/add-a-source.md").read_text("utf-8"), re.MULTILINE
        )
    }
    receipt: dict[str, Any] = json.loads(done.stdout)
    found = {(issue["rule"], row) for issue in receipt["issues"] for row in issue["example_rows"]}
    assert len(stated) == 5
    assert found == stated
    assert (workshop / "receipt.html").read_text("utf-8").count('lang="fr"')

    plain = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        cwd=workshop,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    (shown,) = [content for language, _, content in fences() if language == "text"]
    assert plain.stdout.startswith(shown)


def test_the_draft_is_what_the_page_says(workshop: Path) -> None:
    (command,) = [line for line in commands() if line.startswith("footprints propose")]
    program, *arguments = shlex.split(command)
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments, "--json"],
        cwd=workshop,
        env=os.environ | {"FOOTPRINTS_EXPECTATIONS_DIR": str(workshop / "expectations")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    (layout,) = made["layouts"]
    assert (layout["table"], layout["record_key"], layout["missing"]) == ("flow", ["_id"], [])
    assert list(layout["sensitive"]) == ["Enquêteur"]
    assert (made["rows_read"], made["rows_loaded"]) == (12, 9)
    assert (workshop / "drafts/ors-draft/maps/routes.undecided.csv").exists()


def test_the_files_load_as_the_page_says(workshop: Path, following: Settings) -> None:
    first, second = (shlex.split(line)[2] for line in commands() if line.startswith("footprints drop"))

    assert rows(load(first, workshop, following)) == ("loaded", 12, 9, 0, 2, 1)
    (correction,) = (line for line in commands() if line.startswith("sed"))
    subprocess.run(["bash", "-c", correction], cwd=workshop, check=True)
    corrected = load(second, workshop, following)
    assert rows(corrected) == ("loaded", 12, 3, 8, 0, 1)
    assert (corrected.counts.records_added, corrected.counts.records_changed) == (2, 1)

    # The same bytes once more, under a name of their own: a duplicate.
    shutil.copy(workshop / first, workshop / "passages_2024-05_encore.csv")
    assert load("passages_2024-05_encore.csv", workshop, following).state == "duplicate"


def test_the_figures_follow_the_corrected_rows(following: Settings) -> None:
    arguments = shlex.split(next(line for line in commands() if line.startswith("footprints trends")))
    option = dict(zip(arguments[2::2], arguments[3::2], strict=False))
    trends.refresh(engine(following.need("warehouse_url")))
    with engine(following.need("warehouse_reader_url")).connect() as connection:
        cells = trends.published_cells(connection, option["--country"], option["--period"], option["--indicator"])
    # By hand, from the page: Niger 1,100 in May (the week from 29 April is April's), Sudan 1,200, various 27.
    assert {(cell.profile, cell.value) for cell in cells} >= {
        ("border=land; origin=NER", 1100),
        ("border=land; origin=SDN", 1200),
        ("border=land; origin=UKN", 27),
    }


def test_a_mistake_in_the_contract_names_file_and_key(workshop: Path, tmp_path: Path) -> None:
    shutil.copytree(workshop, tmp_path / "workshop")
    contract = tmp_path / "workshop/expectations" / SOURCE / "contract.yaml"
    contract.write_text(contract.read_text("utf-8").replace("required: true", "requierd: true", 1), "utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("footprints")), "check", "passages_2024-05.csv", "--source", SOURCE],
        cwd=tmp_path / "workshop",
        env=os.environ | {"FOOTPRINTS_EXPECTATIONS_DIR": str(contract.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert "contract.yaml" in done.stderr
    assert "layouts.0.columns._fiche" in done.stderr
    assert "requierd" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
