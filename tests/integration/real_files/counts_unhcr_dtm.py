"""What the UNHCR and IOM DTM files hold, counted with `csv`, `json` and calamine alone: never with our own readers.

Each function reads one file of `$FOOTPRINTS_DATA` and says how many data rows it has, which of them cannot be loaded
and why, which repeat another, how many records they make and what those add up to. Run as a script it prints all that.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook

REPOSITORY = Path(__file__).parents[3]

POPSTATS = "unhcr/unhcr_popstats_export_persons_of_concern_all_data.csv"
RDF = "unhcr/persons_of_concern.csv"
RDF_WORKBOOK = "unhcr/persons_of_concern.xlsx"
HDX_TOTALS = "unhcr/HDX_EndYearPopulationTotals.csv"
HDX_DEMOGRAPHICS = "unhcr/HDX_Demographics.csv"
REFUGEES_2014 = "unhcr/unhcr-refugee-data.csv"
HDX_ASYLUM = "unhcr/HDX_AsylumApplications.csv"
ASYLUM = "unhcr/asylum-applications_data.csv"
ARRIVALS = "unhcr/unhcr_arrivals_12_31.csv"
ARRIVALS_WORKBOOK = "unhcr/unhcr med data 12 31.xlsx"
DTM_API = "iom-dtm/global-iom-dtm-from-api-admin-0-to-2.csv"
DTM_CHAD = tuple(f"iom-dtm/displacement-admin{level}-admin0pcode-tcd.json" for level in range(3))
DTM_LIBYA = "iom-dtm/DTM_Libya_R54_Migrant_Dataset_PUBLIC.xlsx"
DTM_MALAWI = "iom-dtm/survey.csv"
DTM_CAR = "iom-dtm/DTM_Rd7_avril_2019.csv"
DTM_IRAQ = ("iom-dtm/DTM_Dataset_14092014.csv", "iom-dtm/DTM_Dataset_-_01092014_final_0.csv")


def data_dir() -> Path:
    """The folder of partners' files: `$FOOTPRINTS_DATA/partners`."""
    return Path(os.environ.get("FOOTPRINTS_DATA", REPOSITORY.parent / "shared" / "data")) / "partners"


@dataclass(frozen=True)
class Expected:
    """What a delivery of the file into an empty warehouse must come to.

    `rejected` maps row number (as a spreadsheet shows it) to the reason in words; `duplicates` holds the row numbers of
    rows that state what another row states. `sums` are figures that the warehouse must give to a query.
    """

    source: str
    file: str
    table: str
    rows: int
    records: int
    rejected: dict[int, str] = field(default_factory=dict)
    duplicates: tuple[int, ...] = ()
    sums: dict[str, int] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the file is."""
        return data_dir() / self.file

    @property
    def loaded(self) -> int:
        """Rows that are loaded."""
        return self.rows - len(self.rejected) - len(self.duplicates)


def _sum(column: str, table: str, where: str = "true") -> str:
    """The query for a total."""
    return f"SELECT coalesce(sum({column}), 0)::bigint FROM core.{table} WHERE {where}"


def _persons(where: str = "true", column: str = "n_persons") -> str:
    return _sum(column, "displacement", where)


def table(file: str) -> list[dict[str, str]]:
    """A CSV with one header row as dictionaries."""
    header, *rows = _csv(file)
    return [dict(zip(header, row, strict=True)) for row in rows]


def _csv(file: str, encoding: str = "utf-8-sig") -> list[list[str]]:
    with (data_dir() / file).open(encoding=encoding, newline="") as handle:
        return list(csv.reader(handle))


def _sheet(file: str, name: str) -> list[list[Any]]:
    return CalamineWorkbook.from_path(str(data_dir() / file)).get_sheet_by_name(name).to_python(skip_empty_area=False)


def _total(values: Iterable[Any]) -> int:
    return int(sum(float(v) for v in values if v not in ("", "NA", "NULL", None)))


def _repeats(keys: Iterable[Any]) -> int:
    return sum(n - 1 for n in Counter(keys).values())


# ------------------------------------------------------------------------------------------------------------- UNHCR


def popstats() -> Expected:
    """UNHCR popstats: a cell is a record; `*` is 1 to 4; the total column is a check; one row names no origin."""
    file = POPSTATS
    header, *rows = _csv(file)
    good = [(n, row) for n, row in enumerate(rows, start=2) if row[2].strip()]
    cells = [(row, kind, cell) for _, row in good for kind, cell in zip(header[3:10], row[3:10], strict=True) if cell]
    # Nine (year, residence, origin) keys stand on two rows, but never with the same column filled.
    assert _repeats(tuple(row[:3]) for _, row in good) == 9
    assert _repeats((*row[:3], kind) for row, kind, _ in cells) == 0
    withheld = sum(cell == "*" for _, _, cell in cells)
    known = _total(cell for _, _, cell in cells if cell != "*")
    # The total column is a check, no record: it adds up wherever nothing is withheld.
    assert all(_total(row[3:10]) == _total([row[10]]) for _, row in good if "*" not in row)
    return Expected(
        "unhcr-population",
        file,
        "population",
        rows=len(rows),
        records=len(cells),
        rejected={n: "no origin" for n, row in enumerate(rows, start=2) if not row[2].strip()},
        sums={
            "SELECT count(*) FROM core.population WHERE is_withheld": withheld,
            _sum("n_persons", "population"): known,
            _sum("n_persons_low", "population"): known + withheld,
            _sum("n_persons_high", "population"): known + 4 * withheld,
        },
    )


def refugee_data_finder() -> Expected:
    """Refugee Data Finder, wide by population type, zero where nothing is reported."""
    return _refugee_data_finder(RDF, _csv(RDF))


def refugee_data_finder_workbook() -> Expected:
    """The same table after an Excel round trip that broke its accents."""
    return _refugee_data_finder(RDF_WORKBOOK, _sheet(RDF_WORKBOOK, "persons_of_concern"))


def _refugee_data_finder(file: str, table: list[list[Any]]) -> Expected:
    rows = table[1:]
    cells = [cell for row in rows for cell in row[5:12]]  # zeros are statements too
    assert _repeats((row[0], row[3], row[4]) for row in rows) == 0
    return Expected(
        "unhcr-population",
        file,
        "population",
        len(rows),
        len(cells),
        {},
        (),
        {_sum("n_persons", "population"): _total(cells)},
    )


def hdx_totals() -> Expected:
    """HDX end-year totals: zeros are statements; R wrote round figures as 1e+05."""
    file = HDX_TOTALS
    _, *rows = _csv(file)
    cells = [cell for row in rows for cell in row[3:9]]
    assert _repeats(tuple(row[:3]) for row in rows) == 0
    return Expected(
        "unhcr-population",
        file,
        "population",
        len(rows),
        len(cells),
        {},
        (),
        {_sum("n_persons", "population"): _total(cells)},
    )


def hdx_demographics() -> Expected:
    """HDX demographics: a zero by sex and age only says that there is no breakdown, the total always counts."""
    file = HDX_DEMOGRAPHICS
    header, *rows = _csv(file)
    total = header.index("Total")
    parts = [cell for row in rows for cell in row[7:total] if cell not in ("", "0")]
    totals = [row[total] for row in rows]
    assert _repeats(tuple(row[:7]) for row in rows) == 0
    return Expected(
        "unhcr-population",
        file,
        "population",
        len(rows),
        len(parts) + len(totals),
        sums={
            _sum("n_persons", "population", "sex_code = 'all'"): _total(totals),
            _sum("n_persons", "population", "sex_code <> 'all'"): _total(parts),
        },
    )


def refugees_2014() -> Expected:
    """The 2014 HXL file: refugees of 2012 by UNHCR's own country codes, with and without refugee-like situations."""
    file = REFUGEES_2014
    _, hxl, *rows = _csv(file)
    assert hxl[0] == "#period_date"
    cells = [cell for row in rows for cell in row[3:7] if cell != "NA"]
    assert _repeats(tuple(row[:3]) for row in rows) == 0
    return Expected(
        "unhcr-population",
        file,
        "population",
        len(rows),
        len(cells),
        sums={
            _sum("n_persons", "population", "dataset_code = 'totals'"): _total(row[5] for row in rows),
            _sum("n_persons", "population", "dataset_code = 'assisted'"): _total(
                cell for row in rows for cell in (row[3], row[4], row[6])
            ),
        },
    )


def hdx_asylum() -> Expected:
    """HDX asylum applications: `NA` in ApplicationType is a code (new and appeal), not Namibia and not null."""
    file = HDX_ASYLUM
    _, *rows = _csv(file)
    assert _repeats(tuple(row[:6]) for row in rows) == 0
    assert sum(row[4] == "NA" for row in rows) == 3
    return Expected(
        "unhcr-population",
        file,
        "asylum_application",
        len(rows),
        len(rows),
        sums={
            _sum("n_applied", "asylum_application"): _total(row[7] for row in rows),
            "SELECT count(*) FROM core.asylum_application WHERE application_type_code = 'NA'": 3,
        },
    )


def asylum_applications() -> Expected:
    """Refugee Data Finder asylum applications: `NA` in decision level is a code; ISO of an unknown origin is blank."""
    file = ASYLUM
    _, *rows = _csv(file)
    assert _repeats((row[0], row[1], row[3], *row[5:9]) for row in rows) == 0
    return Expected(
        "unhcr-population",
        file,
        "asylum_application",
        len(rows),
        len(rows),
        sums={
            _sum("n_applied", "asylum_application"): _total(row[9] for row in rows),
            _sum("n_applied", "asylum_application", "unit_code = 'P'"): _total(row[9] for row in rows if row[8] == "P"),
            "SELECT count(*) FROM core.asylum_application WHERE decision_level_code = 'NA'": sum(
                row[7] == "NA" for row in rows
            ),
        },
    )


SERIES = {"italy": "ITA", "greece": "GRC", "spain": "ESP", "cyprus": "CYP", "malta": "MLT"}


def arrival_cells() -> dict[tuple[str, str, str], int]:
    """The CSV of arrivals: (country, border, YYYY-MM) → individuals."""
    cells = {}
    for row in table(ARRIVALS):
        for name, cell in row.items():
            series, _, border = name.partition("_")
            if series in SERIES and cell not in ("", "NA"):
                cells[SERIES[series], border, f"{row['year']}-{int(row['month']):02}"] = int(cell)
    return cells


def arrivals() -> Expected:
    """Mediterranean arrivals by month; one total by country, and its parts by sea and land where they are known."""
    return _arrivals(ARRIVALS, len(table(ARRIVALS)), arrival_cells())


def _arrivals(file: str, rows: int, cells: dict[tuple[str, str, str], int]) -> Expected:
    return Expected(
        "unhcr-population",
        file,
        "flow",
        rows,
        len(cells),
        sums={
            _sum("n_persons", "flow", f"border_type_code = '{border}'"): sum(
                n for (_, b, _), n in cells.items() if b == border
            )
            for border in ("all", "sea", "land")
        },
    )


SOURCE_BLOCKS = {  # first column (0-based) of month, year, individuals → country and border
    25: ("GRC", "sea"),
    30: ("GRC", "land"),
    35: ("GRC", "all"),
    40: ("ITA", "all"),
    45: ("ESP", "sea"),
    49: ("ESP", "land"),
    53: ("ESP", "all"),
    58: ("CYP", "all"),
    62: ("MLT", "all"),
}
"""The blocks of monthly figures that stand side by side on the sheet `Source`, each with its own months."""


def source_cells() -> dict[tuple[str, str, str], int]:
    """The sheet `Source`, block by block: (country, border, YYYY-MM) → individuals."""
    cells: dict[tuple[str, str, str], int] = {}
    for row in _sheet(ARRIVALS_WORKBOOK, "Source"):
        for first, (country, border) in SOURCE_BLOCKS.items():
            month, year, individuals = row[first : first + 3]
            if isinstance(month, float) and isinstance(year, float) and isinstance(individuals, float):
                key = (country, border, f"{int(year)}-{int(month):02}")
                assert key not in cells
                cells[key] = int(individuals)
    return cells


def arrivals_source() -> Expected:
    """The workbook's `Source` sheet: 71 rows of months under the header of row 6.

    What is left of the blocks and below (year-to-date shares by origin, single totals, ratios) is no monthly count.
    """
    rows = [n for n, row in enumerate(_sheet(ARRIVALS_WORKBOOK, "Source"), start=1) if isinstance(row[26], float)]
    assert rows == list(range(7, 78))
    return _arrivals(ARRIVALS_WORKBOOK, len(rows), source_cells())


# --------------------------------------------------------------------------------------------------------------- DTM


def dtm_api() -> Expected:
    """DTM's API as HXL CSV, admin levels 0 to 2: no two rows share operation, place, round, date, reason and origin."""
    file = DTM_API
    header, hxl, *rows = _csv(file)
    assert hxl[0] == "#id+code"
    assert _repeats(tuple(c for i, c in enumerate(row) if i not in (0, 9, 15, 16)) for row in rows) == 0
    level, persons = header.index("adminLevel"), header.index("numPresentIdpInd")
    return Expected(
        "iom-dtm",
        file,
        "displacement",
        len(rows),
        len(rows),
        sums={
            _persons(f"admin_level = {n}"): _total(row[persons] for row in rows if row[level] == str(n))
            for n in range(3)
        },
    )


def dtm_chad(level: int) -> Expected:
    """DTM's API for Chad as JSON, one file for each admin level; the CSV holds the same rows."""
    file = DTM_CHAD[level]
    rows = json.loads((data_dir() / file).read_text("utf-8"))["result"]
    return Expected(
        "iom-dtm",
        file,
        "displacement",
        len(rows),
        len(rows),
        sums={_persons(f"admin_level = {level}"): sum(row["numPresentIdpInd"] for row in rows)},
    )


def dtm_libya() -> Expected:
    """Libya round 54: places (sheet Muhalla Main) and nationalities by place; both count the same 787,326 people.

    Rows that repeat a place and nationality are parts ("Other" stands for several small ones): each place's rows add up
    to its total only if all of them count, the six exact repeats too.
    """
    file = DTM_LIBYA
    places = _sheet(file, "Muhalla Main")[2:]
    nationalities = _sheet(file, "Nationalities")[1:]
    assert _repeats(tuple(row) for row in nationalities) == 6
    by_place: Counter[str] = Counter()
    for row in nationalities:
        by_place[row[8]] += int(row[12])
    assert by_place == Counter({row[5]: int(row[11]) for row in places if row[11] != ""})
    return Expected(
        "iom-dtm",
        file,
        "displacement",
        rows=len(places) + len(nationalities),
        records=len(places) + len(nationalities),
        sums={
            _persons("assessment_type = 'locations'"): _total(row[11] for row in places),
            _persons("assessment_type = 'nationalities'"): _total(row[12] for row in nationalities),
        },
    )


def dtm_malawi() -> Expected:
    """Malawi village assessment: displaced people and returnees; "none arrived", "none returned" count as zero."""
    file = DTM_MALAWI
    header, *rows = _csv(file, "utf-8")
    at = {name: i for i, name in enumerate(header)}
    figures = {
        "idp": ("m0310_loc_num_idp_ind", "m1537_loc_num_arrivals_hh", "m1535_loc_arrival_time"),
        "returnee": ("m0851_loc_num_return_idp_ind", "m0847_loc_num_return_idp_hh", "m1461_loc_return_obs_unit"),
    }
    records = 0
    sums: dict[str, int] = {}
    for group, (persons, households, whether) in figures.items():
        stated = [row for row in rows if row[at[persons]] != "NULL"]
        none = [row for row in rows if row[at[whether]] == "no"]
        assert not any(row[at[persons]] != "NULL" for row in none)
        records += len(stated) + len(none)
        sums[_persons(f"population_group_code = '{group}'")] = _total(row[at[persons]] for row in stated)
        sums[_persons(f"population_group_code = '{group}'", "n_households")] = _total(
            row[at[households]] for row in stated
        )
    silent = [row for row in rows if all(row[at[p]] == "NULL" and row[at[w]] != "no" for p, _, w in figures.values())]
    assert not silent
    return Expected("iom-dtm", file, "displacement", len(rows), records, sums=sums)


def dtm_central_african_republic() -> Expected:
    """Central African Republic round 7: three groups by village, households and persons."""
    file = DTM_CAR
    _, header, *rows = _csv(file, "cp1252")
    at = {name: i for i, name in enumerate(header)}
    groups = {"idp": "idp", "returnee": "ret_rca", "returnee-abroad": "ret_oth"}
    assert _repeats(row[at["_V_CODE"]] for row in rows) == 0
    return Expected(
        "iom-dtm",
        file,
        "displacement",
        len(rows),
        3 * len(rows),
        sums={
            _persons(f"population_group_code = '{code}'"): _total(row[at[f"ind_{name}"]] for row in rows)
            for code, name in groups.items()
        }
        | {
            _persons(f"population_group_code = '{code}'", "n_households"): _total(row[at[f"hh_{name}"]] for row in rows)
            for code, name in groups.items()
        },
    )


def dtm_iraq(file: str) -> Expected:
    """Iraq 2014, no header: families by place, governorate of origin and date; column 4 adds up columns 19 to 31."""
    rows = [row for row in _csv(file, "utf-8") if any(row)]
    assert all(int(row[3]) == _total(row[18:31]) for row in rows)
    assert _repeats((row[16], row[17], row[12], row[4], row[40]) for row in rows) == 0
    return Expected(
        "iom-dtm",
        file,
        "displacement",
        len(rows),
        len(rows),
        sums={_persons(column="n_households"): _total(row[3] for row in rows)},
    )


FILES: tuple[Callable[[], Expected], ...] = (
    popstats,
    refugee_data_finder,
    refugee_data_finder_workbook,
    hdx_totals,
    hdx_demographics,
    refugees_2014,
    hdx_asylum,
    asylum_applications,
    arrivals,
    arrivals_source,
    dtm_api,
    lambda: dtm_chad(0),
    lambda: dtm_chad(1),
    lambda: dtm_chad(2),
    dtm_libya,
    dtm_malawi,
    dtm_central_african_republic,
    lambda: dtm_iraq(DTM_IRAQ[0]),
    lambda: dtm_iraq(DTM_IRAQ[1]),
)
"""One count for each file of the two partners."""


if __name__ == "__main__":
    for count in FILES:
        expected = count()
        sys.stdout.write(
            f"{expected.file}: {expected.rows} rows, {len(expected.rejected)} rejected {expected.rejected or ''}, "
            f"{len(expected.duplicates)} duplicate, {expected.records} records, {expected.sums}\n"
        )
