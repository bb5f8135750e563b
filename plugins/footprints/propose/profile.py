"""What the cells of a file say of themselves: header row, and for each column its type, form and how it varies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from footprints.contracts import Column, Layout, Match, Read
from footprints.harmonise.folding import fold
from footprints.harmonise.values import UnreadableError, cell_parser
from footprints.readers import Header, OpenFile, RaggedRow, Sheet, find_header
from footprints.readers.hxl import is_tag_row
from footprints.readers.table import HEADER_SEARCH_ROWS, unique_names

SAMPLE_ROWS = 200_000
"""A draft looks at so many rows."""
FEW = 200
"""So many texts say whether a column can be dates at all."""
LONGEST_DATE = 40
KEY_ROWS = 20_000
"""Keys are tried on about so many rows."""
TOTAL = r"(?i)^(?:(?:grand |sub-?|sous-)?totau?x?l?|somme|ensemble|المجموع|الإجمالي)\b"
"""How a row says that it is a total."""
MAX_DISTINCT = 20_000
"""And at so many different texts of a column."""
READABLE = 0.9
"""A column has a type if so large a part of its filled cells can be read as it."""
CODE_VALUES = 60
"""A column of words with at most so many different ones is a code list."""

DATE_FORMATS = (
    "%Y-%m-%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%d/%m/%y",
    "%d-%b-%y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%B %d, %Y",
    "%a, %m/%d/%Y - %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%d/%m/%Y %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "iso",
)
MONTH_FORMATS = ("%Y-%m", "%m/%Y", "%b %Y", "%B %Y", "%b-%y", "%b%Y")
WITHHELD = ("*",)
NULL_WORDS = ("NA", "N/A", "NULL", "null", "NaT", "nan", "-", "n/a", "#N/A")
YEAR = re.compile(r"(?:19|20)\d\d")
MONTH_HEADER = re.compile(
    r"(?:jan|feb|fev|mar|apr|avr|may|mai|jun|juin|jul|juil|aug|aou|sep|oct|nov|dec)[a-z]*[ -]?(?:19|20)?\d\d"
    r"|(?:19|20)\d\d-\d\d"
)
COORDINATES = re.compile(r"\s*-?\d{1,3}(?:\.\d+)?\s*,\s*-?\d{1,3}(?:\.\d+)?\s*")
NEGATIVE = re.compile(r"-(?:1|9|99|999)(?:\.0+)?")


@dataclass(frozen=True, eq=False)
class ColumnProfile:
    """A column of a file: what is filled, how many different texts, the likeliest type and how to read it."""

    header: str
    position: int
    tag: str
    """Its HXL tag, where the file has a row of them."""
    n_rows: int
    n_filled: int
    n_distinct: int
    texts: Mapping[str, int]
    """Different texts and how often each occurs (at most MAX_DISTINCT of them)."""
    type: str
    formats: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str | None = None
    unknown: tuple[str, ...] = ()
    readable: float = 1.0
    """The part of the filled cells that the type can read."""
    withheld: tuple[str, ...] = ()
    """Marks that stand for a withheld small number."""
    is_ambiguous: bool = False
    """Whether its dates can be read with day and month either way."""

    @property
    def is_unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.n_filled == self.n_rows == self.n_distinct


@dataclass(frozen=True)
class SheetProfile:
    """A sheet of a file, its header and columns."""

    sheet: str
    header: Header
    header_row: int
    """From 1; 0 where the first row is data already."""
    n_rows: int
    columns: tuple[ColumnProfile, ...]
    rows: tuple[tuple[str, ...], ...] = field(repr=False, default=())
    """The first rows, to try keys on."""
    total_header: str | None = None
    """The column in which a few rows say that they are totals; they are not among the rows."""


def profile_file(opened: OpenFile, countries: Mapping[str, str]) -> list[SheetProfile]:
    """The tables of a file, that with the most cells first; `countries` is a crosswalk (folded name → code)."""
    found = [profile for sheet in opened.sheets if (profile := profile_sheet(sheet, countries)) is not None]
    return sorted(found, key=lambda p: -p.n_rows * len(p.columns))


def header_row(sheet: Sheet) -> int:
    """The row (from 1) that is likeliest the header: many different words, no numbers, under it a wide table.

    0 where the first row reads like the others, so that the file has none.
    """
    rows = sheet.preview[:HEADER_SEARCH_ROWS]
    width = max((sum(1 for cell in row if cell.strip()) for row in sheet.preview), default=0)
    best, best_score = 0, 0.0
    for number, row in enumerate(rows, start=1):
        cells = [cell.strip() for cell in row if cell.strip()]
        if not cells or len(cells) * 2 < width:
            continue
        words = sum(1 for cell in cells if not _is_value(cell) or is_tag_row([cell]))
        score = (len(cells) / width) * (words / len(cells)) * (len(set(cells)) / len(cells)) - 0.01 * number
        if words * 10 >= len(cells) * 8 and score > best_score:
            best, best_score = number, score
            if is_tag_row(cells) and number > 1 and any(cell.strip() for cell in rows[number - 2]):
                best = number - 1
    return best


def _is_value(cell: str) -> bool:
    """Whether a cell reads like data: a number, a date, a link. A year or a month may head a column of its own."""
    if YEAR.fullmatch(cell) or MONTH_HEADER.fullmatch(fold(cell)):
        return False
    digits = sum(c.isdigit() for c in cell)
    return digits * 2 > len(cell) or "://" in cell or "@" in cell


def profile_sheet(sheet: Sheet, countries: Mapping[str, str]) -> SheetProfile | None:
    """The profile of a sheet; None for one without a table."""
    row = header_row(sheet) if sheet.preview else 0
    read = Read(header_row=row or "none")
    if not sheet.preview:
        return None
    tags: tuple[str, ...] = ()
    if row:
        names = unique_names(sheet.preview[row - 1])
        if row < len(sheet.preview) and is_tag_row(sheet.preview[row]):
            tags = tuple(cell.strip() for cell in sheet.preview[row])
        elif is_tag_row(sheet.preview[row - 1]):
            tags = names
    header = find_header(sheet, Layout("any", Match(), read, "incident", "upsert", (), (), {}))
    if header is None:
        return None
    counted = _counted(sheet, header)
    if counted.n_rows == 0:
        return None
    profiles = tuple(
        profile_column(name, i, tags[i] if i < len(tags) else "", counter, counted.n_rows, countries)
        for i, (name, counter) in enumerate(zip(header.names, counted.texts, strict=True))
    )
    return SheetProfile(sheet.name, header, row, counted.n_rows, profiles, tuple(counted.first), counted.total_header)


@dataclass
class _Counted:
    """The different texts of each column with how often each occurs; the first rows; where totals say that they are."""

    texts: list[Counter[str]]
    first: list[tuple[str, ...]] = field(default_factory=list)
    n_rows: int = 0
    total_header: str | None = None


def _counted(sheet: Sheet, header: Header) -> _Counted:
    counted = _Counted([Counter() for _ in header.names])

    def ignore(row: RaggedRow) -> None:
        """A draft is of the rows that fit; the check of it tells of the others."""

    for chunk in sheet.chunks(header, 50_000, ignore):
        table = pa.table([pc.utf8_trim_whitespace(chunk.columns[name]) for name in header.names], list(header.names))
        for name in header.names[:3]:
            total = pc.fill_null(pc.match_substring_regex(table[name], TOTAL), False)
            if (n := pc.sum(total).as_py() or 0) and n <= 5:
                counted.total_header = counted.total_header or name
                table = table.filter(pc.invert(total))
        counted.n_rows += table.num_rows
        for counter, column in zip(counted.texts, table.columns, strict=True):
            if len(counter) < MAX_DISTINCT:
                for entry in pc.value_counts(column).to_pylist():
                    counter[entry["values"] or ""] += entry["counts"]
        if len(counted.first) < KEY_ROWS:
            counted.first.extend(zip(*(column.to_pylist() for column in table.columns), strict=True))
        if counted.n_rows >= SAMPLE_ROWS:
            break
    return counted


def profile_column(
    header: str, position: int, tag: str, texts: Mapping[str, int], n_rows: int, countries: Mapping[str, str]
) -> ColumnProfile:
    """The profile of one column from its different texts (with how often each occurs)."""
    withheld = tuple(mark for mark in WITHHELD if mark in texts)
    filled = {text: n for text, n in texts.items() if text and text not in NULL_WORDS and text not in withheld}
    n_filled = sum(filled.values())

    def made(kind: str, **more: object) -> ColumnProfile:
        counted = kind in ("integer", "number", "year")
        return ColumnProfile(
            header,
            position,
            tag,
            n_rows,
            n_filled,
            len(filled),
            filled,
            kind,
            withheld=withheld if counted else (),
            **more,  # type: ignore[arg-type]
        )

    def share(column: Column) -> float:
        return _readable(filled, column, countries)

    if not filled:
        return made("text")
    if max(map(len, filled)) > 500:
        return made("text")
    if (part := share(Column("x", type="country"))) >= READABLE and any(c.isalpha() for c in "".join(filled)):
        return made("country", readable=part)
    if all(YEAR.fullmatch(text) for text in filled):
        return made("year")
    if (number := _number_form(filled, countries)) is not None:
        return made(**number)
    if (part := sum(n for t, n in filled.items() if COORDINATES.fullmatch(t)) / n_filled) >= READABLE:
        return made("coordinates", readable=part)
    for kind, formats in (("date", DATE_FORMATS), ("month", MONTH_FORMATS)):
        chosen, part, ambiguous = _formats(filled, kind, formats, countries)
        if part >= READABLE:
            has_time = kind == "date" and any(":" in text for text in filled)
            return made("datetime" if has_time else kind, formats=chosen, readable=part, is_ambiguous=ambiguous)
    if len(filled) <= CODE_VALUES and len(filled) * 3 <= n_filled and max(map(len, filled)) <= 80:
        return made("code")
    return made("text")


def _number_form(filled: Mapping[str, int], countries: Mapping[str, str]) -> dict[str, Any] | None:
    """How cells are read as numbers: type, decimal sign, thousands mark, marks for unknown; None if they are not."""
    for decimal, thousands in ((".", None), (".", ","), (",", None), (",", "."), (".", " ")):
        form: dict[str, Any] = {"decimal": decimal, "thousands": thousands}
        if thousands and not all(_is_grouped(text, thousands, decimal) for text in filled if thousands in text):
            continue
        if (part := _readable(filled, Column("x", type="integer", **form), countries)) >= READABLE:
            is_identifier = any(len(text) > 1 and text.startswith("0") for text in filled)
            unknown = tuple(sorted({text for text in filled if NEGATIVE.fullmatch(text)}))
            few = sum(filled[text] for text in unknown) * 20 <= sum(filled.values())
            clear = few and all(not text.startswith("-") or text in unknown for text in filled)
            return {
                "kind": "identifier" if is_identifier else "integer",
                "readable": part,
                "thousands": thousands if any(not text.lstrip("-").isdigit() for text in filled) else None,
                "unknown": unknown if clear else (),
            }
        if (part := _readable(filled, Column("x", type="number", **form), countries)) >= READABLE:
            return {"kind": "number", "readable": part, **form}
    return None


def _is_grouped(text: str, thousands: str, decimal: str) -> bool:
    """Whether the marks part groups of three digits: 1,250 is a number so, 01.01.2000 is none."""
    whole = text.lstrip("+-").split(decimal)[0]
    first, *groups = whole.split(thousands)
    return 1 <= len(first) <= 3 and all(len(group) == 3 for group in groups)


def _readable(filled: Mapping[str, int], column: Column, countries: Mapping[str, str]) -> float:
    parse = cell_parser(column, countries)
    total = sum(filled.values())
    read = 0
    missed = 0
    for text, n in filled.items():
        try:
            parse(text)
            read += n
        except (UnreadableError, ValueError, OverflowError):
            missed += n
            if missed > total * (1 - READABLE) + 1:
                return 0.0
    return read / total


def _formats(
    filled: Mapping[str, int], kind: str, formats: tuple[str, ...], countries: Mapping[str, str]
) -> tuple[tuple[str, ...], float, bool]:
    """The fewest formats that read what any of them reads; the share they read; whether day and month are unclear."""
    few = dict(list(filled.items())[:FEW])
    if len(few) < len(filled) and _formats(few, kind, formats, countries)[1] < READABLE - 0.1:
        return (), 0.0, False
    total = sum(filled.values())
    reads: dict[str, set[str]] = {}
    for form in formats:
        parse = cell_parser(Column("x", type=kind, formats=(form,)), countries)
        reads[form] = set()
        for text in filled:
            if len(text) > LONGEST_DATE:
                continue
            try:
                parse(text)
                reads[form].add(text)
            except (UnreadableError, ValueError, OverflowError):
                continue
    chosen: list[str] = []
    rest = set(filled)
    while rest:
        best = max(formats, key=lambda f: sum(filled[t] for t in reads[f] & rest))
        gain = reads[best] & rest
        if sum(filled[t] for t in gain) < max(1, total * 0.005):
            break
        chosen.append(best)
        rest -= gain
    either = reads.get("%d/%m/%Y", set()) & reads.get("%m/%d/%Y", set())
    ambiguous = bool(chosen) and chosen[0] in ("%d/%m/%Y", "%m/%d/%Y") and len(either) == len(reads[chosen[0]])
    return tuple(chosen), sum(filled[t] for t in set(filled) - rest) / total, ambiguous


def words(profile: ColumnProfile) -> list[str]:
    """The header (and the HXL tag) as plain words, to compare with `expectations/headers.csv`."""
    found = [profile.header]
    if profile.tag and profile.tag != profile.header:
        found.append(profile.tag)
    return [plain_words(text) for text in found]


def plain_words(header: str) -> str:
    """A header as folded words: `Number_of_survivors` → `number of survivors`, `#geo+lat` → `geo lat`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header)
    return re.sub(r"\s+", " ", re.sub(r"[_#+|.:;()\[\]\-]+", " ", fold(spaced))).strip()
