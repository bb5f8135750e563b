"""A file that no layout of its source knows: told which source's it looks like, or what is wrong with its HXL tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from tests.integration.worksite import write_expectations

from footprints.check import check_file
from footprints.contracts import load_contract
from footprints.model import Issue, Receipt
from footprints.settings import Settings


def contract(source: str, partner: str, level: str, *layouts: dict[str, Any]) -> dict[str, Any]:
    common = {"table": "activity", "record_key": ["organisation"]}
    return {
        "source": source,
        "partner": {"id": partner, "name": partner.upper(), "language": "en"},
        "title": {"en": source, "fr": source, "ar": source},
        "publisher": partner,
        "licence": "none",
        "citation": "none",
        "confidentiality": level,
        "layouts": [{"name": f"form-{i}", **common, **layout} for i, layout in enumerate(layouts, start=1)],
    }


def headed(*headers: str, **match: Any) -> dict[str, Any]:
    return {"match": {"headers": list(headers), **match}, "columns": {"organisation": {"from": headers[0]}}}


def tagged(*tags: str, **columns: Any) -> dict[str, Any]:
    return {"match": {"tags": list(tags)}, "columns": {"organisation": {"from": "#org", "required": True}, **columns}}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    expectations = write_expectations(
        tmp_path / "expectations",
        contract("mine", "us", "public", headed("who", "when")),
        contract("mine-too", "us", "private", headed("agency", "sector")),
        contract("theirs", "them", "public", headed("org name", "region")),
        contract("theirs-hidden", "them", "organization", headed("secret one", "secret two")),
        contract("loose", "us", "public", headed("name")),
        contract(
            "tagged", "us", "public", tagged("#org", "#country", n_affected={"from": "#affected", "type": "integer"})
        ),
    )
    load_contract.cache_clear()
    return Settings(expectations_dir=expectations, gx_rows=0)


def check(settings: Settings, tmp_path: Path, source: str, *lines: str) -> Receipt:
    path = tmp_path / "file.csv"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return check_file(path, source, settings)


def held(receipt: Receipt) -> Issue:
    [issue] = [issue for issue in receipt.issues if issue.severity == "hold"]
    return issue


def test_a_file_of_another_source_of_the_partner_is_told_its_folder(settings: Settings, tmp_path: Path) -> None:
    issue = held(check(settings, tmp_path, "mine", "agency,sector", "A,Health"))
    assert (issue.rule, issue.parameters) == ("source.other", {"source": "mine-too", "folder": "landing/us/mine-too/"})


def test_a_file_of_anothers_public_source_names_that_partner_and_no_folder(settings: Settings, tmp_path: Path) -> None:
    issue = held(check(settings, tmp_path, "mine", "org name,region", "A,North"))
    assert (issue.rule, issue.parameters) == ("source.other", {"source": "theirs", "partner": "THEM"})


@pytest.mark.parametrize("header", ["secret one,secret two", "name,age"], ids=["not public", "too little to tell"])
def test_what_is_not_public_or_not_telling_is_not_named(settings: Settings, tmp_path: Path, header: str) -> None:
    issue = held(check(settings, tmp_path, "mine", header, "A,1"))
    assert issue.rule == "layout.unknown"
    assert "theirs" not in str(issue.parameters) and "loose" not in str(issue.parameters)


def test_a_contract_that_is_broken_does_not_spoil_the_answer(settings: Settings, tmp_path: Path) -> None:
    (settings.expectations_dir / "mine-too" / "contract.yaml").write_text("source: [", encoding="utf-8")
    assert held(check(settings, tmp_path, "mine", "agency,sector", "A,Health")).rule == "layout.unknown"


@pytest.mark.parametrize(
    ("tags", "problems"),
    [
        ("#org,#contry,#affected", ["B3: #contry → #country"]),
        ("#org,country,#affected", ["B3: country → #country"]),
        ("#org,,#affected", ["? → #country"]),
        ("#org,#country,#country", None),
        ("#org,#country,12", ["C3: ?"]),
    ],
)
def test_slips_in_tags_are_told(settings: Settings, tmp_path: Path, tags: str, problems: list[str] | None) -> None:
    receipt = check(settings, tmp_path, "tagged", "Relief list", "Who,Where,How many", tags, "A,Mali,3")
    if problems is None:
        assert receipt.delivery.state == "loaded"  # two countries, of which the layout reads none
    else:
        issue = held(receipt)
        assert (issue.rule, issue.parameters) == ("hxl.tags", {"row": 3, "problems": problems})


def test_a_tag_that_is_read_over_two_columns_holds_the_file(settings: Settings, tmp_path: Path) -> None:
    issue = held(check(settings, tmp_path, "tagged", "a,b,c,d", "#org,#country,#affected+f,#affected+m", "A,Mali,3,4"))
    assert (issue.rule, issue.parameters["problems"]) == ("hxl.tags", ["C2 = D2: #affected"])


def test_a_file_without_tags_is_told_which_are_needed(settings: Settings, tmp_path: Path) -> None:
    issue = held(check(settings, tmp_path, "tagged", "Who,Where,How many", "A,Mali,3"))
    assert (issue.rule, issue.parameters) == ("hxl.untagged", {"expected": ["#org, #country"]})


@pytest.mark.parametrize(
    "tags", ["#org +es,#country,#affected", "# ORG,#country/en,#affected +ind", "#org,#country +name+en,#affected"]
)
@pytest.mark.parametrize("above", [[], ["Qui,Où,Combien"], ["Title", "", "Qui,Où,Combien"]], ids=len)
def test_tags_are_found_whatever_stands_above_them(
    settings: Settings, tmp_path: Path, tags: str, above: list[str]
) -> None:
    receipt = check(settings, tmp_path, "tagged", *above, tags, "A,Mali,3", "B,Niger,4")
    assert (receipt.delivery.state, receipt.delivery.counts.rows_loaded) == ("loaded", 2)


def test_sheets_that_no_layout_reads_are_named(settings: Settings, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for name, rows in {"Data": [["who", "when"], ["A", "2020"]], "Notes": [["prose"]], "Empty": []}.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.remove(book.worksheets[0])
    path = tmp_path / "file.xlsx"
    book.save(path)
    receipt = check_file(path, "mine", settings)
    [issue] = [issue for issue in receipt.issues if issue.rule == "sheets.unread"]
    assert (receipt.delivery.state, issue.severity, issue.parameters) == ("loaded", "note", {"sheets": ["Notes"]})
