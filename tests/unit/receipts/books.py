"""Old and odd workbooks for tests, written byte by byte: nothing that we use writes XLS or ODS."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

SECTOR = 512
MANIFEST = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'


def write_ods(path: Path, rows: Sequence[Sequence[str]], sheet: str = "Sheet1") -> Path:
    """A workbook of OpenDocument with one sheet of text."""
    cells = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{escape(cell)}</text:p></table:table-cell>'
            if cell
            else "<table:table-cell/>"
            for cell in row
        )
        + "</table:table-row>"
        for row in rows
    )
    names = " ".join(
        f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for prefix, name in (("office", "office"), ("table", "table"), ("text", "text"))
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {names}><office:body><office:spreadsheet>'
        f'<table:table table:name="{sheet}">{cells}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr("content.xml", content)
    return path


def write_xls(path: Path, rows: Sequence[Sequence[str]], sheet: str = "Sheet1") -> Path:
    """A workbook of Excel 97 (BIFF8 in a compound file) with one sheet of text."""
    begin = _record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))
    name = struct.pack("<BB", len(sheet), 0) + sheet.encode("latin-1")
    head = len(begin) + len(_record(0x85, b"\0" * 6 + name)) + 4
    globals_ = begin + _record(0x85, struct.pack("<IH", head, 0) + name) + _record(0x0A, b"")
    page = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0))
    for number, row in enumerate(rows):
        for position, cell in enumerate(row):
            if cell:
                text = struct.pack("<HB", len(cell), 1) + cell.encode("utf-16-le")
                page += _record(0x204, struct.pack("<HHH", number, position, 0) + text)
    stream = globals_ + page + _record(0x0A, b"")
    path.write_bytes(_compound(stream))
    return path


def _record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _compound(stream: bytes) -> bytes:
    """A compound file that holds one stream, `Workbook`: FAT in sector 0, directory in 1, the stream after them."""
    size = max(len(stream), 4096)  # a smaller stream would stand elsewhere
    n = -(-size // SECTOR)
    assert n + 2 <= SECTOR // 4
    fat = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, n + 2), 0xFFFFFFFE]
    header = struct.pack(
        "<8s16sHHHHH6xIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"",
        0x3E,
        3,
        0xFFFE,
        9,
        6,
        0,
        1,
        1,
        0,
        4096,
        0xFFFFFFFE,
        0,
        0xFFFFFFFE,
        0,
    )
    header += struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    directory = _entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + _entry("Workbook", 2, 0xFFFFFFFF, 2, size)
    sectors = struct.pack(f"<{len(fat)}I", *fat).ljust(SECTOR, b"\xff")
    return header + sectors + directory.ljust(SECTOR, b"\0") + stream.ljust(n * SECTOR, b"\0")


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = (name + "\0").encode("utf-16-le")
    none = 0xFFFFFFFF
    return struct.pack("<64sHBBIII16sIQQIQ", text, len(text), kind, 1, none, none, child, b"", 0, 0, 0, start, size)
