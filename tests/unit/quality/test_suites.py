"""Suite files: what is refused, what GX itself takes, and that the tables' suites fit the tables."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from footprints.errors import ContractError
from footprints.quality.engine import Checker, Outcome, check
from footprints.quality.suites import Suite, find_suites, load_suite, parse_suite
from footprints.settings import REPOSITORY
from footprints.warehouse.tables import TABLES

EXPECTATIONS = REPOSITORY / "expectations"
SUITES = find_suites(EXPECTATIONS)
TODAY = date(2026, 5, 31)

GOOD: dict[str, Any] = {
    "name": "incident",
    "expectations": [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "incident_date", "min_value": "2014-01-01", "max_value": {"$PARAMETER": "tomorrow"}},
            "severity": "critical",
            "meta": {"rule": "date.future"},
        }
    ],
    "meta": {},
}


def broken(**changes: Any) -> dict[str, Any]:
    document = copy.deepcopy(GOOD)
    document["expectations"][0].update(changes)
    return document


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ([], "is not a JSON object"),
        ({**GOOD, "expectation": []}, "expectation: unknown key"),
        ({**GOOD, "name": "Incident suite"}, "name"),
        ({**GOOD, "expectations": []}, "expectations: is not a list of expectations"),
        (broken(type="expect_column_values_to_be_nice"), "expectations[0].type: 'expect_column_values_to_be_nice'"),
        (broken(severity="fatal"), "expectations[0].severity: 'fatal'"),
        (broken(kwargs={"column": "a", "min": 1}), "expectations[0].kwargs.min: unknown key"),
        (broken(kwargs={"min_value": 1}), "expectations[0].kwargs.column: is missing"),
        (broken(kwargs={"column": "a"}), "expectations[0].kwargs: needs min_value, max_value or both"),
        (broken(kwargs={"column": "a", "min_value": 3, "max_value": 1}), "min_value is greater than max_value"),
        (broken(kwargs={"column": "a", "min_value": 3, "max_value": "2014-01-01"}), "are not of one type"),
        (broken(kwargs={"column": "a", "min_value": "31/05/2016"}), "expectations[0].kwargs.min_value"),
        (broken(kwargs={"column": "a", "min_value": "0200-01-01"}), "is a date outside 1678 to 2261"),
        (broken(kwargs={"column": "a", "min_value": {"$PARAMETER": "now"}}), "$PARAMETER"),
        (broken(kwargs={"column": "a", "min_value": 1, "mostly": 1.1}), "expectations[0].kwargs.mostly"),
        (broken(kwargs={"column": "a", "min_value": 1, "row_condition": "a > 1"}), "row_condition: unknown key"),
        (broken(type="expect_column_values_to_match_regex", kwargs={"column": "a", "regex": "("}), "kwargs.regex"),
        (
            broken(type="expect_column_pair_values_to_be_equal", kwargs={"column_A": "a", "column_B": "b"}),
            "kwargs.ignore_row_if: is missing",
        ),
        (broken(meta={"rule": "Date in the future"}), "expectations[0].meta.rule"),
    ],
)
def test_a_wrong_suite_is_refused_by_file_and_key(document: Any, key: str, tmp_path: Path) -> None:
    path = tmp_path / "incident.json"
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(ContractError) as raised:
        load_suite(path)
    assert str(path) in raised.value.message
    assert key in raised.value.message


def test_a_rule_is_named_by_meta_or_by_its_type() -> None:
    assert parse_suite(GOOD, Path("x")).expectations[0].rule == "date.future"
    assert parse_suite(broken(meta={}), Path("x")).expectations[0].rule == "expectation.column_values_to_be_between"


def test_parameters_are_of_the_day_of_the_check() -> None:
    suite = parse_suite(GOOD, Path("x"))
    frame = pd.DataFrame({"incident_date": np.array(["2016-06-01", "2016-06-02"], dtype="datetime64[s]")})
    (outcome,) = check(frame, suite, "masks", today=date(2016, 5, 31))
    assert outcome.failed is not None
    assert outcome.failed.tolist() == [False, True]


def test_loading_a_suite_does_not_import_great_expectations() -> None:
    script = (
        "import sys; from pathlib import Path; import footprints.quality.engine; "
        "import footprints.quality.docs; from footprints.quality.suites import find_suites; "
        f"find_suites(Path({str(EXPECTATIONS)!r})); sys.exit('great_expectations' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_column_that_is_not_there_is_refused_unless_it_is_loaded_as_null() -> None:
    suite = parse_suite(GOOD, Path("incident.json"))
    frame = pd.DataFrame({"n_dead": [1, 2]})
    for engine in ("gx", "masks"):
        with pytest.raises(ContractError, match=r"incident\.json.*incident_date"):
            check(frame, suite, engine)
        (outcome,) = check(frame, suite, engine, columns=["incident_date"])
        assert outcome.success
        assert (outcome.result.n_checked, outcome.result.n_failed) == (0, 0)


def test_a_number_is_not_compared_with_a_date_by_either_engine() -> None:
    for engine in ("gx", "masks"):
        with pytest.raises(ContractError, match="incident_date is number"):
            check(pd.DataFrame({"incident_date": [1, 2]}), parse_suite(GOOD, Path("x")), engine)


def test_severity_and_mostly_say_what_rows_and_the_delivery_suffer() -> None:
    def outcome(severity: str, **kwargs: Any) -> Outcome:
        document = broken(severity=severity, kwargs={"column": "n", "max_value": 2, **kwargs})
        return check(pd.DataFrame({"n": [1, 2, 3, 4]}), parse_suite(document, Path("x")), "masks")[0]

    assert [outcome(s).row_severity for s in ("critical", "warning", "info")] == ["reject", "flag", "note"]
    assert outcome("critical").delivery_severity is None
    assert outcome("critical", mostly=0.5).delivery_severity is None
    assert outcome("critical", mostly=0.6).delivery_severity == "hold"
    assert outcome("warning", mostly=0.6).delivery_severity == "flag"


def test_uniqueness_is_judged_over_all_frames() -> None:
    document = broken(type="expect_column_values_to_be_unique", kwargs={"column": "k"})
    for engine in ("gx", "masks"):
        checker = Checker(parse_suite(document, Path("x")), engine)
        for keys in (["a", "b", None], ["c", "a", None]):
            assert checker.add(pd.DataFrame({"k": pd.array(keys, dtype="str")})) == []
        (outcome,) = checker.finish()
        assert outcome.failed is not None
        assert outcome.failed.tolist() == [True, False, False, False, True, False]
        assert (outcome.result.n_checked, outcome.result.n_failed) == (4, 2)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_the_suite_of_a_table_reads_its_columns(table: str) -> None:
    assert set(SUITES[table].columns) <= set(TABLES[table].columns)


def test_great_expectations_takes_every_suite_file_as_it_stands() -> None:
    from great_expectations.core.expectation_suite import ExpectationSuite

    for suite in SUITES.values():
        theirs = ExpectationSuite(**json.loads(suite.path.read_text("utf-8"))).to_json_dict()
        assert len(theirs["expectations"]) == len(suite.expectations), suite.path
        for entry, ours in zip(theirs["expectations"], suite.expectations, strict=True):
            assert (entry["type"], entry["severity"]) == (ours.type, ours.severity), suite.path


TYPE_OF = {column: kind for table in TABLES.values() for column, kind in table.columns.items()}


def _type_of(name: str) -> str:
    """The type of a core column; of a column that only the source has, by our way of naming."""
    if name.startswith(("_q.", "_log.")) or name in ("_minutes", "_start_hour"):
        return "double"
    return TYPE_OF.get(name, "integer" if name.startswith(("n_", "_n_")) else "text")


def _bounds(suite: Suite, name: str) -> list[Any]:
    """The limits and values that the suite has of a column."""
    found: list[Any] = []
    for e in suite.expectations:
        if e.column == name and "proportion" not in e.type and "length" not in e.type:
            found += [e.kwargs[key] for key in ("min_value", "max_value") if key in e.kwargs]
            found += e.kwargs.get("value_set", [])
    return found


def _values(suite: Suite, name: str, n: int) -> Any:
    """Values at, inside and beyond what the suite asks of a column, of the column's type, some of them null."""
    random = np.random.default_rng(sum(map(ord, name)))
    null, bounds, kind = random.random(n) < 0.15, _bounds(suite, name), _type_of(name)
    if kind in ("date", "timestamptz"):
        days = np.array([*bounds, "2016-05-31", "2016-06-01"], dtype="datetime64[s]")
        days = random.choice(np.concatenate([days, days - np.timedelta64(1, "D"), days + np.timedelta64(1, "D")]), n)
        days[null] = "NaT"
        return pd.Series(days).dt.tz_localize("UTC") if kind == "timestamptz" else days
    if kind in ("integer", "smallint", "double"):
        near = np.array([*bounds, 0, 1, 3], dtype="float64")
        numbers = random.choice(np.concatenate([near, near - 1, near + 1]), n)
        numbers[null] = np.nan
        return numbers if kind == "double" else pd.array(numbers).astype("Int64")
    pool = [*bounds, "MLI", "ml", "", "https://example.org/a", "x" * 2500, "�", "2016"]
    texts = random.choice(np.array(pool, dtype=object), n)
    texts[null] = None
    return pd.array(texts, dtype="str")


def frame_for(suite: Suite, n: int = 300) -> pd.DataFrame:
    """A frame that breaks each rule of the suite in some rows."""
    return pd.DataFrame({name: _values(suite, name, n) for name in suite.columns}, index=range(n))


@pytest.mark.parametrize("name", sorted(SUITES))
def test_both_engines_agree_on_every_suite_file(name: str) -> None:
    suite = SUITES[name].at(TODAY)
    frame = frame_for(suite)
    gx, masks = check(frame, suite, "gx"), check(frame, suite, "masks")
    for theirs, ours in zip(gx, masks, strict=True):
        what = (ours.expectation.type, ours.columns)
        assert ours.success == theirs.success, what
        assert (ours.result.n_checked, ours.result.n_failed) == (theirs.result.n_checked, theirs.result.n_failed), what
        assert (ours.failed is None) == (theirs.failed is None), what
        if ours.failed is not None and theirs.failed is not None:
            assert ours.failed.tolist() == theirs.failed.tolist(), what
    assert any(o.result.n_failed for o in masks)


@pytest.mark.parametrize("engine", ["gx", "masks"])
def test_a_delivery_without_a_row_is_judged_too(engine: Any) -> None:
    entries = [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a"}, "severity": "critical"},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "a"}, "severity": "critical"},
        {"type": "expect_column_max_to_be_between", "kwargs": {"column": "a", "min_value": 1}, "severity": "warning"},
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}, "severity": "critical"},
    ]
    suite = parse_suite({"name": "empty", "expectations": entries}, Path("empty.json"))
    assert [o.success for o in Checker(suite, engine).finish()] == [True, True, False, False]
    assert [o.success for o in check(pd.DataFrame({"a": []}), suite, engine)] == [True, True, False, False]
