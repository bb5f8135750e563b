"""Which encoding a text is in: by byte order mark, by the zeros of UTF-16, as UTF-8, else by which letters come out."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = 4 * 2**20
SAMPLE = 2**20
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LATIN = ("cp1252", "mac_roman", "cp850")
"""Western encodings in the order of preference: Excel on Windows, on old Macs, "CSV (MS-DOS)"."""
ARABIC = ("cp1256", "iso8859_6")
COMMON = {**dict.fromkeys("éèêëàâçîïôöùûüœáíóúñãõäßåæø’«»", 2), **dict.fromkeys("ÉÈÊÀÂÇÎÔÖÜÁÍÓÚÑÄŒ", 1)}
"""Letters of French, Spanish, Portuguese and German beside ASCII letters, by how often they are met there."""
RUN = re.compile(rb"[\x80-\xff]{2,}")
ARTICLE = "ال"
WELL_FORMED = 20
"""A text with so many times more letters in good UTF-8 than broken ones is UTF-8 with faults."""


@dataclass(frozen=True)
class Look:
    """What a look at all bytes of a text gave: its encoding, and how often each quote is in it.

    `has_zeros`: it holds zero bytes; `is_plain`: it is UTF-8 without a fault, a mark or a zero byte.
    """

    encoding: str
    has_zeros: bool
    is_plain: bool
    n_quotes: dict[str, int]


def look(path: Path, encoding: str | None = None) -> Look:
    """Reads all of a file once, in blocks. `encoding`, where it is given, is believed."""
    with path.open("rb") as file:
        start = file.read(4096)
        known = encoding or _by_mark(start) or by_zeros(start)
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        is_utf8, has_zeros, n_double, n_single, place, fault = True, False, 0, 0, 0, 0
        while block := file.read(BLOCK):
            has_zeros = has_zeros or b"\0" in block
            n_double += block.count(b'"')
            n_single += block.count(b"'")
            if is_utf8 and known is None:
                try:
                    decoder.decode(block)
                except UnicodeDecodeError as error:
                    is_utf8, fault = False, max(0, place + error.start - SAMPLE // 2)
            place += len(block)
        if is_utf8 and known is None:
            try:
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                is_utf8, fault = False, max(0, place - SAMPLE)
        if not is_utf8:
            file.seek(fault)
            known = _by_letters(file.read(SAMPLE))
    is_wide = (known or "").replace("_", "-").lower().startswith(("utf-16", "utf-32"))
    quotes = {} if is_wide else {'"': n_double, "'": n_single}
    return Look(known or "utf-8", has_zeros and not is_wide, known is None and not has_zeros, quotes)


def _by_mark(start: bytes) -> str | None:
    return next((name for mark, name in BOMS if start.startswith(mark)), None)


def by_zeros(start: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of Western letters, digits and separators is 0, of Arabic ones 6."""
    half = len(start) // 2
    even, odd = (part.count(0) + part.count(6) for part in (start[0::2], start[1::2]))
    if half >= 4 and odd > 0.8 * half and even < 0.2 * half:
        return "utf-16-le"
    if half >= 4 and even > 0.8 * half and odd < 0.2 * half:
        return "utf-16-be"
    return None


def _by_letters(data: bytes) -> str:
    """The encoding under which the bytes beyond ASCII are the letters that people write."""
    text = data.decode("utf-8", "replace")
    n_broken = text.count("\ufffd")
    if sum(character > "\x7f" for character in text) - n_broken > WELL_FORMED * n_broken:
        return "utf-8"
    n_high = sum(byte >= 0x80 for byte in data)
    n_in_runs = sum(len(run) for run in RUN.findall(data) if len(run) > 2)
    if n_in_runs > 0.5 * n_high:  # whole words beyond ASCII: another script
        scores = {name: _arabic_score(data, name) for name in ARABIC}
        best = max(scores, key=lambda name: scores[name])
        if scores[best] > 0.5:
            return best
    scores = {name: _latin_score(data, name) for name in LATIN}
    return max(LATIN, key=lambda name: scores[name])


def _arabic_score(data: bytes, encoding: str) -> float:
    """The share of Arabic letters among what is not ASCII, and of the article among pairs."""
    text = data.decode(encoding, "replace")
    beyond = [character for character in text if character > "\x7f"]
    letters = sum("\u0621" <= character <= "\u0652" for character in beyond)
    return letters / max(1, len(beyond)) + text.count(ARTICLE) / max(1, len(beyond)) * 2


def _latin_score(data: bytes, encoding: str) -> int:
    text = data.decode(encoding, "replace")
    return sum(score for a, b, c in _with_neighbours(text) if (score := COMMON.get(b, 0)) and (_ascii(a) or _ascii(c)))


def _with_neighbours(text: str) -> Iterator[tuple[str, str, str]]:
    for found in re.finditer(r"[^\x00-\x7f]", text):
        i = found.start()
        yield text[i - 1 : i], text[i], text[i + 1 : i + 2]


def _ascii(character: str) -> bool:
    return character.isascii() and character.isalpha()
