"""Delimited text (CSV): encoding and delimiter detected, rows streamed by pyarrow in bounded memory."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from footprints.errors import DeliveryError
from footprints.readers.table import PREVIEW_ROWS, Chunk, Header, OpenFile, RaggedRow, Sheet, chunk_of_rows, fit_row

BLOCK = 4 * 2**20
SAMPLE = 2**18
DELIMITERS = ",;\t|"
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
csv.field_size_limit(BLOCK)


def open_delimited(path: Path, encoding: str | None = None, delimiter: str | None = None) -> OpenFile:
    """Opens delimited text; `encoding` and `delimiter` override the detection.

    Raises DeliveryError where it is no text.
    """
    encoding = encoding or detect_encoding(path)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        sample = file.read(SAMPLE)
    if "\0" in sample[:1000]:
        raise DeliveryError("file.format_unknown")
    delimiter = delimiter or detect_delimiter(sample)
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(sample), delimiter=delimiter):
            rows.append([cell.replace("\ufeff", "") for cell in row])
            if len(rows) == PREVIEW_ROWS:
                break
    except csv.Error:
        raise DeliveryError("file.unreadable", format="CSV") from None

    def chunks(header: Header, chunk_rows: int, on_ragged: Callable[[RaggedRow], None]) -> Iterator[Chunk]:
        return _chunks(path, encoding, delimiter, header, chunk_rows, on_ragged)

    detected = {"encoding": encoding, "delimiter": {"\t": "tab"}.get(delimiter, delimiter)}
    return OpenFile("csv", [Sheet("", rows, chunks)], detected)


def detect_encoding(path: Path) -> str:
    """The encoding: by byte order mark, UTF-8 where the whole file is valid UTF-8, else cp1252 (Excel in the West)."""
    with path.open("rb") as file:
        start = file.read(4)
        for bom, name in BOMS:
            if start.startswith(bom):
                return name
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while block := file.read(BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def detect_delimiter(sample: str) -> str:
    """The delimiter under which the most of the first rows have the same number of cells, and more than one."""
    complete = sample[: sample.rfind("\n")] if len(sample) >= SAMPLE and "\n" in sample else sample
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        try:
            widths = [
                len(row)
                for _, row in zip(range(200), csv.reader(io.StringIO(complete), delimiter=delimiter), strict=False)
            ]
        except csv.Error:
            continue
        if not widths:
            continue
        width, n = Counter(widths).most_common(1)[0]
        score = n / len(widths) * min(width, 50) if width > 1 else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best


class _Utf8(io.RawIOBase):
    """The file as UTF-8 bytes, whatever its encoding; what cannot be decoded becomes U+FFFD, which a check can see."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._file = path.open("rb")
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            block = self._file.read(BLOCK)
            self._rest = self._decoder.decode(block, final=not block).encode()
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
    encoding: str,
    delimiter: str,
    header: Header,
    chunk_rows: int,
    on_ragged: Callable[[RaggedRow], None],
) -> Iterator[Chunk]:
    width = len(header.names)
    names = [f"c{i}" for i in range(width)]
    uneven: list[tuple[int, str]] = []  # rows that are not as wide as the header, with their text
    passed: deque[int] = deque()  # their numbers, which may lie beyond the batch that is at hand

    def keep(row: Any) -> str:
        uneven.append((row.number, row.text))
        passed.append(row.number)
        return "skip"

    source: Any = pa.OSFile(str(path)) if encoding == "utf-8" else io.BufferedReader(_Utf8(path, encoding), BLOCK)
    try:
        reader = pacsv.open_csv(
            source,
            read_options=pacsv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=names),
            parse_options=pacsv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep, ignore_empty_lines=False
            ),
            convert_options=pacsv.ConvertOptions(
                column_types={name: pa.large_string() for name in names}, strings_can_be_null=False
            ),
        )
        next_number = 1
        pending: list[tuple[np.ndarray, pa.RecordBatch]] = []
        n_pending = 0
        for batch in reader:
            numbers = np.arange(next_number, next_number + batch.num_rows + len(passed), dtype=np.int64)
            numbers = np.setdiff1d(numbers, np.array(passed, np.int64))[: batch.num_rows]
            if len(numbers):
                next_number = int(numbers[-1]) + 1
                while passed and passed[0] < next_number:
                    passed.popleft()
            yield from _uneven_rows(uneven, delimiter, header, on_ragged)
            keep_mask = _filled(batch)
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
        yield from _uneven_rows(uneven, delimiter, header, on_ragged)
        if pending:
            yield _chunk(header, pending)
    except (pa.ArrowInvalid, csv.Error):
        raise DeliveryError("file.unreadable", format="CSV") from None
    finally:
        source.close()


def _filled(batch: pa.RecordBatch) -> np.ndarray:
    """Which rows hold anything at all: the first filled column decides for nearly every row."""
    filled = np.zeros(batch.num_rows, bool)
    for column in batch.columns:
        todo = ~filled
        if not todo.any():
            break
        if todo.all():
            filled = pc.not_equal(pc.utf8_trim_whitespace(column), "").to_numpy(zero_copy_only=False).copy()
        else:
            cells = pc.utf8_trim_whitespace(column.filter(pa.array(todo)))
            filled[todo] = pc.not_equal(cells, "").to_numpy(zero_copy_only=False)
    return filled


def _chunk(header: Header, pending: list[tuple[np.ndarray, pa.RecordBatch]]) -> Chunk:
    table = pa.Table.from_batches([batch for _, batch in pending]).combine_chunks()
    columns = {
        name: column.chunk(0) if column.num_chunks else pa.array([], pa.large_string())
        for name, column in zip(header.names, table.columns, strict=True)
    }
    return Chunk("", np.concatenate([numbers for numbers, _ in pending]), columns)


def _uneven_rows(
    uneven: list[tuple[int, str]], delimiter: str, header: Header, on_ragged: Callable[[RaggedRow], None]
) -> Iterator[Chunk]:
    """Rows narrower than the header are padded as a spreadsheet would; wider ones are told to `on_ragged`."""
    rows = []
    for number, text in uneven:
        if number > header.rows_before_data:
            cells: list[str | None] = list(next(csv.reader([text], delimiter=delimiter), []))
            fitted = fit_row(number, cells, len(header.names), on_ragged)
            if fitted is not None:
                rows.append((number, fitted))
    uneven.clear()
    if rows:
        yield chunk_of_rows("", header, rows)
