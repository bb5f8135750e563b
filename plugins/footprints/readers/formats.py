"""What a file is, by its content and never by its name; and what to do where it is no table."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Literal

from footprints.errors import DeliveryError
from footprints.readers import encodings

Format = Literal["xlsx", "json", "csv", "parquet", "zip", "gzip"]

ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OTHER_ARCHIVES = {
    b"Rar!": "RAR", b"7z\xbc\xaf": "7z", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\x1f\x9d": "compress", b"MSCF": "CAB",
}  # fmt: skip
NO_TABLES = {
    b"%PDF": "PDF", b"{\\rtf": "RTF", b"%!PS": "PostScript", b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF",
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"BM": "BMP", b"RIFF": "RIFF", b"ID3": "MP3", b"OggS": "Ogg",
    b"\x7fELF": "ELF", b"MZ": "EXE", b"SQLite format 3\0": "SQLite", b"\0\x01\0\0Standard": "Access",
    b"$FL2": "SPSS", b"$FL3": "SPSS", b"<stata_dta>": "Stata", b"\0\0'\n": "Shapefile", b"RDX": "R", b"RDA": "R",
    b"\x80\x04\x95": "pickle", b"\x80\x05\x95": "pickle", b"\x89HDF": "HDF5", b"ARROW1": "Arrow",
}  # fmt: skip
"""First bytes of what partners send by mistake. Two letters alone (BM, MZ) may begin a CSV: then zeros must follow."""
MARKUP = {b"<!doctype html": "HTML", b"<html": "HTML", b"<?xml": "XML", b"<kml": "KML", b"<svg": "SVG"}
OLE_STREAMS = {"EncryptedPackage": None, "WordDocument": "Word", "PowerPoint Document": "PowerPoint"}
BLANK = b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"
"""Byte order marks, and the zeros of UTF-16, which may stand before the first letter."""
JSON = re.compile(rb'(\{\s*(["}]|$))|(\[\s*([{\[\]"\-0-9]|true|false|null|NaN|Infinity|$))')
"""How a document begins. A header may begin with a bracket too: `[id],[name]`."""
WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
MAX_CONTROL = 0.05
"""A text has fewer control characters than this share of its first bytes."""


def detect_format(path: Path) -> Format:
    """The format of a file: `xlsx` stands for any workbook, `csv` for any text that is not JSON.

    Raises DeliveryError for an empty file and for one that holds no table, naming what it is.
    """
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip(BLANK):
        raise DeliveryError("file.empty")
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"PARE"):
        raise DeliveryError("file.encrypted", format="Parquet")
    if start.startswith(b"\x1f\x8b"):
        return "gzip"
    if start.startswith(ZIP_STARTS):
        return _in_zip(path, start)
    if start.startswith(OLE):
        return _in_ole(path)
    _refuse_others(start)
    return "json" if JSON.match(start.replace(b"\0", b"").lstrip(BLANK)) else "csv"


def _refuse_others(start: bytes) -> None:
    for magic, name in OTHER_ARCHIVES.items():
        if start.startswith(magic):
            raise DeliveryError("archive.other", format=name)
    if start[257:262] == b"ustar":
        raise DeliveryError("archive.other", format="tar")
    for magic, name in NO_TABLES.items():
        if start.startswith(magic) and (len(magic) > 3 or b"\0" in start[:64]):
            raise DeliveryError("file.no_table", format=name)
    if start[4:8] == b"ftyp":
        raise DeliveryError("file.no_table", format="MP4")
    head = start.replace(b"\0", b"").lstrip(BLANK)[:64].lower()
    for magic, name in MARKUP.items():
        if head.startswith(magic):
            raise DeliveryError("file.no_table", format=name)
    if _is_binary(start):
        raise DeliveryError("file.format_unknown")


def _is_binary(start: bytes) -> bool:
    """Whether these are no letters: many control characters, where it is not UTF-16 or UTF-32."""
    if start.startswith(WIDE_MARKS) or encodings.by_zeros(start) is not None:
        return False
    control = sum(byte < 0x20 and byte not in b"\t\n\v\f\r\x1a\x1b\x1e\x1f" for byte in start)
    return control > max(2, MAX_CONTROL * len(start))


def _in_zip(path: Path, start: bytes) -> Format:
    """A workbook, another document of an office suite, or an archive of files."""
    try:
        with zipfile.ZipFile(path) as opened:
            names = {name.lower() for name in opened.namelist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, OverflowError):
        form = "Excel" if b"[Content_Types].xml" in start or b"xl/" in start else "ZIP"
        raise DeliveryError("file.unreadable", format=form) from None
    tops = {name.split("/", 1)[0] for name in names if "/" in name}
    if "mimetype" in names:
        with path.open("rb") as file:
            if b"opendocument.spreadsheet" in file.read(512):
                return "xlsx"
        raise DeliveryError("file.no_table", format="OpenDocument" if "content.xml" in names else "EPUB")
    if "[content_types].xml" in names:
        for top, name in (("word", "Word"), ("ppt", "PowerPoint"), ("visio", "Visio")):
            if top in tops and "xl" not in tops:
                raise DeliveryError("file.no_table", format=name)
        return "xlsx"
    if any(name.endswith(".iwa") for name in names):
        raise DeliveryError("file.no_table", format="Apple Numbers")
    if "doc.kml" in names:
        raise DeliveryError("file.no_table", format="KMZ")
    if not names:
        raise DeliveryError("file.empty")
    return "zip"


def _in_ole(path: Path) -> Format:
    """An old workbook, an encrypted new one, or another document of those days, by the names of its streams."""
    with path.open("rb") as file:
        raw = file.read(64 * 2**20)
    for stream, name in OLE_STREAMS.items():
        if stream.encode("utf-16-le") in raw:
            if name is None:
                raise DeliveryError("file.encrypted", format="Excel")
            if "Workbook".encode("utf-16-le") not in raw:
                raise DeliveryError("file.no_table", format=name)
    return "xlsx"
