"""Delimited text (CSV): encoding and delimiter detected, rows streamed by pyarrow in bounded memory."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from footprints.errors import DeliveryError
from footprints.readers.encodings import look
from footprints.readers.table import (
    MAX_COLUMNS,
    MAX_PREVIEW,
    PREVIEW_ROWS,
    Chunk,
    Header,
    OpenFile,
    RaggedRow,
    Sheet,
    chunk_of_rows,
    clean_text,
    filled_rows,
    fit_row,
)

BLOCK = 4 * 2**20
SAMPLE = 2**18
DELIMITERS = ",;\t|"
RARE_DELIMITERS = "\x1f^~:"
"""Tried only where none of the others divides anything."""
LONG_ROW = 50_000
EDGE = r"[,;\t|\r\n\x1f^~]"
SEPARATOR_LINE = re.compile(r"\ufeff?sep=(.)\r?\n", re.IGNORECASE)
"""The first line by which Excel is told the separator."""
csv.field_size_limit(BLOCK)


@dataclass(frozen=True)
class Dialect:
    """How a delimited text is written. `escape` is empty where a quote within quotes is doubled."""

    encoding: str
    delimiter: str
    quote: str
    escape: str = ""
    is_plain: bool = True
    """Whether it is UTF-8 without a fault, a mark or a zero byte: then it need not be decoded first."""

    def rows(self, text: str) -> Iterator[list[str]]:
        """The rows of a text as Python's csv module sees them."""
        return csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            escapechar=self.escape or None,
        )


def open_delimited(
    path: Path, encoding: str | None = None, delimiter: str | None = None, quote: str | None = None
) -> OpenFile:
    """Opens delimited text; `encoding`, `delimiter` and `quote` ("" for none) override the detection.

    Raises DeliveryError where it is no table: too many columns, or a quote that is opened and never closed.
    """
    seen = look(path, encoding)
    with path.open(encoding=seen.encoding, errors="replace", newline="") as file:
        sample = file.read(SAMPLE).replace("\0", "")
        is_whole = not file.read(1)
    if quote is None:
        quote, escape = detect_quote(sample)
    else:
        escape = "\\" if quote and _is_escaped(sample, quote) else ""
    delimiter = delimiter or detect_delimiter(sample, quote, escape)
    dialect = Dialect(seen.encoding, delimiter, quote, escape, seen.is_plain)
    is_odd = bool(quote) and not escape and seen.n_quotes.get(quote, 0) % 2 == 1
    try:
        rows = _preview(sample, dialect, is_odd, is_whole)
    except csv.Error:
        raise DeliveryError("file.unreadable", format="CSV") from None
    if max(map(len, rows), default=0) > MAX_COLUMNS:
        raise DeliveryError("file.too_many_columns", limit=MAX_COLUMNS)

    def chunks(header: Header, chunk_rows: int, on_ragged: Callable[[RaggedRow], None]) -> Iterator[Chunk]:
        return _chunks(path, dialect, header, chunk_rows, on_ragged, is_odd)

    detected = {"encoding": seen.encoding, "delimiter": {"\t": "tab"}.get(delimiter, delimiter)}
    if quote and quote in sample:
        detected["quote"] = escape + quote
    return OpenFile(
        "csv", [Sheet("", rows, chunks)], detected, notes=(("text.nul_removed", {}),) if seen.has_zeros else ()
    )


def _preview(sample: str, dialect: Dialect, is_odd: bool, is_whole: bool) -> list[list[str]]:
    """The first rows. Raises DeliveryError where the sample ends within a quote that nothing seems to close."""
    rows: list[list[str]] = []
    number, last = 0, [""]
    for number, last in enumerate(dialect.rows(sample), start=1):
        if number <= PREVIEW_ROWS:
            rows.append([clean_text(cell[:MAX_PREVIEW].replace("\ufeff", "")) for cell in last])
        elif not is_odd:
            break
    if is_odd and any("\n" in cell for cell in last) and (is_whole or sum(map(len, last)) > LONG_ROW):
        raise DeliveryError("csv.quote_open", row=number)
    return rows


def detect_quote(sample: str) -> tuple[str, str]:
    """The quote character, and what stands before one within quotes (empty where it is doubled)."""
    doubles = len(re.findall(rf'(?:^|{EDGE})"', sample))
    singles = min(len(re.findall(rf"(?:^|{EDGE})'", sample)), len(re.findall(rf"'(?:$|{EDGE})", sample)))
    quote = "'" if singles > 2 and singles > 2 * doubles else '"'
    return quote, "\\" if _is_escaped(sample, quote) else ""


def _is_escaped(sample: str, quote: str) -> bool:
    """Whether quotes within quotes have a backslash, and are not doubled."""
    within = len(re.findall(rf"\\{quote}(?!\s*(?:{EDGE}|$))", sample))
    return within > 0 and within >= len(re.findall(rf"[^\\,;\t|\r\n]{quote}{quote}", sample))


def detect_delimiter(sample: str, quote: str = '"', escape: str = "") -> str:
    """The delimiter under which the most of the first rows have the same number of cells, and more than one."""
    if (said := SEPARATOR_LINE.match(sample)) and said.group(1).isascii():
        return said.group(1)
    complete = sample[: sample.rfind("\n")] if len(sample) >= SAMPLE and "\n" in sample else sample
    best, best_score = ",", 0.0
    for among in (DELIMITERS, RARE_DELIMITERS):
        for delimiter in among:
            score = _evenness(complete, Dialect("", delimiter, quote, escape))
            if score > best_score:
                best, best_score = delimiter, score
        if best_score:
            break
    return best


def _evenness(text: str, dialect: Dialect) -> float:
    try:
        widths = [len(row) for _, row in zip(range(200), dialect.rows(text), strict=False)]
    except csv.Error:
        return 0.0
    if not widths:
        return 0.0
    width, n = Counter(widths).most_common(1)[0]
    return n / len(widths) * min(width, 50) if width > 1 else 0.0


class _Utf8(io.RawIOBase):
    """The file as UTF-8 bytes, whatever its encoding; what cannot be decoded becomes U+FFFD, which a check can see.

    Zero bytes are left out: no database takes them.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self._file = path.open("rb")
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            block = self._file.read(BLOCK)
            self._rest = self._decoder.decode(block, final=not block).replace("\0", "").encode("utf-8", "replace")
            if not block:
                break
        n = min(len(buffer), len(self._rest))
        buffer[:n] = self._rest[:n]
        self._rest = self._rest[n:]
        return n

    def close(self) -> None:
        self._file.close()
        super().close()


def _chunks(
    path: Path,
    dialect: Dialect,
    header: Header,
    chunk_rows: int,
    on_ragged: Callable[[RaggedRow], None],
    is_odd: bool,
) -> Iterator[Chunk]:
    width = len(header.names)
    names = [f"c{i}" for i in range(width)]
    uneven: list[tuple[int, str]] = []  # rows that are not as wide as the header, with their text
    passed: deque[int] = deque()  # their numbers, which may lie beyond the batch that is at hand

    def keep(row: Any) -> str:
        uneven.append((row.number, row.text))
        passed.append(row.number)
        return "skip"

    source: Any = pa.OSFile(str(path)) if dialect.is_plain else io.BufferedReader(_Utf8(path, dialect.encoding), BLOCK)
    tail, next_number = _Tail(is_odd), 1
    try:
        reader = pacsv.open_csv(
            source,
            read_options=pacsv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=names),
            parse_options=pacsv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote or False,
                escape_char=dialect.escape or False,
                newlines_in_values=True,
                invalid_row_handler=keep,
                ignore_empty_lines=False,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types={name: pa.large_string() for name in names}, strings_can_be_null=False
            ),
        )
        pending: list[tuple[np.ndarray, pa.RecordBatch]] = []
        n_pending = 0
        for batch in reader:
            numbers = np.arange(next_number, next_number + batch.num_rows + len(passed), dtype=np.int64)
            numbers = np.setdiff1d(numbers, np.array(passed, np.int64))[: batch.num_rows]
            if len(numbers):
                next_number = int(numbers[-1]) + 1
                while passed and passed[0] < next_number:
                    passed.popleft()
            tail.see(batch, numbers, uneven)
            yield from _uneven_rows(uneven, dialect, header, on_ragged)
            keep_mask = filled_rows(batch.columns)
            if len(numbers) and numbers[0] <= header.rows_before_data:
                keep_mask = keep_mask & (numbers > header.rows_before_data)
            if not keep_mask.all():
                batch = batch.filter(pa.array(keep_mask))
                numbers = numbers[keep_mask]
            while n_pending + batch.num_rows >= chunk_rows:
                cut = chunk_rows - n_pending
                pending.append((numbers[:cut], batch.slice(0, cut)))
                yield _chunk(header, pending)
                pending, n_pending = [], 0
                numbers, batch = numbers[cut:], batch.slice(cut)
            if batch.num_rows:
                pending.append((numbers, batch))
                n_pending += batch.num_rows
        tail.end(uneven)
        yield from _uneven_rows(uneven, dialect, header, on_ragged)
        if pending:
            yield _chunk(header, pending)
    except (pa.ArrowInvalid, csv.Error):
        # A row that is longer than a block is one that an open quote has swallowed.
        raise DeliveryError("csv.quote_open", row=next_number) from None
    finally:
        source.close()


def _chunk(header: Header, pending: list[tuple[np.ndarray, pa.RecordBatch]]) -> Chunk:
    table = pa.Table.from_batches([batch for _, batch in pending]).combine_chunks()
    columns = {
        name: column.chunk(0) if column.num_chunks else pa.array([], pa.large_string())
        for name, column in zip(header.names, table.columns, strict=True)
    }
    return Chunk("", np.concatenate([numbers for numbers, _ in pending]), columns)


class _Tail:
    """The last row of a text whose quotes are odd in number: if it has several lines, its quote was never closed."""

    def __init__(self, is_odd: bool) -> None:
        self.is_odd = is_odd
        self.row, self.has_lines = 0, False

    def see(self, batch: pa.RecordBatch, numbers: np.ndarray, uneven: list[tuple[int, str]]) -> None:
        """Takes note of the rows of a block."""
        if self.is_odd and batch.num_rows:
            has_lines = any("\n" in (column[-1].as_py() or "") for column in batch.columns)
            self._later(int(numbers[-1]), has_lines)
        self._uneven(uneven)

    def end(self, uneven: list[tuple[int, str]]) -> None:
        """Raises DeliveryError where the text ended within a quote."""
        self._uneven(uneven)
        if self.is_odd and self.has_lines:
            raise DeliveryError("csv.quote_open", row=self.row)

    def _uneven(self, uneven: list[tuple[int, str]]) -> None:
        for number, text in uneven[-1:]:
            self._later(number, "\n" in text.strip())

    def _later(self, number: int, has_lines: bool) -> None:
        if number > self.row:
            self.row, self.has_lines = number, has_lines


def _uneven_rows(
    uneven: list[tuple[int, str]], dialect: Dialect, header: Header, on_ragged: Callable[[RaggedRow], None]
) -> Iterator[Chunk]:
    """Rows narrower than the header are padded as a spreadsheet would; wider ones are told to `on_ragged`."""
    rows = []
    for number, text in uneven:
        if number > header.rows_before_data:
            cells: list[str | None] = list(next(dialect.rows(text), []))
            fitted = fit_row(number, cells, len(header.names), on_ragged)
            if fitted is not None:
                rows.append((number, fitted))
    uneven.clear()
    if rows:
        yield chunk_of_rows("", header, rows)
