"""Workbooks as we read them, and as calamine alone does, cell by cell: what our quicker way is held against."""

from __future__ import annotations

from pathlib import Path

from python_calamine import CalamineError, CalamineWorkbook

from footprints.errors import DeliveryError
from footprints.readers.celltext import cell_text
from footprints.readers.table import PREVIEW_ROWS, Header, RaggedRow
from footprints.readers.workbook import open_workbook

LIMIT = 2**31
CHUNK_ROWS = 7


def alone(path: Path, width: int | None = None) -> dict[str, object] | str:
    """For each sheet its preview, its rows that hold anything at a width (None: all), and which rows are ragged.

    Those of a file that it cannot open at all: the rule by which we refuse it.
    """
    try:
        book = CalamineWorkbook.from_path(str(path))
    except CalamineError:
        return "file.unreadable"
    found: dict[str, object] = {}
    for name in book.sheet_names:
        try:
            sheet = book.get_sheet_by_name(name)
        except CalamineError:
            continue
        blank = [""] * (sheet.start or (0, 0))[1]
        rows = [blank + [cell_text(cell) for cell in row] for row in sheet.iter_rows()] if sheet.start else []
        read: dict[int, list[str]] = {}
        ragged: list[tuple[int, int]] = []
        for number, row in enumerate(rows, start=1):
            n = len(row) if width is None else width
            if any(cell.strip() for cell in row[n:]):
                ragged.append((number, max(i for i, cell in enumerate(row, start=1) if cell.strip())))
            elif any(cell.strip() for cell in row):
                read[number] = row[:n] + [""] * (n - len(row))
        found[name] = (rows[:PREVIEW_ROWS], read, ragged)
    return found


def ours(path: Path, width: int | None = None) -> dict[str, object] | str:
    """The same as we read it."""
    try:
        opened = open_workbook(path, LIMIT)
        found: dict[str, object] = {}
        for sheet in opened.sheets:
            ragged: list[RaggedRow] = []
            rows: dict[int, list[str]] = {}
            n = max(map(len, sheet.preview), default=0) if width is None else width
            for chunk in sheet.chunks(Header(tuple(f"c{i}" for i in range(n)), 0), CHUNK_ROWS, ragged.append):
                texts = [column.to_pylist() for column in chunk.columns.values()]
                rows |= dict(zip(chunk.row_numbers.tolist(), map(list, zip(*texts, strict=True)), strict=True))
            found[sheet.name] = (sheet.preview, rows, [(row.row_number, row.found) for row in ragged])
    except DeliveryError as error:
        return error.rule
    return found
