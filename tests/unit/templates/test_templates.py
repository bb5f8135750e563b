"""A template lets through what its contract takes: filled with the values that it allows, it loads without a reject."""

from __future__ import annotations

import io
import shutil
import string
from datetime import datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import find, strategies
from openpyxl import load_workbook

from footprints import receipts
from footprints.check import check_file
from footprints.contracts import Contract, load_contracts
from footprints.errors import NotFoundError
from footprints.harmonise.folding import fold
from footprints.settings import REPOSITORY, Settings
from footprints.templates import Field, layouts_with_template, template_of, write
from footprints.templates.workbook import LISTS, ROWS, text, written
from footprints.warehouse.tables import TABLES

CONTRACTS = load_contracts(REPOSITORY / "expectations")
LAYOUTS = [(source, name) for source, contract in CONTRACTS.items() for name in layouts_with_template(contract)]
N_ROWS = 3
NAMES = {
    "libya-nationalities": "DTM_Libya_R54_filled.xlsx",
    "libya-places": "DTM_Libya_R54_filled.xlsx",
    "central-african-republic": "DTM_Rd7_avril_2019.xlsx",
    "popstats-all": "popstats_all_data.xlsx",
}
"""Where the contract reads something from the file's name."""


EXAMPLES = {
    "m0489_meta_survey_round": "B2_01",
    "round": "2016-03/2016-05",
    "P-Code": "XX{i}",
    "RowcaCode3": "CAF{i:09d}",
    "RowcaCode4": "CAF{i:013d}",
}
"""Texts of columns that have a pattern, in row i; others are found, which takes a while."""


@cache
def matching(pattern: str, i: int) -> str:
    """The i-th of the simplest texts of a pattern's form."""
    found: list[str] = []
    while len(found) <= i:
        texts = strategies.from_regex(
            pattern, fullmatch=True, alphabet=string.ascii_letters + string.digits + "-/_|.: "
        )
        found.append(find(texts, lambda one: one not in found and one == one.strip() != "", random=Random(1)))
    return found[i]


def value(field: Field, i: int, contract: Contract, language: Any) -> Any:
    """A value that the template allows, in row i."""
    if field.header == "consent":
        return "yes"  # without it nothing of an interview is loaded
    if field.choices and field.kind == "codes":
        return " ".join(choice.value for choice in field.choices[:1])
    if field.choices:
        values = written(field, contract, language)
        return values[(i * 7) % len(values)]
    if field.pattern:
        example = EXAMPLES.get(field.header)
        return example.format(i=i) if example else matching(field.pattern, i)
    if field.kind in ("date", "month"):
        return datetime(2016, 4 + i, 10 + i)
    if field.kind == "datetime":
        return datetime(2016, 5, 10 + i, 10).strftime(field.formats[-1])
    if field.kind == "year":
        return 2010 + i
    if field.kind in ("integer", "count", "number"):
        low = field.low if isinstance(field.low, int | float) else 0
        high = field.high if isinstance(field.high, int | float) else 1000
        return min(low + i + 1, high)
    if field.kind == "country_list":
        return field.separator.join(["Chad", "Niger"][: 1 + i % 2])
    return f"text {i}"


def fill(content: bytes, source: str, layout: str, path: Path, language: str = "en") -> None:
    """Fills the template as a person does: the first sheet, below its head."""
    contract = CONTRACTS[source]
    template = template_of(contract, layout)
    workbook = load_workbook(io.BytesIO(content))
    sheets = [(workbook.worksheets[0], template.fields)]
    sheets += [(workbook[name], fields) for name, fields in template.repeats.items()]
    for sheet, fields in sheets:
        first = sheet.max_row + 1
        for i in range(N_ROWS):
            for column, field in enumerate(fields, start=1):
                # Kobo's index, by which a sheet of repeats finds its interview
                number = i + 1 if field.header in ("_index", "_parent_index") else None
                sheet.cell(first + i, column).value = number or value(field, i, contract, language)
    workbook.save(path)


@pytest.mark.parametrize(("source", "layout"), LAYOUTS)
def test_a_filled_template_loads_without_a_reject(source: str, layout: str, tmp_path: Path) -> None:
    language = CONTRACTS[source].partner.language
    path = tmp_path / NAMES.get(layout, f"{source}.xlsx")
    content = write(template_of(CONTRACTS[source], layout), CONTRACTS[source], language)
    fill(content, source, layout, path, language)

    receipt = check_file(path, source, Settings())

    grave = [(i.rule, i.column, i.parameters) for i in receipt.issues if i.severity in ("hold", "reject")]
    assert (receipt.delivery.state, grave) == ("loaded", [])
    counts = receipt.delivery.counts
    assert (counts.rows_read, counts.rows_loaded, counts.rows_rejected) == (N_ROWS, N_ROWS, 0)
    assert receipt.delivery.layout == layout
    assert "sheets.unread" not in {issue.rule for issue in receipt.issues}


def test_every_source_that_people_fill_in_is_there() -> None:
    by_programs = set(CONTRACTS) - {source for source, _ in LAYOUTS}
    for source in by_programs:
        with pytest.raises(NotFoundError):
            template_of(CONTRACTS[source])
    people = {"frontex", "iom-dtm", "iom-missing-migrants", "mhub-incidents", "mhub-survey", "organisation-register"}
    assert not by_programs & (people | {"the-migrants-files", "unhcr-population"})


@pytest.mark.parametrize("source", sorted({source for source, _ in LAYOUTS}))
def test_an_untouched_template_is_told_that_it_has_no_rows(source: str, tmp_path: Path) -> None:
    contract = CONTRACTS[source]
    template = template_of(contract)
    path = tmp_path / NAMES.get(template.layout.name, f"{source}.xlsx")
    path.write_bytes(write(template, contract, "fr"))
    receipt = check_file(path, source, Settings())
    assert (receipt.delivery.state, [i.rule for i in receipt.issues]) == ("quarantined", ["file.empty"])
    assert b"<html" in receipts.write(receipt)[1]


@pytest.mark.parametrize("language", ["en", "fr", "ar"])
def test_the_workbook_is_what_a_partner_needs(language: Any) -> None:
    contract = CONTRACTS["mhub-incidents"]
    workbook = load_workbook(io.BytesIO(write(template_of(contract), contract, language)))
    sheet = workbook.worksheets[0]
    assert sheet.title == text("data", language)
    assert sheet.freeze_panes == "A2"
    assert bool(sheet.sheet_view.rightToLeft) == (language == "ar")
    heads = [cell.value for cell in sheet[1]]
    assert heads[:4] == ["incident_id", "main_id", "incident_date", "country"]
    assert sheet.max_row == 1
    assert all(cell.comment is not None for cell in sheet[1])
    required = {cell.value for cell in sheet[1] if cell.fill.fgColor.rgb.endswith("174F86")}
    assert required == {"incident_id", "incident_date", "country"}

    rules = {str(one.sqref).split(":")[0]: one for one in sheet.data_validations.dataValidation}
    assert rules["C2"].type == "date"
    assert (rules["D2"].type, rules["D2"].errorStyle) == ("list", "stop")
    assert str(rules["D2"].sqref) == f"D2:D{ROWS + 1}"
    assert rules["E2"].errorStyle == "warning", "an unknown region is flagged, not rejected"
    lists = workbook[LISTS]
    assert lists.sheet_state == "hidden"
    n = int(rules["D2"].formula1.rsplit("$", 1)[-1])
    names = [lists.cell(row, 1).value for row in range(1, n + 1)]
    assert {"en": "Côte d'Ivoire", "fr": "Côte d'Ivoire", "ar": "ساحل العاج"}[language] in names
    assert all(fold(name) in contract.countries for name in names)
    assert "Namibia" in names or language != "en"

    books = [one for one in workbook.worksheets if one.title in {text("codebook", x) for x in ("en", "fr", "ar")}]
    assert [bool(one.sheet_view.rightToLeft) for one in books].count(True) == 1
    assert books[0].title == text("codebook", language)
    for book in books:
        cells = {str(cell.value) for row in book.iter_rows() for cell in row}
        assert set(heads) <= cells


def test_a_code_list_shows_the_wording_the_partner_may_use_and_its_label() -> None:
    contract = CONTRACTS["organisation-register"]
    template = template_of(CONTRACTS["frontex"])
    field = next(one for one in template.fields if one.header == "Border type or inland")
    assert {choice.value for choice in field.choices} <= {"Land", "Sea", "Air", "Inland"} | {
        c.value for c in field.choices
    }
    assert field.is_strict
    labels = {choice.labels["fr"] for choice in field.choices}
    assert "" not in labels
    assert template_of(contract).fields[0].header == "Research Cycle ID"


def test_what_is_dropped_is_not_asked_for_and_what_is_hashed_is_said() -> None:
    template = template_of(CONTRACTS["mhub-survey"])
    headers = {field.header for field in template.fields}
    assert not headers & {"deviceid", "username", "phonenumber", "comments", "enumerator_notes", "_geolocation"}
    (enumerator,) = [field for field in template.fields if field.header == "enumerator_id"]
    assert enumerator.is_hashed
    assert "stops" in template.repeats


def test_an_unknown_layout_is_told_the_known_ones() -> None:
    with pytest.raises(NotFoundError) as error:
        template_of(CONTRACTS["frontex"], "nothing")
    assert "months-wide" in error.value.hint


def test_a_header_that_looks_like_a_formula_stays_text(tmp_path: Path) -> None:
    directory = tmp_path / "expectations"
    shutil.copytree(REPOSITORY / "expectations", directory)
    path = directory / "mhub-incidents" / "contract.yaml"
    path.write_text(path.read_text("utf-8").replace("from: main_id", "from: '=1+1'"), "utf-8")
    contract = load_contracts(directory)["mhub-incidents"]
    workbook = load_workbook(io.BytesIO(write(template_of(contract), contract, "en")))
    cells = [cell for sheet in workbook for row in sheet.iter_rows() for cell in row if cell.value == "=1+1"]
    assert cells and {cell.data_type for cell in cells} == {"s"}


def test_every_column_of_ours_has_its_meaning_in_three_languages() -> None:
    import csv

    with (REPOSITORY / "expectations/columns.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row[language].strip() for row in rows for language in ("en", "fr", "ar"))
    names = [row["column"] for row in rows]
    assert len(names) == len(set(names))
    assert set(names) == {column for table in TABLES.values() for column in table.columns}
