"""HXL hashtags as names of columns: those of the standard's version 1, and those of its 0.x drafts.

A tag is a name and a set of attributes: `#adm1 +name+en` and `#adm1+en+name` are the same tag. A pattern, as a contract
writes it, is a tag whose attributes must be there; others may be (`#org` finds `#org+es`), but those after a minus.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_NAMES = """
    access activity adm1 adm2 adm3 adm4 adm5 affected beneficiary capacity cause channel contact country crisis currency
    date delivery description event frequency geo group impact indicator inneed item loc meta modality need operations
    org output population reached region respondee sector service severity status subsector targeted value
"""
CORE_NAMES = frozenset(_NAMES.split())
"""Hashtags of HXL 1.1."""
_TAG = re.compile(r"\s*#\s*([a-z][a-z0-9_]*)(?:/([a-z]{2,3}))?((?:\s*\+\s*[a-z0-9_]*)*)\s*", re.IGNORECASE)
_PATTERN = re.compile(r"\s*#\s*([a-z][a-z0-9_]*)((?:\s*[+-]\s*[a-z0-9_]+)*)\s*", re.IGNORECASE)
_BARE = re.compile(r"\s*([a-z][a-z0-9_]*)((?:\s*\+\s*[a-z0-9_]+)*)\s*", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([+-])\s*([a-z0-9_]+)", re.IGNORECASE)
CLOSE = 0.75
"""How alike two tags must be for one to be taken for a slip of the other (difflib's ratio)."""


@dataclass(frozen=True)
class Tag:
    """A hashtag: its name without the mark, in lower case, and its attributes."""

    name: str
    attributes: frozenset[str]

    def __str__(self) -> str:
        return f"#{self.name}" + "".join(f"+{attribute}" for attribute in sorted(self.attributes))


def parse(cell: str) -> Tag | None:
    """A cell as a tag; None where it is none. A language after a slash, as 0.x had it, is an attribute."""
    found = _TAG.fullmatch(cell)
    if found is None:
        return None
    attributes = [attribute.lower() for _, attribute in _ATTRIBUTE.findall(found.group(3))]
    return Tag(found.group(1).lower(), frozenset([*attributes, *filter(None, [(found.group(2) or "").lower()])]))


def is_tag_row(cells: Sequence[str]) -> bool:
    """Whether a row is an HXL tag row: at least one tag, and no cell that is neither tag nor blank."""
    filled = [cell for cell in cells if cell.strip()]
    return bool(filled) and all(parse(cell) is not None for cell in filled)


def is_pattern(text: str) -> bool:
    """Whether a contract's name of a column is a pattern of tags."""
    return _PATTERN.fullmatch(text) is not None


def find(pattern: str, cells: Sequence[str]) -> list[int]:
    """The positions of the tags that a pattern finds; where some are just what it says, only those."""
    wanted = _PATTERN.fullmatch(pattern)
    if wanted is None:
        return []
    signed = [(sign, attribute.lower()) for sign, attribute in _ATTRIBUTE.findall(wanted.group(2))]
    needed = frozenset(attribute for sign, attribute in signed if sign == "+")
    barred = frozenset(attribute for sign, attribute in signed if sign == "-")
    hits = [
        (position, tag)
        for position, cell in enumerate(cells)
        if (tag := parse(cell)) is not None
        and tag.name == wanted.group(1).lower()
        and needed <= tag.attributes
        and not barred & tag.attributes
    ]
    exact = [position for position, tag in hits if tag.attributes == needed]
    return exact or [position for position, _ in hits]


def closest(tag: str, among: Iterable[str]) -> str | None:
    """The tag that this one is likely to be a slip of; None where none is close."""
    return next(iter(difflib.get_close_matches(tag.lower(), sorted(among), 1, CLOSE)), None)


def cell_name(position: int, row_number: int) -> str:
    """A cell as a spreadsheet names it: column 27 of row 3 is AA3 (`position` counts from 0)."""
    letters, rest = "", position + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return f"{letters}{row_number}"


def looks_like_tags(cells: Sequence[str]) -> bool:
    """Whether a row was meant as a tag row: half of what it holds are tags, or would be if they began with #."""
    filled = [cell for cell in cells if cell.strip()]
    meant = sum(parse(cell) is not None or _bare(cell) is not None for cell in filled)
    return meant >= 2 and meant * 2 >= len(filled)


def _bare(cell: str) -> str | None:
    """The tag that a cell without # would be: a hashtag of the standard, and attributes."""
    found = _BARE.fullmatch(cell)
    if found is None or found.group(1).lower() not in CORE_NAMES:
        return None
    return str(parse(f"#{cell.strip()}"))


def problems(cells: Sequence[str], row_number: int, wanted: Sequence[str], read: Sequence[str] = ()) -> list[str]:
    """What is wrong with a row meant as a tag row, where these patterns are wanted: cell, tag → the likely one.

    `read` are patterns that are read where they are there: what stands over two columns cannot be.
    Cells that look like no tag at all are named by their place, not shown: they may be data.
    """
    out = []
    missing = [pattern for pattern in wanted if not find(pattern, cells)]
    tags = [(position, cell.strip()) for position, cell in enumerate(cells) if cell.strip()]
    for position, cell in tags:
        place = cell_name(position, row_number)
        if parse(cell) is None:
            meant = _bare(cell)
            out.append(f"{place}: {cell} → {meant}" if meant else f"{place}: ?")
            missing = [pattern for pattern in missing if meant is None or not find(pattern, [meant])]
        elif (meant := _slip(cell, missing)) is not None:
            out.append(f"{place}: {cell} → {meant}")
            missing.remove(meant)
    for pattern in dict.fromkeys([*wanted, *read]):
        places = find(pattern, cells)
        if len(places) > 1:
            out.append(f"{' = '.join(cell_name(position, row_number) for position in places)}: {pattern}")
    return out + [f"? → {pattern}" for pattern in missing]


def _slip(cell: str, missing: Sequence[str]) -> str | None:
    """The missing pattern that a tag was likely meant as: another tag of the standard is itself."""
    tag = parse(cell)
    if tag is None or tag.name in CORE_NAMES:
        return None
    return closest(str(tag), missing)
