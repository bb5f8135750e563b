"""The declaration of the trend tables, and the predicates that it gives."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from footprints.errors import ConfigurationError
from footprints.settings import REPOSITORY
from footprints.trends import load_trends, touched_predicate

SQL = REPOSITORY / "sql"


def test_every_select_and_check_is_declared_and_used() -> None:
    trends = load_trends(SQL)
    assert {t.name for t in trends} == {path.stem for path in (SQL / "trends").glob("*.sql")}
    assert {name for t in trends for name, _ in t.checks} == {path.stem for path in (SQL / "checks").glob("*.sql")}
    assert all("coverage" in dict(t.checks) for t in trends)


def test_definition_changes_with_the_select(tmp_path: Path) -> None:
    shutil.copytree(SQL, tmp_path / "sql")
    before = {t.name: t.definition() for t in load_trends(tmp_path / "sql")}
    path = tmp_path / "sql" / "trends" / "flow_month.sql"
    path.write_text(path.read_text() + "\n-- more")
    after = {t.name: t.definition() for t in load_trends(tmp_path / "sql")}
    assert [name for name in before if before[name] != after[name]] == ["flow_month"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("touched", {"column": "year", "kind": "week"}, "incident_month.touched.kind"),
        ("touched", "year", "incident_month.touched"),
        ("checks", ["no_such_check"], "sql/checks/no_such_check.sql"),
        ("colour", "red", "incident_month.colour"),
    ],
)
def test_a_wrong_declaration_is_refused_by_key(tmp_path: Path, key: str, value: object, message: str) -> None:
    shutil.copytree(SQL, tmp_path / "sql")
    path = tmp_path / "sql" / "trends" / "trends.yaml"
    document = yaml.safe_load(path.read_text())
    document["incident_month"][key] = value
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(ConfigurationError, match=r"trends\.yaml") as caught:
        load_trends(tmp_path / "sql")
    assert message in caught.value.message


def test_a_select_without_placeholder_is_refused(tmp_path: Path) -> None:
    shutil.copytree(SQL, tmp_path / "sql")
    (tmp_path / "sql" / "trends" / "flow_month.sql").write_text("SELECT 1 -- :touched")
    with pytest.raises(ConfigurationError, match="flow_month"):
        load_trends(tmp_path / "sql")


def test_months_in_a_row_become_one_range() -> None:
    assert touched_predicate("incident_date", "month", ["2016-01", "2015-12", "2016-05", "2016-01"]) == (
        "(\"incident_date\" >= DATE '2015-12-01' AND \"incident_date\" < DATE '2016-02-01'"
        " OR \"incident_date\" >= DATE '2016-05-01' AND \"incident_date\" < DATE '2016-06-01')"
    )


def test_integers_and_texts_are_listed_as_literals() -> None:
    assert touched_predicate("year", "integer", ["2016", "2014"]) == '"year" IN (2014, 2016)'
    assert touched_predicate("operation", "text", ["Côte d'Ivoire"]) == "\"operation\" IN ('Côte d''Ivoire')"
    assert touched_predicate("operation", "text", []) == "false"


@pytest.mark.parametrize(("kind", "key"), [("month", "2016-13"), ("month", "2016"), ("integer", "1 OR true")])
def test_a_key_of_another_kind_is_refused_without_quoting_it(kind: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        touched_predicate("year", kind, [key])  # type: ignore[arg-type]
    assert key not in caught.value.message
