"""What every reader gives: sheets to look at first, then chunks of text cells with the row numbers a person sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from footprints.contracts import Layout
from footprints.harmonise.folding import fold
from footprints.readers import hxl

if TYPE_CHECKING:
    from footprints.readers.returned import Returned

PREVIEW_ROWS = 30
HEADER_SEARCH_ROWS = 25
POSITION = re.compile(r"c[1-9]\d{0,4}")
"""A column without a header, by its place from 1."""
MAX_COLUMNS = 16_384
"""As many as a worksheet can have. A table with more has the wrong separator, or its rows and columns are swapped."""
MAX_PREVIEW = 5_000
"""Characters of a cell that are looked at before a file is read."""
MAX_NAME = 1_000
"""Characters of a column's name."""
CHUNK_CELLS = 5_000_000
"""A chunk of a wide sheet has fewer rows, so that it holds no more cells than this."""


@dataclass(frozen=True)
class Chunk:
    """Some rows of one sheet as text. `columns` maps header to a string array (null where the row has no such cell)."""

    sheet: str
    row_numbers: np.ndarray
    columns: dict[str, pa.Array]


@dataclass(frozen=True)
class RaggedRow:
    """A row with more cells than the header has columns."""

    row_number: int
    expected: int
    found: int


@dataclass(frozen=True)
class Header:
    """Where the header is: its names, and the number of rows (from the top of the sheet) before the first data row.

    `tags` are the cells of its HXL tag row, one for each name; empty where it has none.
    """

    names: tuple[str, ...]
    rows_before_data: int
    tags: tuple[str, ...] = ()


Reader = Callable[[Header, int, Callable[[RaggedRow], None]], Iterator[Chunk]]
"""Reads the data rows: (header, chunk_rows, on_ragged) → chunks."""


@dataclass
class Sheet:
    """A sheet before it is read: its name ('' for formats without sheets) and its first rows as text.

    Of a file in an archive, `format` is its format, and `member` its name there where it has neighbours.
    """

    name: str
    preview: list[list[str]]
    chunks: Reader
    member: str = ""
    format: str = ""

    @property
    def title(self) -> str:
        """The sheet as a person finds it: its name, and its file in an archive."""
        if not self.member:
            return self.name
        return clean_text(f"{self.member}/{self.name}" if self.format in ("xlsx", "json") else self.member)


@dataclass
class OpenFile:
    """A partner's file, opened: its format, its sheets, and what detection found (`{encoding, delimiter}` for CSV).

    Of an archive the sheets say which of its files they are of. `returned` says what came back with it, where it is a
    file of ours (`readers.returned`).
    """

    format: str
    sheets: list[Sheet]
    detected: dict[str, str]
    notes: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """Rules that are worth a note, with their parameters."""
    unread: tuple[str, ...] = ()
    """Files of an archive that hold no table."""
    returned: Returned | None = None


def unique_names(cells: Sequence[str]) -> tuple[str, ...]:
    """Header cells as names: trimmed; a blank one is named by position (`c3`), a repeated one numbered (`Total #2`)."""
    seen: dict[str, int] = {}
    names = []
    for position, cell in enumerate(cells, start=1):
        name = cell.replace("\ufeff", "").strip()[:MAX_NAME] or f"c{position}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return tuple(names)


def find_header(sheet: Sheet, layout: Layout) -> Header | None:
    """The header of a sheet as this layout describes it; None where the sheet does not look like the layout."""
    read, match, rows = layout.read, layout.match, sheet.preview
    if match.sheet is not None and fold(match.sheet) != fold(sheet.name):
        return None
    if not rows:
        return None
    if read.header_row == "none":
        width = max(len(row) for row in rows)
        if match.n_columns is not None and width != match.n_columns:
            return None
        return Header(tuple(f"c{i}" for i in range(1, width + 1)), read.skip_rows_after_header)
    if match.tags:
        return _tagged_header(rows, layout)
    wanted = {fold(header) for header in match.headers}
    unwanted = {fold(header) for header in match.not_headers}
    for candidate in _header_candidates(layout, rows):
        if max(candidate) > len(rows):
            continue
        names = unique_names(_joined([rows[i - 1] for i in candidate]))
        folded = set(map(_folded, names))
        if not wanted <= folded or unwanted & folded or not _all_fit(match.header_patterns, names):
            continue
        names = _reaching(names, layout)
        if match.n_columns is not None and len(names) != match.n_columns:
            continue
        before = max(candidate) + read.skip_rows_after_header
        tags = names if hxl.is_tag_row(names) else ()
        if before < len(rows) and hxl.is_tag_row(rows[before]):
            tags = _at_width(rows[before], len(names))
            before += 1
        return Header(names, before, tags)
    return None


def _reaching(names: tuple[str, ...], layout: Layout) -> tuple[str, ...]:
    """The names up to the last column that the layout reads by its position (`c6`): its header may be blank."""
    named = (name for column in layout.columns for name in (*column.source, *column.any_of))
    last = max((int(name[1:]) for name in named if POSITION.fullmatch(name)), default=0)
    return (*names, *(f"c{position}" for position in range(len(names) + 1, last + 1)))


_folded = lru_cache(100_000)(fold)
"""Every layout looks at the same rows."""


def tag_row(rows: list[list[str]]) -> int | None:
    """The position of the HXL tag row among the first rows of a sheet: above it is header, below it data."""
    return next((i for i, row in enumerate(rows[:HEADER_SEARCH_ROWS]) if hxl.is_tag_row(row)), None)


def _tagged_header(rows: list[list[str]], layout: Layout) -> Header | None:
    """The header of a sheet recognised by its tags: named by the row above them, by the tag where that is blank."""
    position = tag_row(rows)
    if position is None or not all(hxl.find(pattern, rows[position]) for pattern in layout.match.tags):
        return None
    above = _without_trailing_blanks(rows[position - 1]) if position else []
    tags = _without_trailing_blanks(rows[position])
    width = max(len(above), len(tags))
    above, tags = list(_at_width(above, width)), list(_at_width(tags, width))
    names = unique_names([name if name.strip() else tag for name, tag in zip(above, tags, strict=True)])
    folded = {fold(name) for name in names}
    match = layout.match
    if not {fold(h) for h in match.headers} <= folded or {fold(h) for h in match.not_headers} & folded:
        return None
    if match.n_columns is not None and len(names) != match.n_columns:
        return None
    return Header(names, position + 1, tuple(tags))


def _all_fit(patterns: Sequence[str], names: Sequence[str]) -> bool:
    """Whether each of the patterns is that of some header, from its first letter to its last."""
    return all(any(re.fullmatch(pattern, name, re.IGNORECASE) for name in names) for pattern in patterns)


def _at_width(cells: Sequence[str], width: int) -> tuple[str, ...]:
    return (*cells[:width], *[""] * (width - len(cells)))


def _header_candidates(layout: Layout, rows: list[list[str]]) -> list[tuple[int, ...]]:
    """The rows (from 1) that may be the header, alone or together, in the order in which they are tried."""
    read = layout.read
    if read.header_rows:
        return [read.header_rows]
    if isinstance(read.header_row, int):
        return [(read.header_row,)]
    if layout.match.headers or layout.match.header_patterns:
        return [(i,) for i in range(1, min(len(rows), HEADER_SEARCH_ROWS) + 1)]
    return [(next((i for i, row in enumerate(rows, start=1) if any(row)), 1),)]


def _joined(rows: list[list[str]]) -> list[str]:
    """Several header rows as one: a group cell reaches rightwards to the next, and is put before what is under it."""
    if len(rows) == 1:
        return _without_trailing_blanks(rows[0])
    *tops, bottom = rows
    width = max(len(row) for row in rows)
    names = [bottom[i] if i < len(bottom) else "" for i in range(width)]
    for top in reversed(tops):
        group = ""
        for i in range(width):
            group = (top[i].strip() if i < len(top) else "") or group
            if group and names[i].strip():
                names[i] = f"{group}|{names[i].strip()}"
            elif group and i < len(top) and top[i].strip():
                names[i] = group
    return _without_trailing_blanks(names)


def _without_trailing_blanks(cells: list[str]) -> list[str]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def rows_in_a_chunk(chunk_rows: int, width: int) -> int:
    """How many rows of this width are read at a time."""
    return max(1, min(chunk_rows, CHUNK_CELLS // max(1, width)))


def filled_rows(columns: Sequence[pa.Array]) -> npt.NDArray[np.bool_]:
    """Which rows hold anything at all: the first filled column decides for nearly every row."""
    filled = np.zeros(len(columns[0]) if columns else 0, bool)
    for column in columns:
        todo = ~filled
        if not todo.any():
            break
        if todo.all():
            cells = pc.fill_null(pc.utf8_trim_whitespace(column), "")
            filled = pc.not_equal(cells, "").to_numpy(zero_copy_only=False).copy()
        else:
            cells = pc.fill_null(pc.utf8_trim_whitespace(column.filter(pa.array(todo))), "")
            filled[todo] = pc.not_equal(cells, "").to_numpy(zero_copy_only=False)
    return filled


def clean_text(text: str) -> str:
    """A text that can be stored: without zero bytes, and half of a surrogate pair becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "") if "\0" in text else text


def rows_sheet(name: str, rows: list[list[str | None]]) -> Sheet:
    """A sheet of rows that are in memory already; their numbers are their places in the list."""

    def chunks(header: Header, chunk_rows: int, on_ragged: Callable[[RaggedRow], None]) -> Iterator[Chunk]:
        pending: list[tuple[int, list[str | None]]] = []
        for number in range(header.rows_before_data + 1, len(rows) + 1):
            fitted = fit_row(number, rows[number - 1], len(header.names), on_ragged)
            if fitted is not None:
                pending.append((number, fitted))
            if len(pending) == chunk_rows:
                yield chunk_of_rows(name, header, pending)
                pending = []
        if pending:
            yield chunk_of_rows(name, header, pending)

    return Sheet(name, [[(cell or "")[:MAX_PREVIEW] for cell in row] for row in rows[:PREVIEW_ROWS]], chunks)


def chunk_of_rows(sheet: str, header: Header, rows: list[tuple[int, list[str | None]]]) -> Chunk:
    """A chunk from rows of cells, each padded to the header's width by the caller."""
    columns = {
        name: pa.array([cells[i] for _, cells in rows], pa.large_string()) for i, name in enumerate(header.names)
    }
    return Chunk(sheet, np.fromiter((number for number, _ in rows), np.int64, len(rows)), columns)


def fit_row(
    row_number: int, cells: list[str | None], width: int, on_ragged: Callable[[RaggedRow], None]
) -> list[str | None] | None:
    """A row at the header's width: short rows are padded, blank surplus cells cut.

    None where surplus cells are filled, which is told to `on_ragged`, and where the row is blank.
    """
    if not any(cell and cell.strip() for cell in cells):
        return None
    if len(cells) < width:
        return cells + [""] * (width - len(cells))
    if len(cells) > width:
        if any(cell and cell.strip() for cell in cells[width:]):
            on_ragged(RaggedRow(row_number, width, len(cells)))
            return None
        return cells[:width]
    return cells
