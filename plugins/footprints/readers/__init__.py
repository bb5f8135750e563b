"""Readers: a partner's file as sheets and chunks of text cells, typed by no one but the contract."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from footprints.errors import DeliveryError
from footprints.readers import archive
from footprints.readers.delimited import open_delimited
from footprints.readers.formats import Format, detect_format
from footprints.readers.jsondoc import open_json
from footprints.readers.parquet import open_parquet
from footprints.readers.table import Chunk, Header, OpenFile, RaggedRow, Sheet, find_header
from footprints.readers.workbook import open_workbook

__all__ = ["Chunk", "Header", "OpenFile", "RaggedRow", "Sheet", "detect_format", "find_header", "open_file"]

NOTHING_TO_READ = ("file.empty", "file.format_unknown", "file.no_table")
"""What a file in an archive may be without holding up the others: a note to read, a picture, an empty sheet."""


def open_file(
    path: Path,
    max_unpacked_bytes: int,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
) -> OpenFile:
    """Opens a partner's file, whatever it is; `encoding`, `delimiter` and `quote` override the detection for text.

    A ZIP's files are each opened like a file of its own. Raises DeliveryError where it cannot be read, or would take
    more than `max_unpacked_bytes` of memory (of disk where it is packed; see `archive.room`).
    """
    form = detect_format(path)
    text = {"encoding": encoding, "delimiter": delimiter, "quote": quote}
    if form == "gzip":
        folder = archive.Folder()
        inner = folder.path / "member"
        archive.gunzip(path, inner, archive.room(path, max_unpacked_bytes))
        if detect_format(inner) in ("zip", "gzip"):
            raise DeliveryError("archive.nested", file="gzip")
        return folder.held_by(_alone(_open_plain(inner, detect_format(inner), max_unpacked_bytes, text)))
    if form == "zip":
        return _open_zip(path, max_unpacked_bytes, text)
    return _open_plain(path, form, max_unpacked_bytes, text)


def _open_plain(path: Path, form: Format, max_unpacked_bytes: int, text: dict[str, str | None]) -> OpenFile:
    if form == "xlsx":
        return open_workbook(path, max_unpacked_bytes)
    if form == "json":
        return open_json(path, max_unpacked_bytes)
    if form == "parquet":
        return open_parquet(path, max_unpacked_bytes)
    return open_delimited(path, **text)


def _alone(opened: OpenFile) -> OpenFile:
    """A file that was packed by itself, as if it had been sent so."""
    sheets = [replace(sheet, format=opened.format) for sheet in opened.sheets]
    return replace(opened, format="zip", sheets=sheets)


def _open_zip(path: Path, max_unpacked_bytes: int, text: dict[str, str | None]) -> OpenFile:
    """The files of a ZIP: one alone is read as if it had been sent so; of several each sheet knows its file."""
    infos = archive.members(path, archive.room(path, max_unpacked_bytes))
    infos = [info for info in infos if not archive.is_junk(info.filename)]
    folder = archive.Folder()
    opened: list[tuple[str, OpenFile]] = []
    unread: list[str] = []
    for number, info in enumerate(infos):
        inner = folder.path / str(number)
        try:
            archive.extract(path, info, inner)
            form = detect_format(inner)
            if form in ("zip", "gzip"):
                raise DeliveryError("archive.nested", file=info.filename)
            opened.append((info.filename, _open_plain(inner, form, max_unpacked_bytes, text)))
        except DeliveryError as error:
            if len(infos) == 1 or error.rule.startswith("archive."):
                raise
            if error.rule not in NOTHING_TO_READ:
                raise DeliveryError("archive.file_unreadable", file=info.filename) from None
            unread.append(info.filename)
    if not opened:
        raise DeliveryError("file.empty")
    if len(infos) == 1:
        return folder.held_by(_alone(opened[0][1]))
    sheets = [
        replace(sheet, name=sheet.name or Path(archive.label(name)).stem, member=name, format=one.format)
        for name, one in opened
        for sheet in one.sheets
    ]
    detected = next((one.detected for _, one in opened if one.detected), {})
    return folder.held_by(OpenFile("zip", sheets, detected, unread=tuple(unread)))
