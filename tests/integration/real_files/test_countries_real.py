"""Every country that the field's own taxonomy or a real file names is found, or listed here as none."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import ftfy
import openpyxl
import pytest
from tests.real_files import PARTNERS, needs_real_files

from footprints.contracts import load_contract
from footprints.harmonise.countries import find_country, load_crosswalk, m49_codes
from footprints.settings import REPOSITORY

EXPECTATIONS = REPOSITORY / "expectations"
TAXONOMY = PARTNERS / "ocha-hxl" / "Countries & Territories Taxonomy MVP - C&T Taxonomy.csv"

Reader = Callable[[Path], set[str]]

pytestmark = needs_real_files

NOT_COUNTRIES = {
    "Netherlands Antilles",
    "Netherlands Antilles (The Netherlands)",  # no more since 2010: three countries and parts of the Netherlands
    "Azores Islands",
    "Azores Islands (Portugal)",
    "Canary Islands",
    "Canary Islands (Spain)",
    "Channel Islands",
    "Galapagos Islands",
    "Galapagos Islands (Ecuador)",
    "Sark",
}
"""Names of the taxonomy that are parts of countries, several of them, or none any more. ISO has no code for them."""
NAME_COLUMNS = (
    "Preferred Term",
    "ISO Alt Term",
    "DGACM Alt Term",
    "HPC Tools Alt Term",
    "RW Short Name",
    "RW API Alt Term",
    "English Short",
    "English Formal",
    "M49 English",
    "French Short",
    "M49 French",
    "Arabic Short",
    "M49 Arabic",
    "ISO 3166-1 Alpha 2-Codes",
    "ISO 3166-1 Alpha 3-Codes",
)


def test_the_taxonomy_s_names_in_three_languages_are_found() -> None:
    crosswalk = load_crosswalk(EXPECTATIONS / "countries.csv")
    with TAXONOMY.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    n_names = 0
    missed: set[str] = set()
    for row in rows:
        code = row["ISO 3166-1 Alpha 3-Codes"] or row["x Alpha3 codes"]
        for column in NAME_COLUMNS:
            name = row[column].strip()
            if name:
                n_names += 1
                found = find_country(name, crosswalk)
                assert found in (code, None), (name, code, found)
                if found is None:
                    missed.add(name)
    assert n_names > 2000
    assert missed == NOT_COUNTRIES


def test_the_taxonomy_s_numbers_are_m49() -> None:
    with TAXONOMY.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["ISO 3166-1 Alpha 3-Codes"]:
                assert m49_codes()[row["m49 numerical code"]] == row["ISO 3166-1 Alpha 3-Codes"]


def csv_cells(*columns: str, encoding: str = "utf-8-sig", delimiter: str = ",") -> Reader:
    def read(path: Path) -> set[str]:
        with path.open(encoding=encoding, newline="") as file:
            return {row[c] for row in csv.DictReader(file, delimiter=delimiter) for c in columns if row.get(c)}

    return read


def json_cells(*columns: str) -> Reader:
    def read(path: Path) -> set[str]:
        return {row[c] for row in json.loads(path.read_text("utf-8"))["result"] for c in columns if row.get(c)}

    return read


def sheet_cells(sheet: str, *columns: str) -> Reader:
    def read(path: Path) -> set[str]:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        rows = book[sheet].iter_rows(values_only=True)
        header = next(rows)
        places = [header.index(column) for column in columns]
        return {str(row[at]) for row in rows for at in places if len(row) > at and row[at] is not None}

    return read


CELLS: list[tuple[str, Reader, str | None, set[str]]] = [
    (
        "unhcr/unhcr_popstats_export_persons_of_concern_all_data.csv",
        csv_cells("Country of asylum or residence", "Origin"),
        "unhcr-population",
        set(),
    ),
    ("unhcr/persons_of_concern.csv", csv_cells("Country of Origin", "Country of Asylum"), "unhcr-population", set()),
    (
        "unhcr/persons_of_concern.xlsx",
        sheet_cells("persons_of_concern", "Country of Origin", "Country of Asylum"),
        "unhcr-population",
        set(),
    ),
    (
        "unhcr/asylum-applications_data.csv",
        csv_cells("Country of origin", "Country of asylum"),
        "unhcr-population",
        set(),
    ),
    (
        "unhcr/unhcr med data 12 31.xlsx",
        sheet_cells("Arrivals - Italy", "Country of Origin Name"),
        "unhcr-population",
        set(),
    ),
    ("iom-dtm/displacement-admin2-admin0pcode-tcd.json", json_cells("admin0Name", "admin0Pcode"), "iom-dtm", set()),
    (
        "iom-dtm/global-iom-dtm-from-api-admin-0-to-2.csv",
        csv_cells("admin0Name", "admin0Pcode"),
        "iom-dtm",
        {"#country+name", "#country+code"},
    ),
    (
        "iom-dtm/DTM_Libya_R54_Migrant_Dataset_PUBLIC.xlsx",
        sheet_cells("Nationalities", "Migrant Nationality"),
        "iom-dtm",
        set(),
    ),
    ("frontex/Detections_of_IBC_2020_07_07.xlsx", sheet_cells("Detections_of_IBC", "Nationality"), "frontex", set()),
    ("ocha-cod/download-global-pcodes-adm-1-2.csv", csv_cells("Location"), "ocha-cod", {"#country+code"}),
    ("ocha-cod/download-global-pcode-lengths.csv", csv_cells("Location"), "ocha-cod", {"#country+code"}),
    ("ocha-cod/PCODES_Localites_OCHA.csv", csv_cells("CNTRY_NAME", encoding="cp1252"), "ocha-cod", set()),
    (
        "ocha-hxl/unhcr-3w.csv",
        csv_cells("Country name"),
        None,
        {"#country", "Thailand-Myanmar", "Nigeria Situation", "Mali Situation"},
    ),
    ("ocha-hxl/rowca-3w-hxl.csv", csv_cells("Country"), None, {"#country"}),
    ("ocha-hxl/hno_2017_sahel_people_in_need.xlsx", sheet_cells("Sheet1", "Country"), None, {"#country"}),
    ("reach-impact/chad_repository.csv", csv_cells("Country", delimiter=";"), "organisation-register", set()),
    ("reach-impact/legacy_data_chad.csv", csv_cells("Country", delimiter=";"), "organisation-register", set()),
]
"""File, its cells that name one country, the source whose words count too, and the cells that name none."""


@pytest.mark.parametrize(
    ("file", "read", "source", "none"), CELLS, ids=[f"{i}-{c[0][-24:]}" for i, c in enumerate(CELLS)]
)
def test_the_countries_of_real_files_are_found(file: str, read: Reader, source: str | None, none: set[str]) -> None:
    crosswalk = (
        load_contract(EXPECTATIONS / source).countries if source else load_crosswalk(EXPECTATIONS / "countries.csv")
    )
    cells = {ftfy.fix_encoding(cell.strip()) for cell in read(PARTNERS / file)}
    if file == "reach-impact/legacy_data_chad.csv":  # its cells are lists
        cells = {part for cell in cells for part in cell.split(",")}
    assert cells
    assert {cell for cell in cells if find_country(cell, crosswalk) is None} == none
