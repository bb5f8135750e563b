"""Files of ours that a partner sends back, the marked copy or the rows to fix: our columns are taken off again.

Both carry two columns that a person can see: the reasons, in the partner's language, and a reference that names the
delivery and row which each row came from (`FP12/45`, with the sheet's name where there is one: `FP12/45/Main`). What a
file of rows to fix says speaks of those rows only, whatever the source's mode: see `Returned.is_part`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from footprints.harmonise.folding import fold
from footprints.model import Language, Reference
from footprints.readers.table import Chunk, Header, OpenFile, RaggedRow, Sheet

REASONS: Mapping[Language, str] = {
    "en": "Footprints: what to correct",
    "fr": "Footprints : à corriger",
    "ar": "Footprints: ما يجب تصحيحه",
}
"""Header of the reasons in a marked copy of the whole file."""
REASONS_OF_PART: Mapping[Language, str] = {
    "en": "Footprints: correct these rows",
    "fr": "Footprints : lignes à corriger",
    "ar": "Footprints: الصفوف المطلوب تصحيحها",
}
"""Header of the reasons in a file of rows to fix."""
REFERENCE = "Footprints row (whole file)"
REFERENCE_OF_PART = "Footprints row"
MARKED, TO_FIX = ".marked", ".to-fix"
"""What our copies have before the suffix of the partner's own file name."""
SIGNS: Mapping[str, str] = {"reject": "[X]", "flag": "[?]"}
"""What begins each reason, so that rejects and flags differ without colour."""
MAX_REFERENCES = 100_000
"""References beyond so many are not kept: those rows are told apart by their keys."""

_OURS = frozenset(fold(name) for name in (*REASONS.values(), REFERENCE))
_OURS_OF_PART = frozenset(fold(name) for name in (*REASONS_OF_PART.values(), REFERENCE_OF_PART))
_REFERENCES = frozenset((fold(REFERENCE), fold(REFERENCE_OF_PART)))
_NAME = re.compile(rf"(?:{re.escape(MARKED)}|{re.escape(TO_FIX)})(?: ?\(\d{{1,3}}\))?(?=\.[^.]*$|$)", re.IGNORECASE)
_PART_NAME = re.compile(rf"{re.escape(TO_FIX)}(?: ?\(\d{{1,3}}\))?(?=\.[^.]*$|$)", re.IGNORECASE)
_REFERENCE = re.compile(r"\s*FP(\d{1,18})/(\d{1,18})(?:/(.*))?", re.DOTALL)
_CELL = r"^\s*FP\d{1,18}/\d{1,18}(/.*)?$"
_PAD = "\0"
"""Header of what is not the partner's: no cell of a header begins so."""

# A cell that a spreadsheet would run as a formula, unless it is a plain number; full-width signs count in East Asia.
_RISKY = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]\d+([.,]\d+)*")
_ESCAPED = r"^''*[=+\-@\t\r\n＝＋－＠]"


def escape(cell: str) -> str:
    """A cell as CSV can hold it without it ever being run: an apostrophe before what looks like a formula."""
    return f"'{cell}" if _RISKY.match(cell) and not _NUMBER.fullmatch(cell) else cell


def unescape(cell: str) -> str:
    """What `escape` was given."""
    return cell[1:] if cell.startswith("'") and _RISKY.match(cell) else cell


def original_name(file_name: str) -> str:
    """The partner's own name of a file that we sent back (`a.to-fix.csv` is `a.csv`); any other name as it is."""
    return _NAME.sub("", file_name)


def reference(delivery_id: int, sheet: str, row_number: int) -> str:
    """The cell that says which row of which delivery a row is."""
    return f"FP{delivery_id}/{row_number}" + (f"/{sheet}" if sheet else "")


def parse_reference(cell: str | None) -> Reference | None:
    """The reference that a cell holds; None where it holds none."""
    found = _REFERENCE.fullmatch(cell or "")
    return None if found is None else Reference(int(found[1]), (found[3] or "").strip(), int(found[2]))


@dataclass
class Returned:
    """What is known of a file of ours that came back; complete once its rows were read.

    `references` gives, by sheet and row of this file, the row that it was. `says_part` is whether its columns or its
    name say that it holds the rows to fix only.
    """

    says_part: bool
    references: dict[tuple[str, int], Reference] = field(default_factory=dict)
    n_rows: int = 0
    n_referenced: int = 0
    is_read: bool = False
    """Whether its rows were read to the end: reading them again, to mark them, counts nothing."""

    @property
    def is_part(self) -> bool:
        """Whether the file speaks of some rows only. Also so where each row has a reference: others were cut out."""
        return self.says_part or (self.n_rows > 0 and self.n_rows == self.n_referenced)

    def note(self, sheet: str, row_numbers: np.ndarray, cells: pa.Array | None) -> None:
        """Counts rows of this file, and keeps the references that they hold."""
        if self.is_read:
            return
        self.n_rows += len(row_numbers)
        if cells is None:
            return
        places = np.flatnonzero(pc.fill_null(pc.match_substring_regex(cells, _CELL), False).to_numpy(False))
        self.n_referenced += len(places)
        for place in places[: MAX_REFERENCES - len(self.references)].tolist():
            if (found := parse_reference(cells[place].as_py())) is not None:
                self.references[sheet, int(row_numbers[place])] = found


def without_ours(opened: OpenFile, file_name: str) -> OpenFile:
    """The file without our columns, if it is one of ours (`opened.returned`); any other file as it is."""
    returned = Returned(says_part=_PART_NAME.search(file_name) is not None)
    sheets, is_ours = [], returned.says_part
    for sheet in opened.sheets:
        ours = _our_columns(sheet.preview, returned)
        is_ours = is_ours or bool(ours)
        is_escaped = opened.format == "csv"
        sheets.append(_stripped_sheet(sheet, ours, returned, is_escaped) if ours else sheet)
    return replace(opened, sheets=sheets, returned=returned) if is_ours else opened


def _our_columns(preview: list[list[str]], returned: Returned) -> dict[int, bool]:
    """The positions of our columns, each with whether it holds references."""
    ours: dict[int, bool] = {}
    for row in preview:
        for position, cell in enumerate(row):
            name = fold(cell)
            if name in _OURS or name in _OURS_OF_PART:
                ours[position] = name in _REFERENCES
                returned.says_part |= name in _OURS_OF_PART
        if ours:
            break
    if not any(ours.values()):  # a file without header row, or one whose reference lost its header
        for row in preview:
            for before, (reasons, cell) in enumerate(pairwise(row)):
                if _REFERENCE.fullmatch(cell) and (before in ours or reasons.startswith(tuple(SIGNS.values()))):
                    return ours | {before: False, before + 1: True}
    return ours


def _stripped_sheet(sheet: Sheet, ours: Mapping[int, bool], returned: Returned, is_escaped: bool) -> Sheet:
    """The sheet as the partner had it, whose references are noted as its rows are read."""

    def chunks(header: Header, chunk_rows: int, on_ragged: Callable[[RaggedRow], None]) -> Iterator[Chunk]:
        width = max(len(header.names) + len(ours), max(ours) + 1)
        theirs = iter(header.names)
        names = [f"{_PAD}{i}" if i in ours else next(theirs, f"{_PAD}{i}") for i in range(width)]
        n_ours = width - len(header.names)

        def tell(row: RaggedRow) -> None:
            on_ragged(RaggedRow(row.row_number, len(header.names), row.found - n_ours))

        for chunk in sheet.chunks(Header(tuple(names), header.rows_before_data), chunk_rows, tell):
            yield from _stripped(chunk, names, ours, header, returned, is_escaped, on_ragged)

    def text(cell: str) -> str:
        return unescape(cell) if is_escaped else cell

    preview = [[text(cell) for i, cell in enumerate(row) if i not in ours] for row in sheet.preview]
    return replace(sheet, preview=preview, chunks=chunks)


def _stripped(
    chunk: Chunk,
    names: list[str],
    ours: Mapping[int, bool],
    header: Header,
    returned: Returned,
    is_escaped: bool,
    on_ragged: Callable[[RaggedRow], None],
) -> Iterator[Chunk]:
    """A chunk without our columns and without rows that hold nothing but ours; the references go to `returned`."""
    columns = {name: chunk.columns[name] for name in names if not name.startswith(_PAD)}
    keep = _any_filled(list(columns.values()), len(chunk.row_numbers))
    padding = [chunk.columns[name] for i, name in enumerate(names) if name.startswith(_PAD) and i not in ours]
    surplus = _any_filled(padding, len(keep))
    for number in chunk.row_numbers[surplus].tolist():
        on_ragged(RaggedRow(number, len(header.names), len(names) - len(ours)))
    keep &= ~surplus
    numbers = chunk.row_numbers[keep]
    if not len(numbers):
        return
    position = next((i for i, is_reference in ours.items() if is_reference), None)
    cells = None if position is None else chunk.columns[names[position]].filter(pa.array(keep))
    returned.note(chunk.sheet, numbers, cells)
    kept = {name: column.filter(pa.array(keep)) for name, column in columns.items()}
    if is_escaped:
        kept = {name: _unescaped(column) for name, column in kept.items()}
    yield replace(chunk, row_numbers=numbers, columns=kept)


def _any_filled(columns: list[pa.Array], n: int) -> np.ndarray:
    filled = np.zeros(n, bool)
    for cells in columns:
        if filled.all():
            break
        trimmed = pc.utf8_trim_whitespace(pc.fill_null(cells, ""))
        filled |= pc.not_equal(trimmed, "").to_numpy(zero_copy_only=False)
    return filled


def _unescaped(cells: pa.Array) -> pa.Array:
    marked = pc.fill_null(pc.match_substring_regex(cells, _ESCAPED), False)
    return pc.if_else(marked, pc.utf8_slice_codeunits(cells, 1), cells) if pc.any(marked).as_py() else cells
