"""Workbooks and headers: cells as a person sees them, with the sheet's own row numbers, under any header."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from footprints.contracts import Column, Layout, Match, Read
from footprints.errors import DeliveryError
from footprints.readers import Header, Sheet, find_header, open_file


def save(path: Path, **sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def layout(headers: tuple[str, ...] = (), *, sheet: str | None = None, **read: object) -> Layout:
    return Layout(
        name="test",
        match=Match(headers=headers, sheet=sheet),
        read=Read(**read),  # type: ignore[arg-type]
        table="incident",
        mode="upsert",
        record_key=(),
        columns=(),
        as_of={"received": ""},
    )


def rows_of(sheet: Sheet, header: Header) -> dict[int, list[str | None]]:
    found: dict[int, list[str | None]] = {}
    for chunk in sheet.chunks(header, 2, lambda row: pytest.fail("no row is ragged")):
        cells = [column.to_pylist() for column in chunk.columns.values()]
        found |= dict(zip(chunk.row_numbers.tolist(), map(list, zip(*cells, strict=True)), strict=True))
    return found


def test_cells_are_what_a_person_sees(tmp_path: Path) -> None:
    row = ["007", 7, 7.5, dt.date(2020, 2, 29), dt.datetime(2020, 2, 29, 13, 5), True, None]
    path = save(tmp_path / "f.xlsx", data=[list("abcdefg"), row])
    [sheet] = open_file(path, 2**30).sheets
    assert rows_of(sheet, Header(tuple("abcdefg"), 1)) == {
        2: ["007", "7", "7.5", "2020-02-29", "2020-02-29T13:05:00", "true", ""]
    }


def test_row_numbers_count_blank_rows_and_what_stands_above_the_header(tmp_path: Path) -> None:
    rows = [["A title"], [], ["key", "dead"], ["a", 1], [], ["b", 2], ["c", 3]]
    path = save(tmp_path / "f.xlsx", data=rows)
    [sheet] = open_file(path, 2**30).sheets
    header = find_header(sheet, layout(("Dead", "KEY")))
    assert header == Header(("key", "dead"), 3)
    assert rows_of(sheet, header) == {4: ["a", "1"], 6: ["b", "2"], 7: ["c", "3"]}


def test_the_sheet_of_a_layout_is_found_by_its_folded_name(tmp_path: Path) -> None:
    path = save(tmp_path / "f.xlsx", Notes=[["key"], ["x"]], Données=[["key"], ["y"]])
    found = [find_header(sheet, layout(("key",), sheet="donnees")) for sheet in open_file(path, 2**30).sheets]
    assert found == [None, Header(("key",), 1)]


@pytest.mark.parametrize(
    ("rows", "spec", "names", "before"),
    [
        # A group cell reaches rightwards, and is joined on top of what is under it.
        (
            [["", "IDPs", "", "Returnees"], ["place", "ind", "hh", "ind"], ["x", 1, 2, 3]],
            {"header_rows": (1, 2)},
            ("place", "IDPs|ind", "IDPs|hh", "Returnees|ind"),
            2,
        ),
        # HXL tags under the header are no data; where they are all there is, they are the header.
        ([["place", "ind"], ["#adm1", "#affected +ind"], ["x", 1]], {}, ("place", "ind"), 2),
        ([["#adm1", "#affected +ind"], ["x", 1]], {}, ("#adm1", "#affected +ind"), 1),
        ([["place", "ind"], ["Name of the place", "Individuals"], ["x", 1]], {"skip_rows_after_header": 1}, None, 2),
        ([["x", 1], ["y", 2]], {"header_row": "none"}, ("c1", "c2"), 0),
    ],
)
def test_headers_are_found(
    tmp_path: Path, rows: list[list[object]], spec: dict[str, object], names: tuple[str, ...] | None, before: int
) -> None:
    [sheet] = open_file(save(tmp_path / "f.xlsx", data=rows), 2**30).sheets
    header = find_header(sheet, layout(**spec))  # type: ignore[arg-type]
    tags = ("#adm1", "#affected +ind") if ["#adm1", "#affected +ind"] in rows else ()
    assert header == Header(names or ("place", "ind"), before, tags)


def test_a_column_that_is_read_by_its_place_needs_no_header(tmp_path: Path) -> None:
    [sheet] = open_file(save(tmp_path / "f.xlsx", data=[["a", "b", None], ["x", 1, "remark"]]), 2**30).sheets
    named = layout(("a", "b"))
    assert find_header(sheet, named) == Header(("a", "b"), 1)
    placed = replace(named, columns=(Column("description", source=("c3",)),))
    header = find_header(sheet, placed)
    assert header == Header(("a", "b", "c3"), 1)
    assert rows_of(sheet, header) == {2: ["x", "1", "remark"]}


def test_a_workbook_cut_short_is_unreadable(tmp_path: Path) -> None:
    path = save(tmp_path / "f.xlsx", data=[["a"], ["b"]])
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DeliveryError) as caught:
        open_file(path, 2**30)
    assert caught.value.rule == "file.unreadable"


def test_cells_with_an_error_of_excel_are_named_for_they_are_read_as_empty(tmp_path: Path) -> None:
    path = save(tmp_path / "f.xlsx", data=[["key", "dead"], ["a", 1], ["b", 2]])
    book = openpyxl.load_workbook(path)
    book["data"]["B3"] = "#N/A"
    book.save(path)
    assert open_file(path, 2**30).notes == (("cells.excel_errors", {"n": 1, "cells": ["B3"]}),)
    assert open_file(save(tmp_path / "g.xlsx", data=[["key", "dead"], ["a", 1]]), 2**30).notes == ()
