"""What the real lists of places hold, counted without Footprints: csv and json only."""

from __future__ import annotations

import csv
import itertools
import json
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PCODES = "ocha-cod/download-global-pcodes-adm-1-2.csv"
LENGTHS = "ocha-cod/download-global-pcode-lengths.csv"
LOCALITIES = "ocha-cod/PCODES_Localites_OCHA.csv"
AFRICA = "geo/africa_admin0.json"
LIBYA = "geo/lby_adm1.json"
MALI = "geo/mli_adm1.json"
CHAD = "geo/tcd_adm1.json"
LAKE_CHAD = "geo/lake_chad_adm1.json"


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


def _shapes(root: Path, file: str, layout: str, country: str) -> Count:
    shapes = properties(root, file)
    # Natural Earth has no ISO code for Somaliland; its column of ISO's view counts it to Somalia.
    by_country = Counter("SOM" if one.get(country) == "-99" else one.get(country, country) for one in shapes)
    return Count(file, "ocha-geo", layout, "place", len(shapes), len(shapes), dict(by_country))


def africa(root: Path) -> Count:
    """Countries of Natural Earth."""
    return _shapes(root, AFRICA, "natural-earth-countries", "ISO_A3")


def libya(root: Path) -> Count:
    """First-level areas of Libya."""
    return _shapes(root, LIBYA, "areas-2018", "LBY")


def mali(root: Path) -> Count:
    """First-level areas of Mali."""
    return _shapes(root, MALI, "areas-2015", "MLI")


def chad(root: Path) -> Count:
    """First-level areas of Chad."""
    return _shapes(root, CHAD, "areas-2015", "TCD")


def lake_chad(root: Path) -> Count:
    """First-level areas of four countries around Lake Chad."""
    return _shapes(root, LAKE_CHAD, "areas-rowca", "CNTRY_CODE")


def properties(root: Path, file: str) -> list[dict[str, Any]]:
    """What a TopoJSON file says of each of its shapes."""
    document = json.loads((root / file).read_text("utf-8"))
    return [shape["properties"] for thing in document["objects"].values() for shape in thing["geometries"]]


def area(geometry: dict[str, Any]) -> float:
    """Area of a GeoJSON polygon or multipolygon in square degrees (shoelace formula), holes taken off."""
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]

    def ring(points: list[list[float]]) -> float:
        pairs = itertools.pairwise(points)
        return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2

    return sum(ring(rings[0]) - sum(ring(hole) for hole in rings[1:]) for rings in polygons)


def letters_lost(root: Path) -> dict[str, int]:
    """By column, the localities whose accents were lost before the file was saved."""
    with (root / LOCALITIES).open(encoding="cp1252", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: sum("ï¿½" in row[name] for row in rows) for name in ("PName1", "PName2", "ADM3_NAME")}


def locality_names(root: Path) -> dict[str, set[str]]:
    """Code of each Central African locality → its names, plainly folded."""
    with (root / LOCALITIES).open(encoding="cp1252", newline="") as file:
        return {
            row["RowcaCode4"]: {plain(row[name]) for name in ("PName1", "PName2")} - {""}
            for row in csv.DictReader(file)
        }


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
