"""Workbooks (XLSX, XLSB, XLS, ODS) by calamine: every cell as the text a person sees, with the sheet's own row numbers.

Calamine holds a sheet as a whole rectangle, and trusts what the file says of itself. So before it opens a workbook the
file is looked through for what would make it fill the memory (`refuse_bomb`). Worksheets of XLSX that are written as
nearly all are have then been read already (`plainsheet`); calamine reads the others.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError

from footprints.errors import DeliveryError
from footprints.readers import archive, hxl
from footprints.readers.celltext import TEXT, cell_text, column_texts
from footprints.readers.plainsheet import ERROR, SHARED, SHARED_STRINGS, Cells, PlainSheet, read_plain, take_apart
from footprints.readers.table import (
    MAX_COLUMNS,
    MAX_PREVIEW,
    PREVIEW_ROWS,
    Chunk,
    Header,
    OpenFile,
    RaggedRow,
    Sheet,
    clean_text,
    filled_rows,
)

CELL_BYTES = 32
"""What calamine takes for each cell of a sheet's rectangle, filled or not."""
PLAIN_BYTES = 2**28
"""XML of a workbook whose sheets are taken apart, at most: for each cell that takes more memory than calamine does."""
PROBE_SECONDS = 120
MAX_ERRORS = 20
"""So many cells that hold an error of Excel are named."""
PROBE = """
import resource, sys
from python_calamine import CalamineWorkbook
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
workbook = CalamineWorkbook.from_path(sys.argv[1])
for name in workbook.sheet_names:
    try:
        workbook.get_sheet_by_name(name)
    except ValueError:
        pass
"""
CELL_STARTS = (b"<c ", b"<c>", b"<c/", b":c ", b":c>", b":c/")
DOCTYPE = b"<!doctype"


def open_workbook(path: Path, max_unpacked_bytes: int) -> OpenFile:
    """Opens a workbook.

    Raises DeliveryError where it cannot be read, needs a password, or would unpack to more than `max_unpacked_bytes`.
    """
    parts = refuse_bomb(path, max_unpacked_bytes)
    names, plain = read_plain(path, parts) if any(parts.values()) else ([], {})
    if names and set(names) <= set(plain):
        sheets = [_plain_sheet(name, plain[name]) for name in names]
    else:
        workbook = _guarded(lambda: CalamineWorkbook.from_path(str(path)))
        names = _guarded(lambda: workbook.sheet_names)
        if not names:
            raise DeliveryError("file.unreadable", format="Excel")
        sheets = [_plain_sheet(name, plain[name]) if name in plain else _sheet(workbook, name) for name in names]
    notes = _errors([cells for cells in parts.values() if cells is not None])
    return OpenFile("xlsx", [sheet for sheet in sheets if sheet is not None], {}, notes=notes)


def _errors(parts: list[Cells]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """A note on cells that hold an error of Excel's (`#N/A`, `#REF!`): they are read as empty."""
    names: list[str] = []
    n = 0
    for cells in parts:
        at = np.flatnonzero(cells.kinds == ERROR)
        n += len(at)
        some = at[: MAX_ERRORS - len(names)]
        names += [hxl.cell_name(int(cells.columns[i]) - 1, int(cells.rows[i])) for i in some]
    return (("cells.excel_errors", {"n": n, "cells": names}),) if n else ()


def _guarded(call: Callable[[], Any]) -> Any:
    """What calamine says; its errors, and its panics over files that it did not foresee, are the file's fault."""
    try:
        return call()
    except PasswordError:
        raise DeliveryError("file.encrypted", format="Excel") from None
    except (CalamineError, OSError, ValueError, OverflowError):
        raise DeliveryError("file.unreadable", format="Excel") from None
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise DeliveryError("file.unreadable", format="Excel") from None
        raise


def refuse_bomb(path: Path, limit: int) -> dict[str, Cells | None]:
    """Raises DeliveryError for a workbook that would take more than `limit` bytes when it is read.

    XLSX is looked through here, and its worksheets are returned by the names of their parts: their cells, or None where
    those are not written in the plain form. XLS, XLSB and ODS, which are rare, are opened by a process with that limit
    first.
    """
    if not zipfile.is_zipfile(path):
        _probe(path, limit)
        return {}
    infos = archive.members(path, limit, max_members=100_000)
    names = {info.filename.lower() for info in infos}
    if "mimetype" in names or "xl/workbook.bin" in names:
        with path.open("rb") as file:
            for info in infos:
                for _ in archive.blocks(file, info, "Excel"):
                    pass
        _probe(path, limit)
        return {}
    longest, extents = 0, []
    parts: dict[str, Cells | None] = {}
    is_small = sum(info.file_size for info in infos if info.filename.endswith(".xml")) <= PLAIN_BYTES
    with path.open("rb") as file:
        for info in infos:
            blocks = archive.blocks(file, info, "Excel")
            first = next(blocks, b"")
            head = first[:4096].lower()
            if DOCTYPE in head:  # entities that stand for each other (a billion laughs); no workbook has any
                raise DeliveryError("file.unreadable", format="Excel")
            if SHARED_STRINGS in head:
                longest = max(longest, _longest_string(chain([first], blocks)))
                continue
            cells = take_apart(chain([first], blocks)) if is_small and b"<sheetData" in first else None
            if cells is not None:
                parts[info.filename] = cells
                n_strings = int(np.count_nonzero(cells.kinds == SHARED))
                extents.append(_Extent(cells.last_row, cells.last_column, n_strings=n_strings))
            elif (extent := _extent(archive.blocks(file, info, "Excel"))).has_cells:
                parts[info.filename] = None
                extents.append(extent)
    if sum(extent.surely() for extent in extents) * CELL_BYTES > limit:
        raise DeliveryError("file.too_large", limit=limit)
    # A long text that many cells name is held once for each.
    texts = longest * sum(extent.n_strings for extent in extents)
    if texts > limit or sum(extent.at_most() for extent in extents) * CELL_BYTES > limit:
        _probe(path, limit)
    return parts


def _longest_string(blocks: Iterator[bytes]) -> int:
    """The bytes of the longest shared string, with its markup."""
    longest, open_bytes = 0, 0
    for block in blocks:
        parts = block.split(b"</si>")
        open_bytes += len(parts[0])
        if len(parts) > 1:
            longest = max(longest, open_bytes, *map(len, parts[1:-1]), 0)
            open_bytes = len(parts[-1])
    return max(longest, open_bytes)


@dataclass
class _Extent:
    """How large a rectangle of cells is, by the references of its cells; some go without, and are counted."""

    last_row: int = 0
    last_column: int = 0
    loose_rows: int = 0
    loose_cells: int = 0
    n_strings: int = 0
    has_cells: bool = False
    """Whether it is a worksheet at all."""

    def surely(self) -> int:
        """Cells of the rectangle that has the greatest references as its corner."""
        return self.last_row * self.last_column

    def at_most(self) -> int:
        """Cells of the rectangle if those without a reference stand beyond the others."""
        rows = min(self.last_row + max(0, self.loose_rows), 2**20)
        return rows * min(self.last_column + max(0, self.loose_cells), MAX_COLUMNS)


def _extent(blocks: Iterator[bytes]) -> _Extent:
    """The rectangle that the cells of a worksheet fill: what it declares as its dimension is not believed."""
    extent, rest = _Extent(), b""
    for block in chain(blocks, [b""]):
        text = rest + block
        cut = text.rfind(b"<") if block and len(text) < 2 * archive.BLOCK else len(text)
        text, rest = text[:cut], text[cut:]
        extent.has_cells |= b"sheetData" in text
        extent.n_strings += text.count(b't="s"') + text.count(b"t='s'")
        rows, columns = _references(text)
        extent.loose_cells += sum(map(text.count, CELL_STARTS)) - int(np.count_nonzero(columns))
        extent.loose_rows += text.count(b"<row") + text.count(b":row") - int(np.count_nonzero(columns == 0))
        if len(rows):
            extent.last_row = max(extent.last_row, int(rows.max()))
            extent.last_column = max(extent.last_column, int(columns.max()))
    return extent


def _references(text: bytes) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Rows and columns of the references `r="AB12"` in a text; those of rows (`r="12"`) have the column 0."""
    data = np.frombuffer(text + b"0" * 12, np.uint8)
    equals = np.flatnonzero(data[1:] == ord("=")) + 1
    if not (
        (data[equals + 1] == ord('"')) & (data[equals - 1] > ord(" "))
    ).all():  # attributes may be written otherwise
        plain = re.sub(rb"\br\s*=\s*['\"]([A-Za-z0-9]*)['\"]", rb' r="\1"', text)
        data = np.frombuffer(plain + b"0" * 12, np.uint8)
    quotes = np.flatnonzero(data == ord('"'))
    quotes = quotes[quotes >= 3]
    at = quotes[(data[quotes - 1] == ord("=")) & (data[quotes - 2] == ord("r")) & (data[quotes - 3] <= ord(" "))]
    letters = np.zeros(len(at), np.int8)
    column = np.zeros(len(at), np.int32)
    for step in range(1, 4):
        character = (data[at + step] | 0x20) - np.uint8(ord("a"))
        is_letter = (letters == step - 1) & (character < 26)
        letters[is_letter] = step
        column[is_letter] = column[is_letter] * 26 + character[is_letter] + 1
    row = np.zeros(len(at), np.int32)
    going = np.ones(len(at), bool)
    start = at + letters
    for step in range(1, 8):
        digit = data[start + step] - np.uint8(ord("0"))
        going &= digit < 10
        if not going.any():
            break
        row = np.where(going, row * 10 + digit, row)
    return row, column


def _probe(path: Path, limit: int) -> None:
    """Opens a workbook in a process that may take no more than `limit` bytes, and is ended if it takes for ever."""
    command = [sys.executable, "-I", "-c", PROBE, str(path), str(limit + 2**30)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        raise DeliveryError("file.too_large", limit=limit) from None
    if done.returncode < 0 or b"MemoryError" in done.stderr:
        raise DeliveryError("file.too_large", limit=limit)
    if b"PasswordError" in done.stderr:
        raise DeliveryError("file.encrypted", format="Excel")
    if done.returncode:
        raise DeliveryError("file.unreadable", format="Excel")


def _plain_sheet(name: str, sheet: PlainSheet | None) -> Sheet | None:
    if sheet is None:
        return None

    def chunks(header: Header, chunk_rows: int, on_ragged: Callable[[RaggedRow], None]) -> Iterator[Chunk]:
        for numbers, columns, ragged in sheet.read(header.rows_before_data + 1, chunk_rows, len(header.names)):
            yield from _chunk(name, header, numbers, columns, ragged, on_ragged)

    return Sheet(clean_text(name), sheet.preview(), chunks)


def _sheet(workbook: CalamineWorkbook, name: str) -> Sheet | None:
    try:
        sheet = workbook.get_sheet_by_name(name)
    except (CalamineError, ValueError):
        return None  # a chart or macro sheet has no cells
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            return None
        raise
    preview = [[cell_text(cell)[:MAX_PREVIEW] for cell in row] for row in islice(_rows(sheet), PREVIEW_ROWS)]

    def chunks(header: Header, chunk_rows: int, on_ragged: Callable[[RaggedRow], None]) -> Iterator[Chunk]:
        width = len(header.names)
        rows = islice(_rows(sheet), header.rows_before_data, None)
        number = header.rows_before_data + 1
        while batch := list(islice(rows, chunk_rows)):
            numbers = np.arange(number, number + len(batch), dtype=np.int64)
            number += len(batch)
            cells = list(zip(*batch, strict=True))
            columns = [column_texts(column) for column in cells[:width]]
            columns += [pa.array([""] * len(batch), TEXT)] * (width - len(columns))
            yield from _chunk(name, header, numbers, columns, _ragged(cells, width), on_ragged)

    return Sheet(clean_text(name), preview, chunks)


def _ragged(cells: list[tuple[Any, ...]], width: int) -> dict[int, int]:
    """Which rows have texts beyond a width, and in which column the last is; `cells` are those of each column."""
    ragged: dict[int, int] = {}
    for number, column in enumerate(cells[width:], start=width + 1):
        if any(cell != "" for cell in column):
            ragged |= dict.fromkeys(np.flatnonzero(filled_rows([column_texts(column)])).tolist(), number)
    return ragged


def _rows(sheet: CalamineSheet) -> Iterator[list[Any]]:
    """The rows of a sheet from its first, each from its first column; calamine begins at the first that is filled.

    Raises DeliveryError where a cell is beyond all dates and durations.
    """
    if sheet.start is None:
        return
    blank = [""] * sheet.start[1]
    rows = sheet.iter_rows()
    while (row := _guarded(lambda: next(rows, None))) is not None:
        yield blank + row if blank else row


def _chunk(
    name: str,
    header: Header,
    numbers: npt.NDArray[np.int64],
    columns: list[pa.Array],
    ragged: dict[int, int],
    on_ragged: Callable[[RaggedRow], None],
) -> Iterator[Chunk]:
    """Rows without blank ones, and without those (by position) that have texts beyond the header's columns."""
    keep = filled_rows(columns)
    for position, found in sorted(ragged.items()):
        on_ragged(RaggedRow(int(numbers[position]), len(header.names), found))
        keep[position] = False
    if not keep.all():
        mask = pa.array(keep)
        numbers, columns = numbers[keep], [column.filter(mask) for column in columns]
    if len(numbers):
        yield Chunk(name, numbers, dict(zip(header.names, columns, strict=True)))
