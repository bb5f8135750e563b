"""JSON documents: lists of records, bare or wrapped, as sheets; nested lists of records as sheets of their own.

A form's export from an API (Kobo, ODK Central) gets the shape that its workbook has: the interviews on one sheet with
an `_index`, each repeat on another with `_parent_index`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from footprints.errors import DeliveryError
from footprints.readers import geo
from footprints.readers.table import (
    MAX_COLUMNS,
    Chunk,
    Header,
    OpenFile,
    RaggedRow,
    Sheet,
    chunk_of_rows,
    clean_text,
    rows_sheet,
    unique_names,
)

Record = dict[str, Any]

MAX_DEPTH = 12
"""So many keys deep a list of records is looked for."""


def open_json(path: Path, max_unpacked_bytes: int) -> OpenFile:
    """Opens a JSON document: each list of records in it is a sheet, named by its path (`data.result`).

    GeoJSON features and the shapes of each object of a TopoJSON document are records too. JSON Lines (a record a line)
    and lists of rows are read as well. Raises DeliveryError where it is no JSON, holds no records, or is larger than
    `max_unpacked_bytes` allows.
    """
    if path.stat().st_size > max_unpacked_bytes // 8:  # parsed objects take about eight times their text
        raise DeliveryError("file.too_large", limit=max_unpacked_bytes // 8)
    try:
        document = _parse(_decode(path.read_bytes()))
        sheets = list(_sheets(document, max_unpacked_bytes))
    except RecursionError:
        raise DeliveryError("file.unreadable", format="JSON") from None
    if not sheets:
        raise DeliveryError("file.empty")
    return OpenFile("json", sheets, {})


def _decode(raw: bytes) -> str:
    """The text: UTF-8, UTF-16 or UTF-32 as JSON allows, and cp1252, in which some exports are written all the same."""
    for encoding in (json.detect_encoding(raw), "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DeliveryError("file.unreadable", format="JSON")


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return _parse_lines(text)
        raise DeliveryError("file.unreadable", format="JSON", line=error.lineno) from None
    except ValueError:  # a number of more digits than Python takes
        raise DeliveryError("file.unreadable", format="JSON") from None


def _parse_lines(text: str) -> list[Any]:
    """JSON Lines: each line a document of its own."""
    documents = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                documents.append(json.loads(line))
            except ValueError:
                raise DeliveryError("file.unreadable", format="JSON", line=number) from None
    return documents


def _sheets(document: Any, max_unpacked_bytes: int) -> Iterator[Sheet]:
    if geo.is_topology(document):
        for name, shapes in geo.topology_records(document, max_unpacked_bytes):
            if shapes:
                yield from _sheets_of(name, shapes)
    elif geo.is_feature_collection(document):
        yield from _sheets_of("features", geo.feature_records(document))
    else:
        for name, items in _lists(document, "", 0):
            if isinstance(items[0], dict):
                yield from _sheets_of(name, [item for item in items if isinstance(item, dict)])
            else:
                rows = [[value_text(cell) for cell in row] for row in items if isinstance(row, list)]
                if any(map(any, rows)):
                    yield rows_sheet(name, rows)


def _lists(node: Any, name: str, depth: int) -> Iterator[tuple[str, list[Any]]]:
    """The lists of records or of rows in a document, each with its path."""
    if isinstance(node, list):
        if node and isinstance(node[0], dict | list):
            yield name, node
    elif isinstance(node, dict) and depth < MAX_DEPTH:
        for key, value in node.items():
            yield from _lists(value, f"{name}.{key}" if name else key, depth + 1)


def _sheets_of(name: str, records: list[Record]) -> Iterator[Sheet]:
    """A list of records as a sheet, and the lists of records in it as sheets beside it, joined by an index.

    They have the columns of Kobo's workbooks: `_index` numbers the records of a sheet that others point to,
    `_parent_index` and `_parent_table_name` point there. A sheet is named by the last part of its path, as Kobo does,
    or by all of it where that name is taken.
    """
    pending, taken = [(name, records)], {name}
    while pending:
        name, records = pending.pop(0)
        flat = []
        children: dict[str, list[Record]] = {}
        for index, record in enumerate(records, start=1):
            row, lists = _flatten(record)
            flat.append(row)
            for path, items in lists.items():
                for item in items:
                    parent = {"_parent_table_name": name, "_parent_index": index}
                    children.setdefault(path, []).append({**item, **parent})
        if children:
            for index, row in enumerate(flat, start=1):
                row.setdefault("_index", index)
        for path, items in children.items():
            short = path.rsplit("/", 1)[-1]
            child = path if short in taken else short
            taken.add(child)
            pending.append((child, items))
        if any(flat):
            yield _sheet(name, flat)


def _flatten(record: Record) -> tuple[Record, dict[str, list[Record]]]:
    """A record without nesting, its groups as `group/question`; and its lists of records, by path."""
    if not any(isinstance(value, dict | list) for value in record.values()):
        return dict(record), {}
    flat: Record = {}
    lists: dict[str, list[Record]] = {}
    stack = [("", record)]
    while stack:
        prefix, node = stack.pop()
        for key, value in node.items():
            path = f"{prefix}{key}"
            if isinstance(value, dict) and not geo.is_geometry(value):
                stack.append((f"{path}/", value))
            elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
                lists[path] = [item for item in value if isinstance(item, dict)]
            else:
                flat[path] = value
    return flat, lists


def _sheet(name: str, records: list[Record]) -> Sheet:
    names: dict[str, None] = {}
    for record in records:
        names.update(dict.fromkeys(record))
        if len(names) > MAX_COLUMNS:
            raise DeliveryError("file.too_many_columns", limit=MAX_COLUMNS)
    keys = list(names)
    titles = unique_names(keys)

    def chunks(header: Header, chunk_rows: int, on_ragged: Callable[[RaggedRow], None]) -> Iterator[Chunk]:
        for start in range(0, len(records), chunk_rows):
            rows = [
                (start + i, [value_text(record.get(key)) for key in keys])
                for i, record in enumerate(records[start : start + chunk_rows], start=1)
            ]
            yield chunk_of_rows(name, Header(titles, 0), rows)

    return Sheet(name, [list(titles)], chunks)


def value_text(value: Any) -> str | None:
    """A JSON value as text; null is a missing cell, a list stays JSON."""
    if value is None:
        return None
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return clean_text(json.dumps(value, ensure_ascii=False, sort_keys=True))
