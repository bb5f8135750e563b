"""What lists and published figures of OCHA, UNHCR, REACH, MMC and HXL hold, counted without our readers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import openpyxl

MONTHS = [
    "janvier",
    "fevrier",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "aout",
    "septembre",
    "octobre",
    "novembre",
    "decembre",
]


def _csv(path: Path, n_header_rows: int = 1, encoding: str = "utf-8-sig") -> tuple[list[str], list[list[str]]]:
    with path.open(encoding=encoding, newline="") as file:
        rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    return rows[n_header_rows - 1], rows[n_header_rows:]


def sheet(path: Path, name: str) -> list[list[Any]]:
    """The rows of a sheet that hold anything, as openpyxl reads them."""
    workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    rows = [list(row) for row in workbook[name].iter_rows(values_only=True)]
    workbook.close()
    return [row for row in rows if any(cell is not None and str(cell).strip() for cell in row)]


def tagged(path: Path, tag_row: int, encoding: str = "utf-8-sig") -> int:
    """Data rows of an HXL file under its tag row."""
    tags, rows = _csv(path, tag_row, encoding)
    assert any(cell.startswith("#") for cell in tags)
    return len(rows)


def merged_activities(path: Path) -> tuple[int, int]:
    """Data rows of the sample with merged cells, and those whose cell for the organisation is one of the merged."""
    rows = sheet(path, "input-valid")[3:]
    return len(rows), sum(row[3] is None for row in rows)


def quality_activities(path: Path) -> int:
    """Data rows of the sheet that bears tags."""
    return len(sheet(path, "input-quality-hxl")) - 3


def rowca(path: Path) -> tuple[int, set[tuple[str, str]]]:
    """Rows of the 3W of the Sahel, and what identifies them."""
    header, rows = _csv(path, 1)
    report, organisation = header.index("ReportDetailId"), header.index("Organization")
    return len(rows) - 1, {(row[report], row[organisation]) for row in rows[1:]}


def unhcr_3w(path: Path) -> tuple[int, int]:
    """Rows of UNHCR's 3W, and those of a situation that is no country."""
    _, rows = _csv(path, 2)
    situations = ("Mali Situation", "Nigeria Situation", "Thailand-Myanmar")
    return len(rows), sum(row[0] in situations for row in rows)


def mali(path: Path) -> tuple[int, dict[str, tuple[int, int]]]:
    """Months of the population movements of Mali, and displaced people and refugees by month (YYYY-MM)."""
    _, rows = _csv(path, 2)
    by_month = {}
    for day, displaced, refugees, total in rows:
        word, year = day.split()
        assert int(displaced) + int(refugees) == int(total)
        by_month[f"{year}-{MONTHS.index(word.lower()) + 1:02d}"] = (int(displaced), int(refugees))
    return len(rows), by_month


def needs(path: Path) -> tuple[int, int, int]:
    """Rows of people in need, those with more in need than people, and the sum of people in need."""
    rows = sheet(path, "Sheet1")[2:]
    excess = sum(row[3] is not None and row[2] > row[3] for row in rows)
    return len(rows), excess, int(sum(row[2] for row in rows))


def countries(path: Path) -> tuple[int, dict[str, str]]:
    """Entries of the taxonomy, and the name of each ISO code."""
    header, rows = _csv(path)
    code, name = header.index("ISO 3166-1 Alpha 3-Codes"), header.index("Preferred Term")
    return len(rows), {row[code]: row[name] for row in rows if row[code]}


def results(path: Path) -> tuple[int, dict[str, tuple[int, float]]]:
    """Rows of the result sheets, and by sheet how many figures they hold and what they add up to."""
    n_rows, by_sheet = 0, {}
    for name, first in (("_grp", 5), ("_PDI", 6), ("_CH", 6)):
        full = f"summary_stats_admin_1{name}" if name == "_grp" else f"summary_stats_admin1{name}"
        rows = sheet(path, full)[1:]
        figures = [cell for row in rows for cell in row[first:] if cell is not None and cell != "NA"]
        n_rows += len(rows)
        by_sheet[full] = (len(figures), float(sum(map(float, figures))))
    return n_rows, by_sheet


def verification(path: Path) -> tuple[int, int]:
    """Rules of the list of verification, and the headings among them (which say no error)."""
    rows = sheet(path, "vérifications_nettoyage")[1:]
    rules = [row for row in rows if row[2] is not None and str(row[2]).strip()]
    return len(rules), len(rows) - len(rules)


def analysis_plan(path: Path) -> int:
    """Analyses of the list of analysis."""
    return len(sheet(path, "loa")) - 1


def logical_checks(path: Path) -> int:
    """Checks of the second sheet, which holds all."""
    first, second = sheet(path, "Sheet 1")[1:], sheet(path, "Sheet 2")[1:]
    assert {row[0] for row in first} <= {row[0] for row in second}
    return len(second)
