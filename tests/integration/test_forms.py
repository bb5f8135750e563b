"""Questionnaires are deliveries: a newer version wins whatever comes first, and what is taken back is gone."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.integration.worksite import Site, write_expectations

from footprints import redo
from footprints.samples.files import write_workbook
from footprints.settings import Settings

pytestmark = pytest.mark.integration

CONTRACT = {
    "source": "forms",
    "partner": {"id": "test", "name": "Test", "language": "fr"},
    "title": {"en": "Test", "fr": "Test", "ar": "Test"},
    "publisher": "Test",
    "licence": "none",
    "citation": "none",
    "confidentiality": "public",
    "layouts": [
        {
            "name": "form",
            "match": {"headers": ["type", "name"], "sheet": "survey"},
            "as_of": {"filename": r"^(\d{4}-\d{2}-\d{2})", "format": "%Y-%m-%d"},
            "table": "form_question",
        },
        {
            "name": "choices",
            "also": True,
            "match": {"headers": ["list_name", "name"], "sheet": "choices"},
            "as_of": {"filename": r"^(\d{4}-\d{2}-\d{2})", "format": "%Y-%m-%d"},
            "table": "form_choice",
        },
    ],
}


@pytest.fixture(scope="module")
def site(platform: Settings, tmp_path_factory: pytest.TempPathFactory) -> Site:
    expectations = write_expectations(tmp_path_factory.mktemp("forms") / "expectations", CONTRACT)
    return Site(platform.model_copy(update={"expectations_dir": expectations}))


def write(path: Path, questions: dict[str, str], broken: bool = False) -> Path:
    survey = [["type", "name", "label", "label::English (en)", "required", "relevant"]]
    survey += [["begin group", "about", "", "", "", "${consent} = 'oui'"]]
    survey += [["select_one yn", name, label, label.upper(), "yes", ""] for name, label in questions.items()]
    if broken:
        survey += [["end repeat", "", "", "", "", ""], ["select_one nothing", "lost", "", "", "", "once(1)"]]
    else:
        survey += [["end group", "", "", "", "", ""]]
    choices = [["list_name", "name", "label", "region"], ["yn", "oui", "Oui", "a"], ["yn", "oui", "Oui", "b"]]
    settings = [["form_id", "version"], ["household", path.name[:10]]]
    return write_workbook(path, {"survey": survey, "choices": choices, "settings": settings})


def stated(site: Site) -> list[tuple[object, ...]]:
    with site.warehouse.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT question_code, labels ->> 'fr', labels ->> 'en', form_version, group_path, group_relevant,"
                " is_required FROM core.form_question ORDER BY 1"
            )
        ).all()
    return [tuple(row) for row in rows]


def test_a_newer_version_wins_in_any_order_and_can_be_taken_back(site: Site, tmp_path: Path) -> None:
    files = {
        "2024": write(tmp_path / "2024-01-01.xlsx", {"a": "vieux", "b": "reste"}),
        "2025": write(tmp_path / "2025-01-01.xlsx", {"a": "neuf", "c": "ajout"}),
    }
    group = ("about", "${consent} = 'oui'", True)
    new = [
        ("a", "neuf", "NEUF", "2025-01-01", *group),
        ("b", "reste", "RESTE", "2024-01-01", *group),
        ("c", "ajout", "AJOUT", "2025-01-01", *group),
    ]
    ends = []
    for order in itertools.permutations(files):
        site.clear()
        ids = {name: site.put("forms", path.name, path.read_bytes()) for name, path in files.items()}
        assert [state for name in order for state in site.process(ids[name])] == ["loaded", "loaded"]
        assert stated(site) == new
        ends.append(site.checksum())
    assert ends[0] == ends[1]
    assert redo.rebuild(site.settings).is_equal

    redo.withdraw(ids["2025"], site.settings)
    assert [row[:2] for row in stated(site)] == [("a", "vieux"), ("b", "reste")]
    redo.replay(site.warehouse, ids["2025"])
    site.process(ids["2025"])
    assert stated(site) == new
    assert site.checksum() == ends[0]
    with site.warehouse.connect() as connection:
        filters = connection.execute(text("SELECT filters ->> 'region' FROM core.form_choice ORDER BY 1")).scalars()
        assert list(filters) == ["a", "b"]


def test_what_is_wrong_with_a_form_is_told(site: Site, tmp_path: Path) -> None:
    site.clear()
    path = write(tmp_path / "2024-02-01.xlsx", {"a": "vieux"}, broken=True)
    delivery = site.deliver("forms", path.name, path.read_bytes())
    issues = {issue.rule: issue for issue in site.receipt(delivery).issues}
    assert issues["form.group_open"].parameters == {"groups": ["about"]}
    assert issues["form.group_unopened"].example_rows == (4,)
    assert issues["form.list_unknown"].parameters == {"lists": ["nothing"]}
    assert issues["form.condition_unknown"].example_rows == (5,)
    assert [row[0] for row in stated(site)] == ["a", "lost"]
