"""Invented incidents: as a download from IOM's Missing Migrants site, and as MHub's own reports of any length."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from footprints.samples.files import write_csv

WEB_HEADER = (
    "Web ID", "Region", "Reported Date", "Reported Year", "Reported Month", "Number Dead",
    "Minimum Estimated Number of Missing", "Total Dead and Missing", "Number of Survivors", "Number of Females",
    "Number of Males", "Number of Children", "Cause of Death", "Location Description", "Information Source",
    "Location Coordinates", "Migration Route", "URL", "UNSD Geographical Grouping", "Source Quality",
)  # fmt: skip

REPORT_HEADER = (
    "incident_id", "main_id", "incident_date", "country", "region", "route", "origin", "region_of_origin", "dead",
    "missing", "dead_and_missing", "survivors", "female", "male", "children", "cause", "cause_detail", "location",
    "latitude", "longitude", "information_source", "url", "source_quality", "source_quality_note", "description",
)  # fmt: skip
"""The 25 columns of MHub's incident reports."""

WEB_PLACES = (
    ("Mediterranean", "Off the coast of Zuwara, Libya", 32.95, 12.08, "Central Mediterranean", "Uncategorized"),
    ("Mediterranean", "Off the coast of Sfax, Tunisia", 34.72, 10.9, "Central Mediterranean", "Uncategorized"),
    ("North Africa", "Desert south of Tamanrasset, Algeria", 21.9, 5.6, "", "Northern Africa"),
    ("North Africa", "Between Al Qatrun and Sebha, Libya", 25.6, 14.5, "", "Northern Africa"),
    ("Sub-Saharan Africa", "North of Arlit, Niger", 19.4, 7.4, "", "Western Africa"),
)
WEB_CAUSES = (
    "Drowning",
    "Presumed drowning",
    "Vehicle accident",
    "Dehydration",
    "Sickness and lack of access to medicines",
)

COUNTRIES = ("Libya", "Niger", "Chad", "Algeria", "Tunisia", "Mali", "Egypt", "Sudan", "Morocco", "Mauritania")
CENTRES = np.array([(27, 17), (17, 9), (15, 19), (28, 3), (34, 9), (17, -4), (27, 30), (15, 30), (32, -6), (20, -11)])
REGIONS = ("Northern Africa", "Western Africa", "Middle Africa", "Northern Africa", "Northern Africa",
           "Western Africa", "Northern Africa", "Northern Africa", "Northern Africa", "Western Africa")  # fmt: skip
ROUTES = ("Central Mediterranean", "Western Mediterranean", "Sahara crossing", "Other", "Not known")
ORIGINS = ("Nigeria", "Guinea", "Sudan", "Eritrea", "Somalia", "Gambia", "Mali", "Mixed")
ORIGIN_REGIONS = ("Western Africa", "Western Africa", "Northern Africa", "Eastern Africa", "Eastern Africa",
                  "Western Africa", "Western Africa", "")  # fmt: skip
CAUSES = ("Drowning", "Vehicle accident", "Thirst or exposure", "Sickness", "Violence", "Accident", "Mixed or unknown")
DETAILS = (
    "Boat capsized",
    "Truck overturned",
    "Left behind in the desert",
    "Untreated illness",
    "Shot",
    "Fall",
    "Not clear",
)
SOURCES = ("MHub field office", "Local radio", "Red Crescent", "Survivors", "Coast guard")
NOTES = ("one account", "two accounts", "several accounts", "organisation on the spot", "authorities")

FIRST_DAY = date(2014, 1, 1)
N_DAYS = 3652
CHUNK = 100_000

BAD_ROWS = ("type.date", "required", "country.unknown", "type.integer", "latitude")
"""What is wrong with a bad row of `report_csv`, each kind in turn; each must be rejected."""


def missing_migrants_web(path: Path, n_rows: int = 300, n_bad: int = 4, seed: int = 21, year: int = 2020) -> Path:
    """Write a download in the form that the Missing Migrants site had in 2021; `n_bad` rows have an impossible date."""
    draw = random.Random(seed)
    bad = set(draw.sample(range(n_rows), n_bad))
    rows: list[Sequence[Any]] = [WEB_HEADER]
    for i in range(n_rows):
        day = date(year, 12, 31) - timedelta(days=i * 366 // n_rows)
        region, place, latitude, longitude, route, grouping = draw.choice(WEB_PLACES)
        dead, missing = draw.choice((1, 1, 1, 2, 3, 8)), draw.choice((0, 0, 0, 2, 12))
        shown = f"{day:%B} {day.day}, {day.year}" if i not in bad else f"February 30, {day.year}"
        rows.append((
            990_000 + i, region, shown, day.year, f"{day:%b}", dead, missing or None, dead + missing,
            draw.choice((None, None, 4, 31)), draw.choice((None, 1)), None, draw.choice((None, None, 1)),
            draw.choice(WEB_CAUSES), place, draw.choice(("MHub", "IOM Niger", "Local press")),
            f"{latitude + draw.uniform(-0.5, 0.5):.6f}, {longitude + draw.uniform(-0.5, 0.5):.6f}", route or None,
            f"https://example.org/{seed}/{i}", grouping, draw.randint(1, 5),
        ))  # fmt: skip
    return write_csv(path, rows)


def benchmark_csv(path: Path, n_rows: int = 1_000_000, bad_share: float = 0.01, seed: int = 5) -> dict[str, int]:
    """Write `n_rows` of MHub's incident reports, 25 columns, written as made; returns how many rows are bad, by kind.

    The bad rows stand evenly spread. Without them (`bad_share=0`) the file has the same good rows in their places.
    """
    every = round(1 / bad_share) if bad_share > 0 else 0
    counts = dict.fromkeys(BAD_ROWS, 0)
    writer: csv.CSVWriter | None = None
    try:
        for start in range(0, n_rows, CHUNK):
            table = _reports(start, min(CHUNK, n_rows - start), every, seed, counts)
            if writer is None:
                writer = csv.CSVWriter(path, table.schema, write_options=csv.WriteOptions(quoting_style="none"))
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
    return counts


def small_csv(path: Path, n_rows: int = 2000, bad_share: float = 0.01, seed: int = 6) -> dict[str, int]:
    """Write a file of the size that a partner sends; as `benchmark_csv`."""
    return benchmark_csv(path, n_rows, bad_share, seed)


def unknown_layout_csv(path: Path) -> Path:
    """Write a CSV that no contract knows: somebody's own columns."""
    return write_csv(path, [("Datum", "Wo", "Anzahl"), *(("03.05.2017", "Agadez", i) for i in range(12))])


def not_a_csv(path: Path, seed: int = 3) -> Path:
    """Write what is no table at all under whatever name: noise with the beginning of a PDF."""
    path.write_bytes(b"%PDF-1.7\n" + random.Random(seed).randbytes(4096))
    return path


def _reports(start: int, n: int, every: int, seed: int, counts: dict[str, int]) -> pa.Table:
    draw = np.random.default_rng((seed, start))
    numbers = np.arange(start, start + n)

    def pick(values: Sequence[str], which: npt.NDArray[Any]) -> pa.Array:
        return pa.DictionaryArray.from_arrays(which.astype(np.int32), list(values)).cast(pa.string())

    def maybe(values: npt.NDArray[Any], share: float) -> pa.Array:
        return pa.array(values, mask=draw.random(n) >= share).cast(pa.string())

    days = np.datetime64(FIRST_DAY) + draw.integers(0, N_DAYS, n).astype("timedelta64[D]")
    country = draw.integers(0, len(COUNTRIES), n)
    origin = draw.integers(0, len(ORIGINS), n)
    cause = draw.integers(0, len(CAUSES), n)
    quality = draw.integers(0, 5, n)
    dead = draw.integers(0, 9, n)
    missing = draw.integers(0, 6, n)
    places = np.round(CENTRES[country] + draw.uniform(-2, 2, (n, 2)), 4)
    ids = pa.array([f"MH-{i:08d}" for i in numbers])
    mains = pa.array([f"MH-{i - i % 3:08d}" for i in numbers])
    columns: dict[str, pa.Array] = {
        "incident_id": ids,
        "main_id": mains,
        "incident_date": pa.array(days).cast(pa.string()),
        "country": pick(COUNTRIES, country),
        "region": pick(REGIONS, country),
        "route": pick(ROUTES, draw.integers(0, len(ROUTES), n)),
        "origin": pick(ORIGINS, origin),
        "region_of_origin": pick(ORIGIN_REGIONS, origin),
        "dead": pa.array(dead).cast(pa.string()),
        "missing": pa.array(missing).cast(pa.string()),
        "dead_and_missing": pa.array(dead + missing).cast(pa.string()),
        "survivors": maybe(draw.integers(0, 60, n), 0.5),
        "female": maybe(dead // 3, 0.6),
        "male": maybe(dead - dead // 3, 0.6),
        "children": maybe(dead // 4, 0.4),
        "cause": pick(CAUSES, cause),
        "cause_detail": pick(DETAILS, cause),
        "location": pick([f"Near point {i} on the road" for i in range(500)], draw.integers(0, 500, n)),
        "latitude": pa.array(places[:, 0]).cast(pa.string()),
        "longitude": pa.array(places[:, 1]).cast(pa.string()),
        "information_source": pick(SOURCES, draw.integers(0, len(SOURCES), n)),
        "url": pick([f"https://example.org/r/{i}" for i in range(2000)], draw.integers(0, 2000, n)),
        "source_quality": pa.array(quality + 1).cast(pa.string()),
        "source_quality_note": pick(NOTES, quality),
        "description": pick([f"Account {i} by telephone" for i in range(3000)], draw.integers(0, 3000, n)),
    }
    if every:
        bad = np.flatnonzero((numbers + 1) % every == 0)
        for kind, (column, value) in enumerate(_faults()):
            rows = bad[(numbers[bad] // every) % len(BAD_ROWS) == kind]
            mask = np.zeros(n, dtype=bool)
            mask[rows] = True
            columns[column] = pc.if_else(pa.array(mask), pa.scalar(value, pa.string()), columns[column])
            counts[BAD_ROWS[kind]] += len(rows)
    return pa.table({name: columns[name] for name in REPORT_HEADER})


def _faults() -> Iterator[tuple[str, str | None]]:
    yield "incident_date", "2019-02-30"
    yield "incident_date", None
    yield "country", "Nowhereland"
    yield "dead", "several"
    yield "latitude", "123.4"
