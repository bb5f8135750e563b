"""Which words of a header mean which column of ours: `expectations/headers.csv`, and the contracts that there are."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from footprints.contracts import Contract
from footprints.errors import ContractError
from footprints.propose.profile import ColumnProfile, plain_words, words
from footprints.warehouse.tables import TABLES

DATES = ("date", "datetime", "month")
NUMBERS = ("integer", "number")

SENSITIVE = re.compile(
    r"\b(?:phone|telephone|tel|mobile|gsm|whatsapp|e ?mail|courriel|imei|device ?id|subscriber ?id|sim ?serial|sim ?id"
    r"|username|first ?name|last ?name|surname|full ?name|family ?name|respondent ?name|nom (?:de famille|du repondant)"
    r"|prenom|passport|passeport|id ?card|national ?id|case ?(?:no|number)|individual ?id|proges|gps|geopoint"
    r"|address|adresse|birth|naissance|fingerprint|signature|photo)\b"
    r"|phone ?number|case ?no|هاتف|الاسم|جواز|بريد"
)
"""Words of headers that speak of a person who can be found by the cell."""
PERSON = re.compile(r"\b(?:enumerator|enum|enqueteur|enqueteuse|interviewer|surveyor|agent|collector)\b|باحث")
"""Words for who asked: hashed, because checks compare one with another."""
E_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]{2,}", re.IGNORECASE)
PHONE = re.compile(r"\+?[\d\s().-]{9,20}")
IMEI = re.compile(r"\d{15}")


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
    for text in words(profile):
        if found := SENSITIVE.search(text):
            return f"its header says {found.group()!r}"
    if not profile.n_filled or profile.type in DATES or profile.type in ("year", "country", "coordinates"):
        return None
    for pattern, what in ((E_MAIL, "e-mail addresses"), (IMEI, "device numbers (IMEI)"), (PHONE, "telephone numbers")):
        if pattern is E_MAIL:
            hits = sum(n for text, n in profile.texts.items() if pattern.search(text))
        else:
            hits = sum(n for text, n in profile.texts.items() if pattern.fullmatch(text) and _is_dialled(text, profile))
        if hits * 10 >= profile.n_filled * (1 if pattern is E_MAIL else 8):
            return f"its cells look like {what}"
    return None


def _is_dialled(text: str, profile: ColumnProfile) -> bool:
    """Whether a text has the digits of a telephone or a device; a number that one counts with begins otherwise."""
    n_digits = sum(map(str.isdigit, text))
    return n_digits >= 9 and (profile.type not in NUMBERS or n_digits == 15 or text.startswith(("+", "00")))


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
