"""Which words of a header mean which column of ours: `expectations/headers.csv`, and the contracts that there are."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from footprints.contracts import Contract
from footprints.errors import ContractError
from footprints.harmonise.folding import fold
from footprints.harmonise.identifiers import holds_identifier, is_header_of_identifiers
from footprints.propose.profile import ColumnProfile, plain_words, words
from footprints.warehouse.tables import TABLES

DATES = ("date", "datetime", "month")
NUMBERS = ("integer", "number")

PERSON = re.compile(r"\b(?:enumerator|enum|enqueteur|enqueteuse|interviewer|surveyor|agent|collector)\b|باحث")
"""Words for who asked: hashed, because checks compare one with another."""
LONG = 500
"""Of a text, so many characters are looked at."""
TELLING = 0.1
"""A column tells of persons where so large a part of its cells do."""


@dataclass(frozen=True)
class Entry:
    """A column of ours and a pattern over the plain words of a header."""

    table: str
    target: str
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Lexicon:
    """Patterns, and headers that contracts name: (table, words) → targets."""

    entries: tuple[Entry, ...]
    learned: Mapping[tuple[str, str], set[str]]


def load_lexicon(path: Path, contracts: Iterable[Contract] = ()) -> Lexicon:
    """The lexicon of `expectations/headers.csv` and of these contracts.

    Raises ContractError where the file names a table that is none, or a pattern that cannot be read.
    """
    entries = []
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                pattern = re.compile(row["pattern"])
            except re.error as error:
                raise ContractError(f"{path}, line {number}: {error}") from None
            known = row["table"] in TABLES
            if not known or not (row["target"].startswith("_") or row["target"] in TABLES[row["table"]].columns):
                raise ContractError(f"{path}, line {number}: there is no core.{row['table']}.{row['target']}")
            entries.append(Entry(row["table"], row["target"], pattern))
    learned: dict[tuple[str, str], set[str]] = {}
    for contract in contracts:
        for layout in contract.layouts:
            for column in layout.columns:
                for header in (*column.source, *column.any_of):
                    learned.setdefault((layout.table, plain_words(header)), set()).add(column.target)
    return Lexicon(tuple(entries), learned)


def why_sensitive(profile: ColumnProfile) -> str | None:
    """Why a column may tell of a person, in words; None where nothing says so. Never names a cell."""
    if is_header_of_identifiers(profile.header) and not is_unsure(profile):
        return "its header is one of names, numbers or places of persons"
    if not profile.n_filled or profile.type in (*DATES, "year", "country", "coordinates"):
        return None
    telling = sum(n for text, n in profile.texts.items() if holds_identifier(text[:LONG]))
    if telling >= TELLING * profile.n_filled:
        return "its cells look like e-mail addresses, telephone or device numbers, or exact positions"
    return None


def is_unsure(profile: ColumnProfile) -> bool:
    """Whether a header tells of a person in an interview, and of an event or a place elsewhere."""
    return fold(profile.header) in ("latitude", "longitude", "lat", "lon", "long", "name", "names", "nom", "noms")


def is_person(profile: ColumnProfile) -> bool:
    """Whether a column says who asked."""
    return any(PERSON.search(text) for text in words(profile))


def score(profile: ColumnProfile, entry: Entry, lexicon: Lexicon) -> float:
    """How well a column fits one of ours: 3 where a contract says so, 2 for a whole match of the pattern.

    Between 1 and 2 where a part of the header matches, 0 where header or type do not fit.
    """
    if not fits(profile, entry.table, entry.target):
        return 0.0
    best = 0.0
    for text in words(profile):
        if any(_same(learned, entry.target, entry.table) for learned in lexicon.learned.get((entry.table, text), ())):
            return 3.0
        if found := entry.pattern.search(text):
            best = max(best, 1 + len(found.group()) / max(1, len(text)))
    return best


def _same(learned: str, target: str, table: str) -> bool:
    """Whether a contract's target is this one, or the code of it."""
    return learned == target or learned == PAIRS.get(table, {}).get(target, ("",))[0]


def fits(profile: ColumnProfile, table: str, target: str) -> bool:
    """Whether a column's cells can be what a column of ours holds."""
    kind = profile.type
    if not profile.n_filled:
        return False
    if target == "_coordinates":
        return kind == "coordinates"
    if target.startswith("_"):
        return True
    postgres = TABLES[table].columns[target]
    if postgres in ("date", "timestamptz"):
        return kind in DATES or (postgres == "date" and kind == "year")
    if target == "year":
        return kind == "year"
    if postgres in ("integer", "smallint"):
        return kind in ("integer", "year")
    if postgres == "double":
        return kind in NUMBERS
    if target in ("provider_origin", "provider_asylum", "provider_country", "provider_destination") or target.endswith(
        "country_code"
    ):
        return kind in ("country", "code", "text")
    return kind not in NUMBERS or target.endswith(("_id", "_code"))


PAIRS: dict[str, dict[str, tuple[str, str]]] = {
    "incident": {
        "provider_country": ("country_code", "country"),
        "provider_region": ("region_code", "regions"),
        "provider_route": ("route_code", "routes"),
        "provider_origin": ("origin_code", "country"),
        "provider_cause": ("cause_code", "causes"),
    },
    "population": {"provider_origin": ("origin_code", "country"), "provider_asylum": ("asylum_code", "country")},
    "asylum_application": {
        "provider_origin": ("origin_code", "country"),
        "provider_asylum": ("asylum_code", "country"),
    },
    "flow": {
        "provider_origin": ("origin_code", "country"),
        "provider_destination": ("destination_code", "country"),
        "provider_route": ("route_code", "routes"),
    },
    "displacement": {"provider_origin": ("origin_code", "country"), "provider_reason": ("reason_code", "reasons")},
    "data_collection": {"provider_country": ("country_codes", "country_list")},
}
"""The partner's wording, the code beside it, and how the code is read: a country, or a map of the name."""

CODE_MAPS = {
    "border_type_code": "border_types",
    "procedure_code": "procedures",
    "application_type_code": "application_types",
    "decision_level_code": "decision_levels",
    "unit_code": "units",
    "sex_code": "sexes",
}
"""Columns of ours that are codes without a wording beside, and the map that gives them."""
DOMAINS = {
    "regions": "region",
    "routes": "route",
    "causes": "cause",
    "reasons": "reason",
    "border_types": "border_type",
    "procedures": "procedure",
    "application_types": "application_type",
    "decision_levels": "decision_level",
    "units": "unit",
    "sexes": "sex",
}
"""The list of `expectations/codes.csv` behind each map."""
