"""Worksheets of XLSX as columns of text, without a Python object for each cell.

Programs that write workbooks write a sheet in one plain form: `<row …><c r="B2" s="1" t="s"><v>12</v></c>…</row>`, cell
by cell in order. Such a sheet is taken apart here by numpy, block by block (`take_apart`). What cells mean is not
decided here: calamine reads each distinct shared string, date, truth value, error and escaped text once, from a small
workbook made of the file's own strings and styles; only plain texts and numbers stand for themselves. A sheet that is
written in any other way is left to calamine whole.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from python_calamine import CalamineError, CalamineWorkbook

from footprints.readers import archive
from footprints.readers.celltext import TEXT, column_texts
from footprints.readers.table import MAX_COLUMNS, MAX_PREVIEW, PREVIEW_ROWS

Ints = npt.NDArray[np.signedinteger[Any]]
MAX_ROWS = 2**20
MAX_DAYS = 999_999_999
"""A number of days beyond this is no date or duration, whatever its style."""
MAX_QUESTIONS = 1_000_000
"""Distinct cells that calamine is asked about; each is a Python object for a moment."""
MAX_OPEN = 8 * archive.BLOCK
"""Bytes of a row, at most."""

ROW, END_ROW, CELL, END_CELL, VALUE, END_VALUE = range(1, 7)
FORMULA, END_FORMULA, INLINE, END_INLINE, LETTERS, END_LETTERS = range(7, 13)
CLOSED = 16
"""Added to the kind of a tag that closes itself: `<c …/>`."""
TAGS = {
    b"ro": ROW,
    b"/r": END_ROW,
    b"/c": END_CELL,
    b"/v": END_VALUE,
    b"/f": END_FORMULA,
    b"/i": END_INLINE,
    b"/t": END_LETTERS,
    b"is": INLINE,
    **{name + after: kind for name, kind in ((b"c", CELL), (b"f", FORMULA)) for after in (b" ", b">", b"/")},
    **{name + after: kind for name, kind in ((b"v", VALUE), (b"t", LETTERS)) for after in (b" ", b">", b"/")},
}
"""The first two bytes of the tags that a plain sheet has."""
_AFTER_ROW = (ROW, ROW + CLOSED)
_AFTER_CELL = (CELL, CELL + CLOSED, END_ROW)
_AFTER_FORMULA = (VALUE, VALUE + CLOSED, END_CELL)
FOLLOWERS = {
    ROW: _AFTER_CELL,
    ROW + CLOSED: _AFTER_ROW,
    END_ROW: _AFTER_ROW,
    CELL: (*_AFTER_FORMULA, FORMULA, FORMULA + CLOSED, INLINE),
    CELL + CLOSED: _AFTER_CELL,
    END_CELL: _AFTER_CELL,
    VALUE: (END_VALUE,),
    VALUE + CLOSED: (END_CELL,),
    END_VALUE: (END_CELL,),
    FORMULA: (END_FORMULA,),
    FORMULA + CLOSED: _AFTER_FORMULA,
    END_FORMULA: _AFTER_FORMULA,
    INLINE: (LETTERS, LETTERS + CLOSED),
    LETTERS: (END_LETTERS,),
    LETTERS + CLOSED: (END_INLINE,),
    END_LETTERS: (END_INLINE,),
    END_INLINE: (END_CELL,),
}
"""What may come after each tag."""

NUMBER, SHARED, STRING, TRUTH, ERROR, TRIMMED, KEPT = range(1, 8)
"""Kinds of cells by their `t`. Inline texts are TRIMMED, or KEPT where `xml:space` says so."""
KINDS = {b'n"': NUMBER, b's"': SHARED, b"st": STRING, b'b"': TRUTH, b'e"': ERROR, b"in": TRIMMED}
KIND_LENGTHS = np.array([{STRING: len("str"), TRIMMED: len("inlineStr")}.get(kind, 1) for kind in range(KEPT + 1)])
PRESERVING = len(b'<t xml:space="preserve"')
"""Bytes of the only attribute that an inline text may have."""
WRITTEN = {
    NUMBER: b'<c s="%d"><v>%b</v></c>',
    SHARED: b'<c s="%d" t="s"><v>%b</v></c>',
    STRING: b'<c s="%d" t="str"><v>%b</v></c>',
    TRUTH: b'<c s="%d" t="b"><v>%b</v></c>',
    ERROR: b'<c s="%d" t="e"><v>%b</v></c>',
    TRIMMED: b'<c s="%d" t="inlineStr"><is><t>%b</t></is></c>',
    KEPT: b'<c s="%d" t="inlineStr"><is><t xml:space="preserve">%b</t></is></c>',
}
"""Cells of a kind, with style and value."""
PARTS = {".", "_rels", "xl", "xl/_rels", "xl/worksheets", "xl/chartsheets", "xl/dialogsheets", "xl/macrosheets"}
"""Folders of the parts that calamine needs beside the sheets."""
WORKSHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%b</sheetData></worksheet>'
SHARED_STRINGS = b"<sst"


def _table(pairs: dict[bytes, int]) -> npt.NDArray[np.uint8]:
    table = np.zeros(2**16, np.uint8)
    for name, kind in pairs.items():
        table[int.from_bytes(name, "big")] = kind
    return table


_TAG = _table(TAGS)
_KIND = _table(KINDS)
_FOLLOWS = np.zeros((2 * CLOSED, 2 * CLOSED), bool)
for _kind, _followers in FOLLOWERS.items():
    _FOLLOWS[_kind, list(_followers)] = True


class _NotPlainError(Exception):
    """The sheet is not written in the plain form."""


@dataclass(frozen=True)
class Cells:
    """The filled cells of a sheet, in order: where each is (from 1), its kind, its style, and its value as written."""

    rows: Ints
    columns: Ints
    kinds: npt.NDArray[np.uint8]
    styles: Ints
    raw: pa.Array
    has_escapes: bool

    @property
    def last_row(self) -> int:
        """The last row that has a filled cell; 0 where there is none."""
        return int(self.rows[-1]) if len(self.rows) else 0

    @property
    def last_column(self) -> int:
        """The last column that has a filled cell; 0 where there is none."""
        return int(self.columns.max()) if len(self.columns) else 0


NO_CELLS = Cells(
    np.zeros(0, np.int32),
    np.zeros(0, np.int16),
    np.zeros(0, np.uint8),
    np.zeros(0, np.int32),
    pa.nulls(0, pa.large_binary()),  # `pa.array` would import pandas
    has_escapes=False,
)


@dataclass(frozen=True)
class PlainSheet:
    """A sheet as text: for each filled cell its row and column (from 1), and where in `texts` its text is."""

    rows: Ints
    columns: Ints
    where: Ints
    texts: pa.Array
    """The texts of all sheets; the first is the empty one."""
    width: int

    def preview(self) -> list[list[str]]:
        """The first rows, down to the last that is filled, all of one width."""
        n = min(PREVIEW_ROWS, int(self.rows[-1])) if len(self.rows) else 0
        preview = [[""] * self.width for _ in range(n)]
        some = slice(0, int(np.searchsorted(self.rows, np.int32(n), "right")))
        texts = self.texts.take(pa.array(self.where[some])).to_pylist()
        for row, column, text in zip(self.rows[some], self.columns[some], texts, strict=True):
            preview[row - 1][column - 1] = text[:MAX_PREVIEW]
        return preview

    def read(self, first_row: int, n_rows: int, width: int) -> Iterator[tuple[Ints, list[pa.Array], dict[int, int]]]:
        """From a row on, `n_rows` at a time: numbers of the rows that have cells, and `width` columns of their texts.

        With them, of rows that have more, the place of their last text beyond those columns.
        """
        last = int(self.rows[-1]) if len(self.rows) else 0
        for first in range(first_row, last + 1, n_rows):
            begin, end = np.searchsorted(self.rows, np.array([first, first + n_rows], np.int32))
            if begin == end:
                continue
            numbers, at = np.unique(self.rows[begin:end], return_inverse=True)
            columns, where = self.columns[begin:end], self.where[begin:end]
            grid = np.zeros((width, len(numbers)), np.int32)
            inside = columns <= width
            grid[columns[inside] - 1, at[inside]] = where[inside]
            beyond = np.flatnonzero(~inside)
            texts = pc.utf8_trim_whitespace(self.texts.take(pa.array(where[beyond])))
            filled = beyond[pc.not_equal(texts, "").to_numpy(zero_copy_only=False)]
            ragged = dict(zip(at[filled].tolist(), columns[filled].tolist(), strict=True))
            yield numbers.astype(np.int64), [self.texts.take(pa.array(line)) for line in grid], ragged


def take_apart(blocks: Iterator[bytes]) -> Cells | None:
    """The cells of a worksheet from its XML; None where it is not written in the plain form."""
    try:
        parts = [_cells(text) for text in _whole_rows(blocks)]
    except _NotPlainError:
        return None
    for _ in blocks:  # what follows the cells is read too, to be compared with its declared size
        pass
    if not parts:
        return NO_CELLS
    rows, columns, styles = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "columns", "styles")
    )
    if not (np.diff(rows * np.int64(MAX_COLUMNS) + columns) > 0).all():
        return None
    kinds = np.concatenate([part.kinds for part in parts])
    raw = pa.concat_arrays([part.raw for part in parts])
    return Cells(rows, columns, kinds, styles, raw, any(part.has_escapes for part in parts))


def _whole_rows(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The XML between `<sheetData>` and its end, cut before rows."""
    text = next(blocks, b"")
    begin = re.search(rb"<sheetData\s*(/?)>", text)
    head = text[: begin.start()] if begin else b""
    encoding = re.search(rb"""encoding\s*=\s*["']([^"']*)""", head[:200])
    if not begin or b"<!" in head or (encoding and encoding[1].lower() not in (b"utf-8", b"utf8", b"us-ascii")):
        raise _NotPlainError
    if begin[1]:
        return
    rest = text[begin.end() :]
    while b"</sheetData>" not in rest:
        cut = rest.rfind(b"<row")
        if cut > 0:
            yield rest[:cut]
            rest = rest[cut:]
        block = next(blocks, None)
        if block is None or len(rest) > MAX_OPEN:
            raise _NotPlainError
        rest += block
    rows, _, _ = rest.partition(b"</sheetData>")
    if rows.strip():
        yield rows


def _cells(text: bytes) -> Cells:
    """The filled cells of whole rows. Raises _NotPlainError."""
    data = np.frombuffer(text + bytes(32), np.uint8)
    opens, closes = np.flatnonzero(data == ord("<")), np.flatnonzero(data == ord(">"))
    if not len(opens) or len(opens) != len(closes) or not (opens < closes).all() or not (closes[:-1] < opens[1:]).all():
        raise _NotPlainError
    tags = _TAG[_two_bytes(data, opens + 1)] + np.uint8(CLOSED) * (data[closes - 1] == ord("/"))
    if tags[0] not in _AFTER_ROW or tags[-1] not in (END_ROW, ROW + CLOSED) or not _FOLLOWS[tags[:-1], tags[1:]].all():
        raise _NotPlainError
    is_inline = (tags == LETTERS) | (tags == LETTERS + CLOSED)
    values = np.flatnonzero((tags == VALUE) | (tags == VALUE + CLOSED) | is_inline)
    is_inline = is_inline[values]
    before = tags[values - 1]
    cells = values - 1 - is_inline - (before == FORMULA + CLOSED) - 2 * (before == END_FORMULA)
    rows, columns, styles, kinds = _attributes(data, opens[cells], closes[cells])
    starts = closes[values] + 1
    ends = np.where(tags[values] < CLOSED, opens[np.minimum(values + 1, len(opens) - 1)], starts)
    if ((kinds == TRIMMED) != is_inline).any():
        raise _NotPlainError
    attributes = is_inline & (data[opens[values] + 2] == ord(" ")) & (tags[values] < CLOSED)
    if (attributes & (closes[values] - opens[values] != PRESERVING)).any():
        raise _NotPlainError
    kinds[attributes] = KEPT
    bounds = np.empty(2 * len(values), np.int64)
    bounds[::2], bounds[1::2] = starts, ends
    slices = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), max(0, len(bounds) - 1), [None, pa.py_buffer(bounds), pa.py_buffer(text)]
    )
    raw = slices.take(pa.array(np.arange(0, len(bounds), 2)))
    # A formula whose value was never computed is written as a number without digits, and is a blank.
    filled = ~((kinds == NUMBER) & (starts == ends))
    if not filled.all():
        raw = raw.filter(pa.array(filled))
        rows, columns, kinds, styles = rows[filled], columns[filled], kinds[filled], styles[filled]
    has_escapes = b"&" in text or b"\r" in text or b"_x" in text
    return Cells(rows.astype(np.int32), columns.astype(np.int16), kinds, styles.astype(np.int32), raw, has_escapes)


def _two_bytes(data: npt.NDArray[np.uint8], at: Ints) -> npt.NDArray[np.uint16]:
    return data[at].astype(np.uint16) << np.uint16(8) | data[at + 1]


def _attributes(
    data: npt.NDArray[np.uint8], opens: Ints, closes: Ints
) -> tuple[Ints, Ints, Ints, npt.NDArray[np.uint8]]:
    """Row, column, style and kind of cells by their tags: `<c r="AB12" s="3" t="s">`, the reference first."""
    if not ((data[opens + 3] == ord("r")) & (data[opens + 4] == ord("=")) & (data[opens + 5] == ord('"'))).all():
        raise _NotPlainError
    at = opens + 6
    columns = np.zeros(len(at), np.int64)
    going = np.ones(len(at), bool)
    for _ in range(3):
        letter = (data[at] | 0x20) - np.uint8(ord("a"))
        going &= letter < 26
        if not going.any():
            break
        columns = np.where(going, columns * 26 + letter + 1, columns)
        at = at + going
    rows, at = _number(data, at)
    if not ((columns > 0) & (columns <= MAX_COLUMNS) & (rows > 0) & (rows <= MAX_ROWS)).all():
        raise _NotPlainError
    styles = np.zeros(len(at), np.int64)
    kinds = np.full(len(at), NUMBER, np.uint8)
    for _ in range(2):  # after the quote that ends the last one
        more = np.flatnonzero(at + 1 < closes)
        if not len(more):
            break
        begin = at[more] + 1
        name = data[begin + 1]
        written = (data[begin] == ord(" ")) & (data[begin + 2] == ord("=")) & (data[begin + 3] == ord('"'))
        if not (written & ((name == ord("s")) | (name == ord("t")))).all():
            raise _NotPlainError
        is_style = name == ord("s")
        some = more[is_style]
        styles[some], at[some] = _number(data, begin[is_style] + 4)
        some, begin = more[~is_style], begin[~is_style] + 4
        kinds[some] = _KIND[_two_bytes(data, begin)]
        at[some] = begin + KIND_LENGTHS[kinds[some]]
    if not (kinds > 0).all() or not ((at + 1 == closes) & (data[at] == ord('"'))).all():
        raise _NotPlainError
    return rows, columns, styles, kinds


def _number(data: npt.NDArray[np.uint8], at: Ints) -> tuple[Ints, Ints]:
    """The digits that stand at each place as numbers, and where they end; after 7 of them no more are read."""
    number = np.zeros(len(at), np.int64)
    going = np.ones(len(at), bool)
    for _ in range(7):
        digit = data[at] - np.uint8(ord("0"))
        going &= digit < 10
        if not going.any():
            break
        number = np.where(going, number * 10 + digit, number)
        at = at + going
    return number, at


def read_plain(path: Path, parts: dict[str, Cells | None]) -> tuple[list[str], dict[str, PlainSheet | None]]:
    """The names of all sheets of a workbook, and as texts those that are plain.

    `parts` has the cells of each worksheet by the name of its part, None for one that is not plain. A sheet that
    calamine does not give (of macros) is None in the answer. Both are empty where calamine does not take the parts so:
    then it is to read the whole file.
    """
    try:
        return _read_plain(path, parts)
    except (_NotPlainError, CalamineError, OSError, ValueError, OverflowError, zipfile.BadZipFile):
        return [], {}
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            return [], {}
        raise


def _read_plain(path: Path, parts: dict[str, Cells | None]) -> tuple[list[str], dict[str, PlainSheet | None]]:
    styles = np.unique(np.concatenate([cells.styles[cells.kinds == NUMBER] for cells in parts.values() if cells]))
    if len(styles) * len(parts) > MAX_QUESTIONS:
        raise _NotPlainError
    probes = [WRITTEN[NUMBER] % (style, b"1.5") for style in styles.tolist()]
    small = _small_workbook(path, {part: [_cell(i), *probes] for i, part in enumerate(parts)}, with_strings=False)
    sheets: dict[str, PlainSheet | None] = {}
    plain: dict[str, Cells] = {}
    asked: tuple[str, str] | None = None
    dates: list[int] = []
    for name in small.sheet_names:
        try:
            answers = [row[0] for row in small.get_sheet_by_name(name).iter_rows()]
        except (CalamineError, ValueError):
            sheets[name] = None
            continue
        if not answers:
            plain[name] = NO_CELLS  # a chart
            continue
        part = list(parts)[int(str(answers[0]))]
        asked = (name, part)
        dates = [style for style, answer in zip(styles, answers[1:], strict=True) if not isinstance(answer, float)]
        if (cells := parts[part]) is not None:
            plain[name] = cells
    if asked is None:
        raise _NotPlainError

    def ask(questions: list[bytes]) -> list[Any]:
        """What calamine says that some cells hold, in a workbook of these strings and styles."""
        name, part = asked
        cells = {one: [_cell(0), *questions] if one == part else [] for one in parts}
        rows = _small_workbook(path, cells, with_strings=True).get_sheet_by_name(name).iter_rows()
        answers = [row[0] for row in islice(rows, 1, None)]
        return answers + [""] * (len(questions) - len(answers))

    wheres, texts = _texts(list(plain.values()), dates, ask)
    for (name, cells), where in zip(plain.items(), wheres, strict=True):
        sheets[name] = PlainSheet(cells.rows, cells.columns, where, texts, cells.last_column)
    return small.sheet_names, sheets


def _cell(number: int) -> bytes:
    return WRITTEN[STRING] % (0, b"%d" % number)


def _texts(
    sheets: Sequence[Cells], dates: Sequence[int], ask: Callable[[list[bytes]], list[Any]]
) -> tuple[list[Ints], pa.Array]:
    """For each sheet where the texts of its cells are, and all texts, the empty one first.

    Numbers in one of the styles `dates` are dates, times or durations; `ask` says what cells hold that are no plain
    texts or numbers.
    """
    kinds = np.concatenate([sheet.kinds for sheet in sheets])
    styles = np.concatenate([sheet.styles for sheet in sheets])
    raw = pa.concat_arrays([sheet.raw for sheet in sheets])
    try:
        letters = raw.cast(TEXT)
    except pa.ArrowInvalid:  # no UTF-8
        raise _NotPlainError from None
    is_number = kinds == NUMBER
    asked = (kinds == TRUTH) | (kinds == ERROR)
    dated = np.flatnonzero(is_number & np.isin(styles, dates))
    asked[dated] = np.abs(_cast(letters.take(pa.array(dated)), pa.float64())) < MAX_DAYS
    is_letters = ~is_number & ~asked & (kinds != SHARED)
    asked |= is_letters & _is_odd(letters, kinds, has_escapes=any(sheet.has_escapes for sheet in sheets))
    where = np.arange(1, len(raw) + 1, dtype=np.int32)
    texts = [pa.array([""], TEXT), letters]
    n = len(raw) + 1
    numbers = np.flatnonzero(is_number & ~asked)
    for at, some in _number_texts(letters.take(pa.array(numbers))):
        where[numbers[at]] = n + np.arange(len(some))
        texts.append(some)
        n += len(some)
    questions: list[bytes] = []
    shared = np.flatnonzero(kinds == SHARED)
    if len(shared):
        codes = _cast(letters.take(pa.array(shared)), pa.int64())
        known, positions = np.unique(codes, return_inverse=True)
        questions += [WRITTEN[SHARED] % (0, b"%d" % code) for code in known.tolist()]
        where[shared] = n + positions
    odd = np.flatnonzero(asked)
    groups = kinds[odd] * np.int64(2**32) + styles[odd]
    order = np.argsort(groups, kind="stable")
    for some in np.split(odd[order], np.flatnonzero(np.diff(groups[order])) + 1) if len(odd) else []:
        written, style = WRITTEN[int(kinds[some[0]])], int(styles[some[0]])
        distinct = raw.take(pa.array(some)).dictionary_encode()
        where[some] = n + len(questions) + distinct.indices.to_numpy()
        questions += [written % (style, value) for value in distinct.dictionary.to_pylist()]
    if len(questions) > MAX_QUESTIONS:
        raise _NotPlainError
    texts.append(column_texts(tuple(ask(questions) if questions else [])))
    ends = np.cumsum([len(sheet.rows) for sheet in sheets])
    return np.split(where, ends[:-1]), pa.concat_arrays(texts)


def _is_odd(letters: pa.Array, kinds: npt.NDArray[np.uint8], *, has_escapes: bool) -> npt.NDArray[np.bool_]:
    """Which texts do not stand for themselves: they are escaped, or blanks around them are not meant."""
    padded = pc.not_equal(letters, pc.utf8_trim_whitespace(letters)).to_numpy(zero_copy_only=False)
    odd: npt.NDArray[np.bool_] = padded & (kinds == TRIMMED)
    if has_escapes:
        for escape in ("&", "\r", "_x"):
            odd |= pc.match_substring(letters, escape).to_numpy(zero_copy_only=False)
    return odd


def _number_texts(letters: pa.Array) -> Iterator[tuple[Ints, pa.Array]]:
    """The texts of numbers as `cell_text` has them, in parts: which of them, and their texts."""
    numbers = _cast(letters, pa.float64())
    if not np.isfinite(numbers).all():
        raise _NotPlainError
    size = np.abs(numbers)
    is_whole = (np.trunc(numbers) == numbers) & (size < 1e15)
    is_plain = ~is_whole & (size >= 1e-4) & (size < 1e9)  # Arrow writes these as Python does
    yield np.flatnonzero(is_whole), pa.array(numbers[is_whole].astype(np.int64)).cast(TEXT)
    yield np.flatnonzero(is_plain), pa.array(numbers[is_plain]).cast(TEXT)
    others = np.flatnonzero(~is_whole & ~is_plain)
    yield others, pa.array([repr(number) for number in numbers[others].tolist()], TEXT)


def _cast(letters: pa.Array, kind: pa.DataType) -> npt.NDArray[Any]:
    try:
        numbers: npt.NDArray[Any] = letters.cast(kind).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        raise _NotPlainError from None
    return numbers


def _small_workbook(path: Path, sheets: dict[str, list[bytes]], *, with_strings: bool) -> CalamineWorkbook:
    """The workbook with other worksheets, each of which has some cells under each other; its strings only if asked."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as book, zipfile.ZipFile(out, "w") as small:
        if len(set(book.namelist())) < len(book.namelist()):
            raise _NotPlainError
        for info in book.infolist():
            if info.filename in sheets:
                rows = b"".join(b"<row>%b</row>" % cell for cell in sheets[info.filename])
                small.writestr(info.filename, WORKSHEET % rows)
            elif str(PurePosixPath(info.filename).parent) in PARTS:
                content = book.read(info)
                if with_strings or SHARED_STRINGS not in content[:4096]:
                    small.writestr(info.filename, content)
    out.seek(0)
    return CalamineWorkbook.from_filelike(out)
