"""ZIP and gzip in bounded space: members are unpacked here, against what they declare and against a limit.

What an archive says of its sizes is not believed: each member is inflated, counted, and compared with it. Names of
members are labels for a person and never paths.
"""

from __future__ import annotations

import contextlib
import gzip
import re
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from footprints import scratch
from footprints.errors import DeliveryError
from footprints.readers.table import Chunk, Header, OpenFile, RaggedRow, Reader, Sheet

BLOCK = 2**20
MAX_MEMBERS = 200
ORDINARY_RATIO = 100
"""What tables pack to at best; a bomb packs a thousand times."""
LOCAL_HEADER = 30
"""Bytes of a local file header before its name."""
JUNK = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
"""What Macs and Windows put into archives by themselves."""


def members(path: Path, limit: int, *, max_members: int = MAX_MEMBERS) -> list[zipfile.ZipInfo]:
    """The files in a ZIP, without folders.

    Raises DeliveryError where it is damaged, needs a password, holds more than `max_members` files, or declares more
    than `limit` bytes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, OverflowError):
        raise DeliveryError("file.unreadable", format="ZIP") from None
    if any(info.flag_bits & 0x1 for info in infos):
        raise DeliveryError("file.encrypted", format="ZIP")
    if len(infos) > max_members:
        raise DeliveryError("archive.too_many_files", limit=max_members)
    if sum(info.file_size for info in infos) > limit:
        raise DeliveryError("file.too_large", limit=limit)
    return infos


def blocks(file: IO[bytes], info: zipfile.ZipInfo, form: str = "ZIP") -> Iterator[bytes]:
    """The bytes of a member, block by block.

    Raises DeliveryError as soon as they are more than the member declares, and at the end if they are fewer or others
    (by CRC). The size is counted here because libraries that read workbooks trust the header.
    """
    broken = DeliveryError("file.unreadable", format=form)
    try:
        file.seek(info.header_offset)
        header = file.read(LOCAL_HEADER)
        if len(header) < LOCAL_HEADER or header[:4] != b"PK\x03\x04":
            raise broken
        file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
        packed = _limited(file, info.compress_size)
        unpacked = packed if info.compress_type == zipfile.ZIP_STORED else _inflated(packed)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise broken
        size, crc = 0, 0
        for block in unpacked:
            size += len(block)
            if size > info.file_size:
                raise DeliveryError("archive.size_is_false")
            crc = zlib.crc32(block, crc)
            yield block
        if size != info.file_size:
            raise DeliveryError("archive.size_is_false")
        if crc != info.CRC:
            raise broken
    except (zlib.error, OSError, ValueError):
        raise broken from None


def _limited(file: IO[bytes], n: int) -> Iterator[bytes]:
    while n > 0 and (block := file.read(min(BLOCK, n))):
        n -= len(block)
        yield block


def _inflated(packed: Iterator[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-15)
    for block in packed:
        rest = block
        while rest and not inflate.eof:
            out = inflate.decompress(rest, BLOCK)
            rest = inflate.unconsumed_tail
            if out:
                yield out
    while not inflate.eof and (out := inflate.decompress(inflate.unconsumed_tail, BLOCK)):
        yield out


def extract(path: Path, info: zipfile.ZipInfo, target: Path) -> None:
    """Writes a member to `target`, a path that we chose. Raises DeliveryError as `blocks` does."""
    with path.open("rb") as file, target.open("wb") as out:
        for block in blocks(file, info):
            out.write(block)


def gunzip(path: Path, target: Path, limit: int) -> None:
    """Unpacks gzip to `target`. Raises DeliveryError where it is damaged, or unpacks to more than `limit` bytes."""
    size = 0
    try:
        with gzip.open(path) as file, target.open("wb") as out:
            while block := file.read(BLOCK):
                size += len(block)
                if size > limit:
                    raise DeliveryError("file.too_large", limit=limit)
                out.write(block)
    except (OSError, EOFError, zlib.error):
        raise DeliveryError("file.unreadable", format="gzip") from None


def is_junk(name: str) -> bool:
    """Whether a member is something that an operating system left there."""
    return JUNK.search(name) is not None


def label(name: str) -> str:
    """The name of a member as a label: its last part, without what could lead elsewhere."""
    return re.split(r"[/\\]", name)[-1].strip() or "_"


def room(path: Path, max_unpacked_bytes: int) -> int:
    """How many bytes an archive may unpack to, on disk: more where it is large itself, as no bomb is."""
    return min(10 * max_unpacked_bytes, max(max_unpacked_bytes, ORDINARY_RATIO * path.stat().st_size))


class Folder:
    """A folder for what is unpacked; it goes with the last of the sheets that are read from it."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.path = self._stack.enter_context(scratch.folder())
        weakref.finalize(self, self._stack.close)

    def held_by(self, opened: OpenFile) -> OpenFile:
        """The same file, whose sheets hold this folder."""
        return replace(opened, sheets=[replace(sheet, chunks=self._holding(sheet)) for sheet in opened.sheets])

    def _holding(self, sheet: Sheet) -> Reader:
        def chunks(header: Header, chunk_rows: int, on_ragged: Callable[[RaggedRow], None]) -> Iterator[Chunk]:
            assert self.path.exists()
            for chunk in sheet.chunks(header, chunk_rows, on_ragged):
                yield replace(chunk, sheet=sheet.title)

        return chunks
