"""Readers: a partner's file as sheets and chunks of text cells, typed by no one but the contract."""

from __future__ import annotations

from pathlib import Path

from footprints.errors import DeliveryError
from footprints.readers.delimited import open_delimited
from footprints.readers.jsondoc import open_json
from footprints.readers.table import Chunk, Header, OpenFile, RaggedRow, Sheet, find_header
from footprints.readers.workbook import open_workbook

__all__ = ["Chunk", "Header", "OpenFile", "RaggedRow", "Sheet", "detect_format", "find_header", "open_file"]

ZIP_MAGIC = b"PK\x03\x04"
OLE_MAGIC = b"\xd0\xcf\x11\xe0"
BINARY_MAGICS = (
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x1f\x8b",
    b"PAR1",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\x7fELF",
)


def detect_format(path: Path) -> str:
    """`xlsx` (any workbook), `json` or `csv`, by content and not by extension.

    Raises DeliveryError for an empty file and for one that is none of these.
    """
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip():
        raise DeliveryError("file.empty")
    if start.startswith((ZIP_MAGIC, OLE_MAGIC)):
        return "xlsx"
    if start.startswith(BINARY_MAGICS):
        raise DeliveryError("file.format_unknown")
    text = start.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")  # byte order marks, and the zeros of UTF-16
    return "json" if text[:1] in (b"{", b"[") else "csv"


def open_file(
    path: Path, max_unpacked_bytes: int, *, encoding: str | None = None, delimiter: str | None = None
) -> OpenFile:
    """Opens a partner's file, whatever it is.

    Raises DeliveryError where it cannot be read.
    """
    form = detect_format(path)
    if form == "xlsx":
        return open_workbook(path, max_unpacked_bytes)
    if form == "json":
        return open_json(path, max_unpacked_bytes)
    return open_delimited(path, encoding, delimiter)
