"""Workbooks (XLSX, XLS, ODS) by calamine: every cell as the text a person sees, with the sheet's own row numbers."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from footprints.errors import DeliveryError
from footprints.readers.table import PREVIEW_ROWS, Chunk, Header, OpenFile, RaggedRow, Sheet, chunk_of_rows, fit_row


def open_workbook(path: Path, max_unpacked_bytes: int) -> OpenFile:
    """Opens a workbook.

    Raises DeliveryError where it cannot be read, or would unpack to more than `max_unpacked_bytes`.
    """
    refuse_bomb(path, max_unpacked_bytes)
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        names = workbook.sheet_names
    except (CalamineError, OSError, ValueError):
        raise DeliveryError("file.unreadable", format="Excel") from None
    return OpenFile("xlsx", [sheet for name in names if (sheet := _sheet(workbook, name)) is not None], {})


def refuse_bomb(path: Path, max_unpacked_bytes: int) -> None:
    """Raises DeliveryError for a ZIP container that is no workbook, or whose declared sizes exceed the limit."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            declared = sum(info.file_size for info in archive.infolist())
            is_workbook = bool({"[Content_Types].xml", "mimetype"} & set(archive.namelist()))
    except (zipfile.BadZipFile, OSError):
        raise DeliveryError("file.unreadable", format="Excel") from None
    if not is_workbook:
        raise DeliveryError("file.format_unknown")
    if declared > max_unpacked_bytes:
        raise DeliveryError("file.too_large", limit=max_unpacked_bytes)


def _sheet(workbook: CalamineWorkbook, name: str) -> Sheet | None:
    try:
        rows = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except (CalamineError, ValueError):
        return None  # a chart or macro sheet has no cells

    def chunks(header: Header, chunk_rows: int, on_ragged: Callable[[RaggedRow], None]) -> Iterator[Chunk]:
        width = len(header.names)
        pending: list[tuple[int, list[str | None]]] = []
        for number, row in enumerate(rows[header.rows_before_data :], start=header.rows_before_data + 1):
            cells: list[str | None] = [cell_text(cell) for cell in row]
            fitted = fit_row(number, cells, width, on_ragged)
            if fitted is not None:
                pending.append((number, fitted))
            if len(pending) == chunk_rows:
                yield chunk_of_rows(name, header, pending)
                pending = []
        if pending:
            yield chunk_of_rows(name, header, pending)

    preview = [[cell_text(cell) for cell in row] for row in rows[:PREVIEW_ROWS]]
    return Sheet(name, preview, chunks)


def cell_text(cell: Any) -> str:
    """A cell as text: whole numbers without a decimal point, dates and times in ISO 8601, true/false in lower case."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time() else cell.isoformat(timespec="seconds")
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    return str(cell)
