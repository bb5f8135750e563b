"""What the real files of the incident sources, Frontex and the organisation register hold, counted without Footprints.

Only csv, json and openpyxl are used here: these numbers judge our readers, so they cannot come from them. Row numbers
are those a person sees in a spreadsheet (the header is row 1); for JSON the position in the list. Nothing of a
partner's file stands in this module.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl

MONTH = re.compile(r"(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)(20\d\d)")

MMP_2016 = "iom-mmp/IOM-MMP_all_data_2016-12-22.csv"
MMP_2017 = "iom-mmp/MissingMigrantsProject.csv"
MMP_2019 = "iom-mmp/MissingMigrants-Global-2019-11-04T17-25-00.csv"
MMP_2021 = "iom-mmp/MissingMigrants-Global-2021-09-05T18-37-06.csv"
MMP_2024 = "iom-mmp/MissingMigrants-Global-2024-04-10--23_23_37.csv"
MMP_API_2016 = "iom-mmp/2016-json.json"
MMP_API_2024 = "iom-mmp/2024-json.json"
TMF = (
    "the-migrants-files/DISCONTINUED ON JUNE 24, 2016 - "
    "Events during which someone died trying to reach or stay in Europe - Events.csv"
)
FRONTEX = "frontex/Detections_of_IBC_2020_07_07.xlsx"
REGISTER_CYCLES = "reach-impact/chad_repository.csv"
REGISTER_PRODUCTS = "reach-impact/legacy_data_chad.csv"


@dataclass(frozen=True)
class FileCount:
    """What one file holds: data rows, the rows that cannot be loaded and why, exact repeats, and sums of the rest.

    `sums` are over the rows that are neither rejected nor duplicates, unknown figures counted as nothing; `by_year` has
    their number by year of incident (Frontex: their sum).
    """

    source: str
    path: str
    layout: str
    n_rows: int
    rejected: dict[int, str]
    n_duplicate: int
    n_records: int
    sums: dict[str, int]
    by_year: dict[int, int] = field(default_factory=dict)
    as_of: str | None = None

    @property
    def n_loaded(self) -> int:
        """Rows that a first delivery of this file loads."""
        return self.n_rows - len(self.rejected) - self.n_duplicate


@dataclass(frozen=True)
class Incident:
    """An incident as one export states it."""

    key: str
    day: dt.date
    dead: int | None
    missing: int | None
    total: int | None


def figure(text: str, *unknown: str) -> int | None:
    """A figure of a file: blank and -1 are unknown."""
    text = text.replace(",", "").strip()
    return None if text in ("", "-1", *unknown) else int(text)


def csv_rows(path: Path, encoding: str, delimiter: str = ",") -> Iterator[tuple[int, dict[str, str]]]:
    """The data rows of a CSV with the row numbers of a spreadsheet. Wholly blank rows are no data rows."""
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        header = next(reader)
        for number, cells in enumerate(reader, start=2):
            if any(cell.strip() for cell in cells):
                yield number, dict(zip(header, cells, strict=True))


# ------------------------------------------------------------------------------------------------- Missing Migrants


def _mmp(
    path: Path,
    name: str,
    layout: str,
    rows: Iterable[tuple[int, dict[str, str]]],
    read: Callable[[dict[str, str]], Incident | str],
    as_of: str | None,
) -> tuple[FileCount, list[Incident]]:
    rejected: dict[int, str] = {}
    incidents: list[Incident] = []
    seen: Counter[tuple[str, ...]] = Counter()
    n_rows = n_duplicate = 0
    for number, row in rows:
        n_rows += 1
        incident = read(row)
        if isinstance(incident, str):
            rejected[number] = incident
            continue
        content = tuple(cell.strip() for cell in row.values())
        seen[content] += 1
        if seen[content] > 1:
            n_duplicate += 1
            continue
        incidents.append(incident)
    sums = {
        "n_dead": sum(i.dead or 0 for i in incidents),
        "n_missing": sum(i.missing or 0 for i in incidents),
        "n_dead_and_missing": sum(i.total or 0 for i in incidents),
    }
    count = FileCount(
        source="iom-missing-migrants",
        path=name,
        layout=layout,
        n_rows=n_rows,
        rejected=rejected,
        n_duplicate=n_duplicate,
        n_records=len(incidents),
        sums=sums,
        by_year=dict(sorted(Counter(i.day.year for i in incidents).items())),
        as_of=as_of or max(i.day for i in incidents).isoformat(),
    )
    return count, incidents


def mmp_2016(root: Path) -> tuple[FileCount, list[Incident]]:
    """The ArcGIS export of December 2016: time stamps in UTC of midnights in Berlin."""

    def read(row: dict[str, str]) -> Incident | str:
        if not row["DATEREPORTED"]:
            return "required"
        moment = dt.datetime.strptime(row["DATEREPORTED"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=dt.UTC)
        dead, missing = figure(row["DEAD"]), figure(row["MISSING"])
        if (dead or 0) < 0 or (missing or 0) < 0:
            return "expectation.column_values_to_be_between"
        day = moment.astimezone(ZoneInfo("Europe/Berlin")).date()
        return Incident(f"objectid:{row['OBJECTID']}", day, dead, missing, None)

    return _mmp(root, MMP_2016, "arcgis-2016", csv_rows(root / MMP_2016, "utf-8-sig"), read, "2016-12-22")


def mmp_2017(root: Path) -> tuple[FileCount, list[Incident]]:
    """The HXL export of 2017: tags for a header, dd/mm/yyyy; its ids are those of the export of 2016."""

    def read(row: dict[str, str]) -> Incident | str:
        if not row["#date+reported"]:
            return "required"
        day = dt.datetime.strptime(row["#date+reported"], "%d/%m/%Y").date()
        dead, missing = figure(row["#affected+dead"]), figure(row["#affected+missing"])
        return Incident(f"objectid:{row['#event+id']}", day, dead, missing, None)

    return _mmp(root, MMP_2017, "hxl-2017", csv_rows(root / MMP_2017, "cp1252"), read, None)


def _web(root: Path, name: str, encoding: str, form: str, as_of: str) -> tuple[FileCount, list[Incident]]:
    def read(row: dict[str, str]) -> Incident | str:
        return Incident(
            f"web:{row['Web ID']}",
            dt.datetime.strptime(row["Reported Date"], form).date(),
            figure(row["Number Dead"]),
            figure(row["Minimum Estimated Number of Missing"]),
            figure(row["Total Dead and Missing"]),
        )

    return _mmp(root, name, "web-2019", csv_rows(root / name, encoding), read, as_of)


def mmp_2019(root: Path) -> tuple[FileCount, list[Incident]]:
    """The download of November 2019, saved again by Excel."""
    return _web(root, MMP_2019, "utf-8-sig", "%d-%b-%y", "2019-11-04")


def mmp_2021(root: Path) -> tuple[FileCount, list[Incident]]:
    """The download of September 2021."""
    return _web(root, MMP_2021, "utf-8", "%B %d, %Y", "2021-09-05")


def mmp_2024(root: Path) -> tuple[FileCount, list[Incident]]:
    """The download of April 2024 from the new site: the year 2014 only."""

    def read(row: dict[str, str]) -> Incident | str:
        return Incident(
            f"mmp:{row['Incident ID']}",
            dt.datetime.strptime(row["Incident Date"], "%a, %m/%d/%Y - %H:%M").date(),
            figure(row["Number Dead"]),
            figure(row["Minimum Estimated Number of Missing"]),
            figure(row["Total Number of Dead and Missing"]),
        )

    return _mmp(root, MMP_2024, "web-2024", csv_rows(root / MMP_2024, "utf-8"), read, "2024-04-10")


def _api(root: Path, name: str) -> tuple[FileCount, list[Incident]]:
    def read(row: dict[str, str]) -> Incident | str:
        return Incident(
            f"mmp:{row['web_id']}",
            dt.date.fromisoformat(row["reported_date"]),
            figure(row["number_dead"]),
            figure(row["number_missing"]),
            figure(row["total_dead_and_missing"]),
        )

    records = json.loads((root / name).read_text("utf-8"))
    return _mmp(root, name, "api-year", enumerate(records, start=1), read, "received")


def mmp_api_2016(root: Path) -> tuple[FileCount, list[Incident]]:
    """The API's answer for 2016: split events repeat their id, three records stand there twice."""
    return _api(root, MMP_API_2016)


def mmp_api_2024(root: Path) -> tuple[FileCount, list[Incident]]:
    """The API's answer for 2024: split events repeat their id, five records stand there twice."""
    return _api(root, MMP_API_2024)


MMP = (mmp_2016, mmp_2017, mmp_2019, mmp_2021, mmp_2024, mmp_api_2016, mmp_api_2024)
"""The seven exports, oldest facts first."""


def mmp_history(root: Path) -> tuple[list[Incident], dict[int, int]]:
    """The one incident history that the seven exports make, and how many incidents each year of it has.

    Worked out from the rule alone: for each calendar year, the newest export that states incidents of that year is
    right about all of it; the two oldest exports, which are whole, are right about everything before them.
    """
    history: list[Incident] = []
    for export in MMP:
        incidents = export(root)[1]
        years = {i.day.year for i in incidents}
        whole = export in (mmp_2016, mmp_2017)
        history = [i for i in history if not whole and i.day.year not in years] + incidents
    return history, dict(sorted(Counter(i.day.year for i in history).items()))


# ------------------------------------------------------------------------------------------------- The Migrants' Files


def the_migrants_files(root: Path) -> FileCount:
    """The closed list of 2016: 0 dead and 0 missing with a total above 0 mean that the two are not told apart."""
    rejected: dict[int, str] = {}
    seen: Counter[tuple[str, ...]] = Counter()
    dead = missing = total = n_rows = n_duplicate = 0
    years: Counter[int] = Counter()
    for number, row in csv_rows(root / TMF, "utf-8"):
        n_rows += 1
        if not row["date"]:
            rejected[number] = "required"
            continue
        content = tuple(cell.strip() for cell in row.values())
        seen[content] += 1
        if seen[content] > 1:
            n_duplicate += 1
            continue
        dead += figure(row["dead"]) or 0
        missing += figure(row["missing"]) or 0
        total += figure(row["dead_and_missing"]) or 0
        years[dt.datetime.strptime(row["date"], "%Y-%m-%dT%H:%M:%SZ").year] += 1
    return FileCount(
        source="the-migrants-files",
        path=TMF,
        layout="events-2016",
        n_rows=n_rows,
        rejected=rejected,
        n_duplicate=n_duplicate,
        n_records=n_rows - len(rejected) - n_duplicate,
        sums={"n_dead": dead, "n_missing": missing, "n_dead_and_missing": total},
        by_year=dict(sorted(years.items())),
        as_of="2016-06-24",
    )


# ------------------------------------------------------------------------------------------------- Frontex


def frontex(root: Path) -> FileCount:
    """The sheet of detections: a row for each route, border and nationality, a column a month."""
    workbook = openpyxl.load_workbook(root / FRONTEX, read_only=True, data_only=True)
    rows = list(workbook["Detections_of_IBC"].iter_rows(values_only=True))
    workbook.close()
    months = {i: int(found[2]) for i, name in enumerate(rows[0]) if (found := MONTH.fullmatch(str(name)))}
    keys = Counter(row[:3] for row in rows[1:])
    by_year: Counter[int] = Counter()
    n_records = 0
    for row in rows[1:]:
        for i, year in months.items():
            cell = row[i]
            if cell is None:
                continue
            if not isinstance(cell, int):
                raise AssertionError("a cell of a month is no whole number")
            n_records += 1
            by_year[year] += cell
    return FileCount(
        source="frontex",
        path=FRONTEX,
        layout="months-wide",
        n_rows=len(rows) - 1,
        rejected={},
        n_duplicate=sum(n - 1 for n in keys.values()),
        n_records=n_records,
        sums={"n_persons": sum(by_year.values())},
        by_year=dict(sorted(by_year.items())),
        as_of="2020-07-07",
    )


# ------------------------------------------------------------------------------------------- organisation register


def register_cycles(root: Path) -> FileCount:
    """The register of research cycles: four of them."""
    rows = list(csv_rows(root / REGISTER_CYCLES, "utf-8", ";"))
    ids = Counter(row["Research Cycle ID"].strip() for _, row in rows)
    return FileCount(
        source="organisation-register",
        path=REGISTER_CYCLES,
        layout="research-cycles",
        n_rows=len(rows),
        rejected={},
        n_duplicate=sum(n - 1 for n in ids.values()),
        n_records=len(ids),
        sums={"n_countries": sum(len(row["Country"].split(",")) for _, row in rows)},
        as_of="received",
    )


def register_products(root: Path) -> FileCount:
    """The register of products: some stand there two or three times, equal throughout."""
    rows = list(csv_rows(root / REGISTER_PRODUCTS, "utf-8", ";"))
    distinct = {tuple(cell.strip() for cell in row.values()): row for _, row in rows}
    if len({row["Path"].strip() for row in distinct.values()}) != len(distinct):
        raise AssertionError("rows that share an address differ")
    return FileCount(
        source="organisation-register",
        path=REGISTER_PRODUCTS,
        layout="products",
        n_rows=len(rows),
        rejected={},
        n_duplicate=len(rows) - len(distinct),
        n_records=len(distinct),
        sums={"n_countries": sum(len(row["Country"].split(",")) for row in distinct.values())},
        as_of="received",
    )


def all_counts(root: Path) -> list[FileCount]:
    """Every file of this module, in the order in which partners would have sent them."""
    return [export(root)[0] for export in MMP] + [
        count(root) for count in (the_migrants_files, frontex, register_cycles, register_products)
    ]
