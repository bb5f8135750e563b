"""What the real lists of places hold, counted without Footprints: csv and json only."""

from __future__ import annotations

import csv
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

PCODES = "ocha-cod/download-global-pcodes-adm-1-2.csv"
LENGTHS = "ocha-cod/download-global-pcode-lengths.csv"
LOCALITIES = "ocha-cod/PCODES_Localites_OCHA.csv"


@dataclass(frozen=True)
class Count:
    """What one file holds: data rows, records, records by country, and a sum over what identifies them."""

    file: str
    source: str
    layout: str
    table: str
    n_rows: int
    n_records: int
    by_country: dict[str, int]


def pcodes(root: Path) -> Count:
    """The global list: one row a P-code under a header and a row of HXL tags."""
    rows = _rows(root / PCODES, "utf-8-sig")
    by_country = dict(Counter(row["Location"] for row in rows))
    return Count(PCODES, "ocha-cod", "pcodes-global", "place", len(rows), len(rows), by_country)


def lengths(root: Path) -> Count:
    """Lengths by country and level: each filled cell is a record."""
    rows = _rows(root / LENGTHS, "utf-8-sig")
    by_country = {row["Location"]: sum(bool(v) for k, v in row.items() if k.endswith("Length")) for row in rows}
    n_records = sum(by_country.values())
    return Count(LENGTHS, "ocha-cod", "pcode-lengths", "place_code_length", len(rows), n_records, by_country)


def localities(root: Path) -> Count:
    """The Central African localities, cp1252, without tags."""
    with (root / LOCALITIES).open(encoding="cp1252", newline="") as file:
        rows = list(csv.DictReader(file))
    return Count(
        LOCALITIES,
        "ocha-cod",
        "localities-central-african-republic",
        "place",
        len(rows),
        len({row["RowcaCode4"] for row in rows}),
        {"CAF": len(rows)},
    )


def letters_lost(root: Path) -> dict[str, int]:
    """By column, the localities whose accents were lost before the file was saved."""
    with (root / LOCALITIES).open(encoding="cp1252", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: sum("ï¿½" in row[name] for row in rows) for name in ("PName1", "PName2", "ADM3_NAME")}


def codes(root: Path) -> dict[str, tuple[str, str, str]]:
    """P-code → country, level and parent."""
    return {
        row["P-Code"]: (row["Location"], row["Admin Level"], row["Parent P-Code"])
        for row in _rows(root / PCODES, "utf-8-sig")
    }


def names(root: Path, country: str, level: str) -> dict[str, list[str]]:
    """Plainly folded name → P-codes that have it, of a country and level."""
    found: dict[str, list[str]] = {}
    for row in _rows(root / PCODES, "utf-8-sig"):
        if (row["Location"], row["Admin Level"]) == (country, level):
            found.setdefault(plain(row["Name"]), []).append(row["P-Code"])
    return found


def plain(name: str) -> str:
    """Lower case, without accents and what is no letter or digit; words apart."""
    text = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).lower()
    return " ".join("".join(c if c.isalnum() else "" if c in "'’" else " " for c in text).split())


def _rows(path: Path, encoding: str) -> list[dict[str, str]]:
    """The rows of a CSV under its header and its HXL tags."""
    with path.open(encoding=encoding, newline="") as file:
        rows = list(csv.DictReader(file))
    return rows[1:]
