"""Countries: the reference list (ISO 3166-1, the field's pseudo-codes) and the crosswalk from what partners write."""

from __future__ import annotations

import csv
import gettext
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pycountry

from footprints.errors import ContractError
from footprints.harmonise.folding import fold


@dataclass(frozen=True)
class Country:
    """A row of `core.country`; `country_code` is ISO 3166-1 alpha-3, or a pseudo-code where `is_country` is false."""

    country_code: str
    iso2_code: str | None
    m49_code: str | None
    name_en: str
    name_fr: str | None
    name_ar: str | None
    is_country: bool


PSEUDO = (
    Country("UKN", None, None, "Various or unknown", "Divers ou inconnu", "متنوع أو غير معروف", False),
    Country("STA", None, None, "Stateless", "Apatride", "عديم الجنسية", False),
    Country("XKX", "XK", None, "Kosovo (S/RES/1244)", "Kosovo (S/RES/1244)", "كوسوفو (S/RES/1244)", True),
    Country(
        "TIB",
        None,
        None,
        "Tibetan (as UNHCR reports it)",
        "Tibétain (selon le HCR)",
        "التبت (كما تسجله المفوضية)",
        False,
    ),
)


@cache
def countries() -> tuple[Country, ...]:
    """All countries and pseudo-codes, with names in English, French and Arabic (from the iso-codes translations)."""
    french, arabic = (
        gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language]) for language in ("fr", "ar")
    )
    iso = tuple(
        Country(
            c.alpha_3,
            c.alpha_2,
            c.numeric,
            getattr(c, "common_name", c.name),
            french.gettext(c.name),
            arabic.gettext(c.name),
            True,
        )
        for c in pycountry.countries
    )
    return iso + PSEUDO


@cache
def _standard_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for c in pycountry.countries:
        for attribute in ("name", "official_name", "common_name", "alpha_3", "alpha_2"):
            if value := getattr(c, attribute, None):
                names.setdefault(fold(value), c.alpha_3)
    for country in countries():
        for name in (country.name_en, country.name_fr, country.name_ar, country.country_code, country.iso2_code):
            if name:
                names.setdefault(fold(name), country.country_code)
    return names


LOOSE = "\x00"
"""Before the loose key of a name in a crosswalk: no name has it."""
FORMS = str.maketrans("ىةٱ", "يها")
"""Arabic letters that are written one for the other."""
WORDS = re.compile(r"[\w']+")
FILLING = frozenset(
    "the of and de du des d' d la le les l' l et".split()  # noqa: SIM905 - as one reads them
)
"""Words that tell no country from another."""


def loose_key(name: str) -> str:
    """The telling words of a name, sorted: "Iran (Islamic Republic of)" is "Islamic Republic of Iran"."""
    folded = fold(name).translate(FORMS).replace("d'", "d' ").replace("l'", "l' ")
    return LOOSE + " ".join(sorted(word for word in WORDS.findall(folded) if word not in FILLING))


def find_country(text: str, crosswalk: Mapping[str, str]) -> str | None:
    """The code of a country by a crosswalk of `load_crosswalk`: as it is written, else by its telling words."""
    return crosswalk.get(fold(text)) or crosswalk.get(loose_key(text))


def load_crosswalk(*paths: Path) -> dict[str, str]:
    """Name → country code: ISO names and codes, EN/FR/AR names, then each CSV (`provider_value,country_code`).

    Names stand folded, and by their telling words where only one country has these (`find_country`). Later files win.
    Raises ContractError where a file gives a code that is no country.
    """
    names = dict(_standard_names())
    for path in paths:
        names |= read_codes(path)
    loose: dict[str, set[str]] = {}
    for name, code in names.items():
        if len(name) > 3:  # two or three letters are a code
            loose.setdefault(loose_key(name), set()).add(code)
    return names | {key: next(iter(codes)) for key, codes in loose.items() if len(codes) == 1 and key != LOOSE}


def read_codes(path: Path) -> dict[str, str]:
    """A CSV of `provider_value,country_code` as folded value → code; nothing where there is no such file.

    Raises ContractError where a column is missing or a code is no country.
    """
    known = {country.country_code for country in countries()}
    names: dict[str, str] = {}
    if not path.exists():
        return names
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            if not set(row) >= {"provider_value", "country_code"}:
                raise ContractError(f"{path}: needs the columns provider_value and country_code")
            if row["country_code"] not in known:
                raise ContractError(f"{path}, line {number}: {row['country_code']!r} is no country code")
            names[fold(row["provider_value"])] = row["country_code"]
    return names


@cache
def m49_codes() -> dict[str, str]:
    """The UN's numbers of countries (M49, ISO 3166-1 numeric), with and without leading zeros → country code."""
    return {
        number: country.country_code
        for country in countries()
        if country.m49_code
        for number in (country.m49_code, country.m49_code.lstrip("0"))
    }
