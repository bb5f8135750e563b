"""Cells of workbooks as texts, whichever way they are read."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from footprints.readers.table import clean_text

TEXT = pa.large_string()


def column_texts(cells: tuple[Any, ...]) -> pa.Array:
    """The cells of a column as texts, as `cell_text` has each; columns of one kind are done at once."""
    kinds = set(map(type, cells))
    if kinds == {str}:
        try:
            return pa.array(cells, TEXT)
        except UnicodeEncodeError:
            return pa.array([clean_text(cell) for cell in cells], TEXT)
    if kinds == {float}:
        numbers = np.array(cells)
        whole = (np.trunc(numbers) == numbers) & (np.abs(numbers) < 1e15)
        if whole.all():
            return pc.cast(pa.array(numbers.astype(np.int64)), TEXT)
    known: dict[Any, str] = {}
    texts = []
    for cell in cells:
        if type(cell) is str:
            texts.append(cell)
            continue
        key = (type(cell), cell)
        if key not in known:
            known[key] = cell_text(cell)
        texts.append(known[key])
    try:
        return pa.array(texts, TEXT)
    except UnicodeEncodeError:
        return pa.array([clean_text(text) for text in texts], TEXT)


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
