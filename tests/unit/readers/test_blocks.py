"""Large CSV files are read block by block; the rows and their numbers are those that Python's csv module sees."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest

from footprints.errors import DeliveryError
from footprints.readers import Header, RaggedRow, delimited, open_file

WIDTH = 3
Rows = list[tuple[int, list[str]]]


def read(path: Path, chunk_rows: int) -> tuple[Rows, list[tuple[int, int]]]:
    """All rows by their numbers, and the ragged ones by number and cells found."""
    ragged: list[RaggedRow] = []
    rows: Rows = []
    [sheet] = open_file(path, 2**30).sheets
    for chunk in sheet.chunks(Header(("a", "b", "c"), 1), chunk_rows, ragged.append):
        cells = [column.to_pylist() for column in chunk.columns.values()]
        rows += zip(chunk.row_numbers.tolist(), map(list, zip(*cells, strict=True)), strict=True)
    return sorted(rows), sorted((row.row_number, row.found) for row in ragged)


def expected(text: str) -> tuple[Rows, list[tuple[int, int]]]:
    """The same by the csv module: short rows padded, blank surplus cut, blank rows left out."""
    rows: Rows = []
    ragged = []
    for number, row in enumerate(csv.reader(io.StringIO(text, newline="")), start=1):
        if number == 1 or not any(cell.strip() for cell in row):
            continue
        if any(cell.strip() for cell in row[WIDTH:]):
            ragged.append((number, len(row)))
        else:
            rows.append((number, (row + [""] * WIDTH)[:WIDTH]))
    return rows, ragged


def table(seed: int, n_rows: int) -> str:
    """A CSV with everything that moves a row number."""
    draw = random.Random(seed)
    cell = ("", "x", "two words", "a,b", 'say "no"', "line\nbreak", "é", "  ", "1.5")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["a", "b", "c"])
    for _ in range(n_rows):
        fate = draw.random()
        width = WIDTH if fate < 0.8 else draw.choice((1, 2, 4, 5))
        if fate > 0.97:
            out.write("\n")
        else:
            writer.writerow([draw.choice(cell) for _ in range(width)])
    return out.getvalue()


@pytest.mark.parametrize("seed", range(12))
def test_rows_keep_their_numbers_over_many_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(delimited, "BLOCK", 1024)
    text = table(seed, 700)
    path = tmp_path / "f.csv"
    path.write_bytes(text.encode())
    rows, ragged = read(path, chunk_rows=53)
    assert (rows, ragged) == expected(text)
    assert len(rows) > 500
    assert len(ragged) > 10


def test_an_encoding_that_is_not_utf8_changes_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK", 1024)
    text = table(3, 400)
    path = tmp_path / "f.csv"
    path.write_bytes(text.encode("cp1252"))
    assert read(path, 100) == expected(text)
    path.write_bytes(text.encode("utf-16"))
    assert read(path, 100) == expected(text)


@pytest.mark.parametrize("n_good", [1, 20_000])
def test_a_quote_that_is_never_closed_holds_the_file_and_its_row_is_named(tmp_path: Path, n_good: int) -> None:
    path = tmp_path / "f.csv"
    path.write_text("a,b,c\n" + "1,2,3\n" * n_good + '4,"5,6\n7,8,9\n' * 1, "utf-8")
    with pytest.raises(DeliveryError) as caught:
        read(path, 100)
    assert (caught.value.rule, caught.value.parameters) == ("csv.quote_open", {"row": n_good + 2})


def test_a_quote_that_swallows_more_than_a_block_is_named_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK", 1024)
    path = tmp_path / "f.csv"
    path.write_text("a,b,c\n" + "1,2,3\n" * 500 + '4,"5,6\n' + "7,8,9\n" * 500 + 'x",1,2\n', "utf-8")
    with pytest.raises(DeliveryError) as caught:
        read(path, 100)
    assert caught.value.rule == "csv.quote_open"
    assert caught.value.parameters["row"] <= 502


def test_an_inch_mark_in_a_cell_is_no_open_quote(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text('a,b,c\n1,5" pipe,3\n4,"two\nlines",6\n7,8,9\n', "utf-8")
    assert read(path, 100)[0] == [(2, ["1", '5" pipe', "3"]), (3, ["4", "two\nlines", "6"]), (4, ["7", "8", "9"])]
