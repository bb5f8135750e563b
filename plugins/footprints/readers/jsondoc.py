"""JSON documents: a list of records, or an object that wraps one (`{"result": […]}`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from footprints.errors import DeliveryError
from footprints.readers.table import Chunk, Header, OpenFile, RaggedRow, Sheet, chunk_of_rows


def open_json(path: Path, max_unpacked_bytes: int) -> OpenFile:
    """Opens a JSON document: each list of records in it (to a depth of three keys) is a sheet, named by its path.

    Raises DeliveryError where it is no JSON, holds no records, or is larger than `max_unpacked_bytes`.
    """
    if path.stat().st_size > max_unpacked_bytes // 8:  # parsed objects take about eight times their text
        raise DeliveryError("file.too_large", limit=max_unpacked_bytes // 8)
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise DeliveryError("file.unreadable", format="JSON") from None
    sheets = [_sheet(name, records) for name, records in _record_lists(document, "", 0)]
    if not sheets:
        raise DeliveryError("file.empty")
    return OpenFile("json", sheets, {})


def _record_lists(node: Any, name: str, depth: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    if isinstance(node, list):
        records = [record for record in node if isinstance(record, dict)]
        if records:
            yield name, records
    elif isinstance(node, dict) and depth < 3:
        for key, value in node.items():
            yield from _record_lists(value, f"{name}.{key}" if name else key, depth + 1)


def _sheet(name: str, records: list[dict[str, Any]]) -> Sheet:
    names = list(dict.fromkeys(key for record in records for key in record))

    def chunks(header: Header, chunk_rows: int, on_ragged: Callable[[RaggedRow], None]) -> Iterator[Chunk]:
        for start in range(0, len(records), chunk_rows):
            rows: list[tuple[int, list[str | None]]] = [
                (start + i, [value_text(record.get(key)) for key in names])
                for i, record in enumerate(records[start : start + chunk_rows], start=1)
            ]
            yield chunk_of_rows(name, Header(tuple(names), 0), rows)

    return Sheet(name, [names], chunks)


def value_text(value: Any) -> str | None:
    """A JSON value as text; null is a missing cell, nested values stay JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
