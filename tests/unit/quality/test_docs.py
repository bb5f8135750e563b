"""Data Docs and logs hold counts, never a cell; the pages need no other server."""

from __future__ import annotations

import logging
import re
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from footprints.errors import ContractError
from footprints.model import ExpectationResult
from footprints.quality import engine
from footprints.quality.docs import Validation, build_data_docs
from footprints.quality.suites import Suite, parse_suite

SECRET = "Aminata-Zz-Secret"
NUMBER = 7391846205

SUITE = parse_suite(
    {
        "name": "people.delivered",
        "expectations": [
            {"type": kind, "kwargs": kwargs, "severity": severity, "meta": {}}
            for kind, kwargs, severity in (
                ("expect_column_values_to_match_regex", {"column": "name", "regex": "^x"}, "critical"),
                ("expect_column_values_to_be_in_set", {"column": "name", "value_set": ["a"]}, "warning"),
                ("expect_column_values_to_be_unique", {"column": "name"}, "warning"),
                ("expect_column_value_lengths_to_be_between", {"column": "name", "max_value": 3}, "info"),
                ("expect_column_values_to_be_between", {"column": "phone", "max_value": 9, "mostly": 0.9}, "critical"),
                ("expect_column_max_to_be_between", {"column": "phone", "max_value": 9}, "warning"),
                ("expect_column_sum_to_be_between", {"column": "phone", "max_value": 9}, "warning"),
                ("expect_column_distinct_values_to_be_in_set", {"column": "name", "value_set": ["a"]}, "critical"),
                ("expect_table_row_count_to_be_between", {"min_value": 1}, "critical"),
            )
        ],
        "meta": {},
    },
    Path("people.json"),
)
FRAME = pd.DataFrame({"name": [SECRET, SECRET, "x"], "phone": [NUMBER, 3, NUMBER]})


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("something called out")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


def leaks(text: str) -> bool:
    return "Aminata" in text or str(NUMBER) in text or f"{NUMBER:,}" in text


@pytest.mark.usefixtures("no_network")
def test_no_cell_comes_into_the_docs_the_outcomes_or_the_logs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    outcomes = engine.check(FRAME, SUITE, "gx")
    assert not leaks(repr(outcomes))
    validation = Validation(7, "people", datetime(2026, 5, 31, tzinfo=UTC), [o.result for o in outcomes])
    index = build_data_docs([validation], tmp_path / "docs", {SUITE.name: SUITE})

    pages = list((tmp_path / "docs").rglob("*"))
    assert sum(p.name == "delivery-7.html" for p in pages) == 1
    assert not [p for p in pages if p.is_file() and leaks(p.read_text("utf-8"))]
    assert "3 of 9" not in index.read_text("utf-8")
    assert "1 of 9" in index.read_text("utf-8")
    out, err = capfd.readouterr()
    assert not leaks(caplog.text + out + err)
    assert not [r for r in caplog.records if r.name.startswith("great_expectations")]


def test_what_great_expectations_says_of_an_error_is_not_passed_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(engine, "_fits", lambda *_: None)
    frame = FRAME.assign(phone=[SECRET, SECRET, SECRET])
    with pytest.raises(ContractError, match="could not evaluate") as raised:
        engine.check(frame, SUITE, "gx")
    assert not leaks(f"{raised.value.message} {raised.value.hint} {raised.value.__cause__} {caplog.text}")


def test_pages_stand_alone_and_link_to_each_other(tmp_path: Path) -> None:
    results = [o.result for o in engine.check(FRAME, SUITE, "masks")]
    validations = [Validation(n, "people", datetime(2026, 5, n, tzinfo=UTC), results) for n in (1, 2)]
    out = tmp_path / "docs"
    out.mkdir()
    (out / "stale.html").write_text("of an older build")
    index = build_data_docs(validations, out, {SUITE.name: SUITE})

    assert not (out / "stale.html").exists()
    for page in out.rglob("*.html"):
        text = page.read_text("utf-8")
        assert "<script" not in text
        assert not re.findall(r"(?:src|url\()\W*https?:", text)
        assert "Content-Security-Policy" in text
    links = re.findall(r'href="((?:validations|expectations)[^"]*)"', index.read_text("utf-8"))
    assert len(links) == 3
    assert all((out / link).is_file() for link in links)
    page = (out / links[0]).read_text("utf-8")
    assert "2 unexpected values found" in page


def test_results_of_an_expectation_that_is_gone_are_left_out(tmp_path: Path) -> None:
    results = [o.result for o in engine.check(FRAME, SUITE, "masks")]
    today = Suite(SUITE.name, SUITE.path, SUITE.expectations[3:])
    index = build_data_docs(
        [Validation(1, "people", datetime.now(UTC), results)], tmp_path / "docs", {today.name: today}
    )
    assert "of 6</td>" in index.read_text("utf-8")


def test_docs_without_any_delivery_still_show_the_suites(tmp_path: Path) -> None:
    index = build_data_docs([], tmp_path / "docs", {SUITE.name: SUITE})
    assert "people.delivered" in index.read_text("utf-8")


def test_a_day_that_depends_on_the_check_is_named_in_the_suite_and_given_in_the_result(tmp_path: Path) -> None:
    kwargs = {"column": "seen", "max_value": {"$PARAMETER": "tomorrow"}}
    entry = {"type": "expect_column_values_to_be_between", "kwargs": kwargs, "severity": "critical"}
    suite = parse_suite({"name": "seen", "expectations": [entry]}, Path("seen.json"))
    result = ExpectationResult("seen", entry["type"], "seen", "critical", "gx", 10, 1)
    validation = Validation(1, "people", datetime(2016, 5, 31, 9, tzinfo=UTC), [result])
    build_data_docs([validation], tmp_path / "docs", {"seen": suite})
    described = (tmp_path / "docs" / "expectations" / "seen.html").read_text("utf-8")
    judged = next((tmp_path / "docs" / "validations").rglob("*.html")).read_text("utf-8")
    assert "tomorrow" in described
    assert "2016-06-01" in judged
    assert "PARAMETER" not in described + judged
