"""Countries: the reference list (ISO 3166-1, the field's pseudo-codes) and the crosswalk from what partners write."""

from __future__ import annotations

import csv
import gettext
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
        for name in (country.name_en, country.name_fr, country.name_ar, country.country_code):
            if name:
                names.setdefault(fold(name), country.country_code)
    return names


def load_crosswalk(*paths: Path) -> dict[str, str]:
    """Folded name → country code: ISO names and codes, EN/FR/AR names, then each CSV (`provider_value,country_code`).

    Later files win. Raises ContractError where a file gives a code that is no country.
    """
    known = {country.country_code for country in countries()}
    names = dict(_standard_names())
    for path in paths:
        if not path.exists():
            continue
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                if set(row) < {"provider_value", "country_code"}:
                    raise ContractError(f"{path}: needs the columns provider_value and country_code")
                if row["country_code"] not in known:
                    raise ContractError(f"{path}, line {number}: {row['country_code']!r} is no country code")
                names[fold(row["provider_value"])] = row["country_code"]
    return names
