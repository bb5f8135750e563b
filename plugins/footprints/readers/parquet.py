"""Parquet by pyarrow, batch by batch: every cell as text, as a person would read it in a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from footprints.errors import DeliveryError
from footprints.readers.celltext import cell_text
from footprints.readers.jsondoc import value_text
from footprints.readers.table import MAX_COLUMNS, Chunk, Header, OpenFile, RaggedRow, Sheet, unique_names

TEXT = pa.large_string()
MAX_ROWS_PER_BYTE = 100
"""Runs of equal values take no space in Parquet: more rows than this for each byte are made to keep us busy."""


def open_parquet(path: Path, max_unpacked_bytes: int) -> OpenFile:
    """Opens a Parquet file: one sheet without a name, rows numbered from 1.

    Raises DeliveryError where it cannot be read, or declares more columns or rows than it can have.
    """
    file = _guarded(lambda: pq.ParquetFile(path))
    names = unique_names([str(name) for name in file.schema_arrow.names])
    if len(names) > MAX_COLUMNS:
        raise DeliveryError("file.too_many_columns", limit=MAX_COLUMNS)
    if not names or file.metadata.num_rows == 0:
        raise DeliveryError("file.empty")
    if file.metadata.num_rows > MAX_ROWS_PER_BYTE * path.stat().st_size:
        raise DeliveryError("file.too_large", limit=max_unpacked_bytes)
    texts = [str(field.name) for field in file.schema_arrow if pa.types.is_string(field.type)]

    def chunks(header: Header, chunk_rows: int, on_ragged: Callable[[RaggedRow], None]) -> Iterator[Chunk]:
        reader = _guarded(lambda: pq.ParquetFile(path, read_dictionary=texts))
        batches = _guarded(lambda: reader.iter_batches(batch_size=chunk_rows, use_threads=False))
        number = 1
        while (batch := _guarded(lambda: next(batches, None))) is not None:
            numbers = np.arange(number, number + batch.num_rows, dtype=np.int64)
            number += batch.num_rows
            columns = [_guarded(partial(_texts, column, max_unpacked_bytes)) for column in batch.columns]
            yield Chunk("", numbers, dict(zip(names, columns, strict=True)))

    return OpenFile("parquet", [Sheet("", [list(names)], chunks)], {})


def _guarded(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError):
        raise DeliveryError("file.unreadable", format="Parquet") from None


def _texts(column: pa.Array, limit: int) -> pa.Array:
    """A column as texts; what has no value stays null."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        # One long text that all rows name would be written out once for each.
        lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
        if (pc.sum(lengths).as_py() or 0) > limit:
            raise DeliveryError("file.too_large", limit=limit)
        return pc.replace_substring(pc.cast(pc.cast(column, column.type.value_type), TEXT), "\0", "")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pc.replace_substring(pc.cast(column, TEXT), "\0", "")
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind):
        return pc.cast(column, TEXT)
    if pa.types.is_temporal(kind) or pa.types.is_floating(kind):
        # pandas writes "not a number" where there is no value.
        values = [None if value is None or value != value else cell_text(value) for value in column.to_pylist()]
        return pa.array(values, TEXT)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        texts = [None if value is None else value.decode("utf-8", "replace") for value in column.to_pylist()]
        return pa.array([value_text(text) for text in texts], TEXT)
    return pa.array([value_text(_plain(value)) for value in column.to_pylist()], TEXT)


def _plain(value: Any) -> Any:
    """A nested value as JSON can hold it."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, str | bool | int | float) else cell_text(value)
