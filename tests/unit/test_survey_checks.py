"""The checks of the field on generated interviews: each rule finds those that were made to fail it, by both engines."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from footprints.check import check_file
from footprints.contracts import load_contract
from footprints.model import Receipt
from footprints.samples import survey
from footprints.samples.survey import Interview
from footprints.settings import REPOSITORY, Settings

EXPECTATIONS = REPOSITORY / "expectations"
ALONE = set(survey.DOUBTS) - {"interview.apart", "interview.near_duplicate"}


def settings(**changes: Any) -> Settings:
    return Settings(_env_file=None, expectations_dir=EXPECTATIONS, **changes)  # type: ignore[call-arg]


def rows_by_rule(receipt: Receipt) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for issue in receipt.issues:
        assert issue.n_rows <= 20 or not issue.rule.startswith("interview."), "the example rows would not be all"
        found.setdefault(issue.rule, set()).update(issue.example_rows)
    return found


@pytest.fixture(scope="module")
def interviews() -> list[Interview]:
    return survey.doubtful(survey.field_interviews(150, seed=3, n_quarters=1), seed=4)


@pytest.fixture(scope="module")
def file(interviews: list[Interview], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return survey.write_kobo_xlsx(tmp_path_factory.mktemp("survey") / "field.xlsx", interviews)


@pytest.mark.parametrize("engine", [{"gx_rows": 1000}, {"gx_rows": 0}, {"gx_rows": 0, "chunk_rows": 40}])
def test_each_rule_flags_what_was_made_to_fail_it(
    interviews: list[Interview], file: Path, engine: dict[str, int]
) -> None:
    receipt = check_file(file, "mhub-survey", settings(**engine))
    assert receipt.delivery.engine == ("gx" if engine["gx_rows"] else "masks")
    assert receipt.delivery.counts.rows_loaded == len(interviews)
    found = rows_by_rule(receipt)
    for doubt in survey.DOUBTS:
        made = {row for row, one in enumerate(interviews, start=2) if one.doubt == doubt}
        assert len(made) == 2
        assert made <= found[doubt], doubt
        if doubt in ALONE:
            assert found[doubt] == made, doubt
    # A doubt about two is told of both.
    for doubt, other in (("interview.apart", "start"), ("interview.near_duplicate", "answers")):
        assert len(found[doubt]) >= 4, other


def without_doubt(n: int) -> list[Interview]:
    """Interviews an hour apart, each of the same enumerator."""
    made = survey.field_interviews(n, seed=9, n_quarters=1)
    first = made[0].started.replace(hour=8)
    return [
        replace(
            one,
            started=first + timedelta(days=i),
            ended=first + timedelta(days=i, minutes=30),
            answers={**one.answers, "enumerator_id": "E500"},
        )
        for i, one in enumerate(made)
    ]


def test_who_does_not_consent_is_compared_with_nobody(tmp_path: Path) -> None:
    made = without_doubt(6)
    refused = {**made[2].answers, "consent": "no"}
    made.insert(3, replace(made[2], uuid="refused", answers=refused))
    found = rows_by_rule(check_file(survey.write_kobo_xlsx(tmp_path / "f.xlsx", made), "mhub-survey", settings()))
    assert found["consent.none"] == {5}
    assert "interview.apart" not in found
    assert "interview.near_duplicate" not in found


def test_an_interview_that_stands_twice_is_not_its_own_duplicate(tmp_path: Path) -> None:
    made = without_doubt(5)
    made.append(made[1])
    found = rows_by_rule(check_file(survey.write_kobo_xlsx(tmp_path / "f.xlsx", made), "mhub-survey", settings()))
    assert found["row.repeated"] == {3}
    assert "interview.near_duplicate" not in found
    assert "interview.apart" not in found


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    """Our survey's contract, under which short interviews and near-duplicates are rejected, at limits of its own."""
    folder = tmp_path / "expectations"
    shutil.copytree(EXPECTATIONS, folder)
    common = json.loads((folder / "_tables" / "interview.field.json").read_text())["expectations"]
    wanted = {"interview.short": {"min_value": 5}, "interview.near_duplicate": {"max_differing": 1}}
    own = [
        {**e, "kwargs": {**e["kwargs"], **wanted[e["meta"]["rule"]]}, "severity": "critical"}
        for e in common
        if e["meta"]["rule"] in wanted
    ]
    suite = {"name": "mhub-survey.strict", "expectations": own, "meta": {}}
    (folder / "mhub-survey" / "suites" / "strict.json").write_text(json.dumps(suite))
    load_contract.cache_clear()
    return folder


@pytest.mark.parametrize("gx_rows", [0, 1000])
def test_a_source_says_otherwise_and_rejects(strict: Path, tmp_path: Path, gx_rows: int) -> None:
    made = without_doubt(18)
    made[0] = replace(made[0], ended=made[0].started + timedelta(minutes=4))
    made[1] = replace(made[1], ended=made[1].started + timedelta(minutes=7))  # short for 4Mi, not for this source
    made.append(replace(made[4], uuid="copy", started=made[7].started + timedelta(hours=3), ended=made[7].ended))
    made[-1] = replace(made[-1], ended=made[-1].started + timedelta(minutes=40))
    path = survey.write_kobo_xlsx(tmp_path / "f.xlsx", made)
    receipt = check_file(path, "mhub-survey", settings(gx_rows=gx_rows).model_copy(update={"expectations_dir": strict}))
    rejected = {reject.row_number: reject.rules for reject in receipt.rejects}
    assert rejected == {
        2: ("interview.short",),
        6: ("interview.near_duplicate",),
        20: ("interview.near_duplicate",),
    }
    counts = receipt.delivery.counts
    assert (counts.rows_read, counts.rows_loaded, counts.rows_rejected, counts.records_added) == (19, 16, 3, 16)
