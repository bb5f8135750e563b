"""The real files of UNHCR and IOM DTM against counts that know nothing of our readers, alone and in one warehouse."""

from __future__ import annotations

import csv
import itertools
import random
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from tests.integration.real_files import counts_unhcr_dtm as counts
from tests.integration.real_files.loading import EXPECTATIONS, load
from tests.real_files import needs_real_files

from footprints.harmonise.countries import countries
from footprints.harmonise.folding import fold

pytestmark = [pytest.mark.integration, needs_real_files]


FILES = (
    counts.POPSTATS,
    counts.RDF,
    counts.RDF_WORKBOOK,
    counts.HDX_TOTALS,
    counts.HDX_DEMOGRAPHICS,
    counts.REFUGEES_2014,
    counts.HDX_ASYLUM,
    counts.ASYLUM,
    counts.ARRIVALS,
    counts.ARRIVALS_WORKBOOK,
    counts.DTM_API,
    *counts.DTM_CHAD,
    counts.DTM_LIBYA,
    counts.DTM_MALAWI,
    counts.DTM_CAR,
    *counts.DTM_IRAQ,
)
NAMES = {file: file.rsplit("/", 1)[-1][:36] for file in FILES}


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return {count.file: count for count in (make() for make in counts.FILES)}


def content(connection: Connection, table: str) -> tuple[int, int]:
    """How many records a table of core holds, and a checksum of what they say (not of who said it)."""
    row = connection.execute(
        text(
            "SELECT count(*), coalesce(sum(hashtextextended((to_jsonb(c) - 'delivery_id' - 'row_number')::text, 0)), 0)"
            f" FROM core.{table} c"
        )
    ).one()
    return int(row[0]), int(row[1])


@pytest.mark.parametrize("file", FILES, ids=NAMES.get)
def test_a_file_alone_gives_what_was_counted(file: str, expected: dict[str, Any], connection: Connection) -> None:
    count = expected[file]
    delivery, _ = load(connection, file, count.source)
    found = delivery.counts
    assert (found.rows_read, found.rows_rejected, found.rows_duplicate) == (
        count.rows,
        len(count.rejected),
        len(count.duplicates),
    )
    assert (found.rows_loaded, found.rows_unchanged) == (count.loaded, 0)
    assert found.records_added == count.records == content(connection, count.table)[0]
    rejected = connection.execute(
        text("SELECT row_number, rules FROM meta.reject WHERE delivery_id = :id"), {"id": delivery.delivery_id}
    ).all()
    assert {row[0] for row in rejected} == set(count.rejected)
    for sql, total in count.sums.items():
        assert connection.execute(text(sql)).scalar_one() == total, sql


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (counts.RDF, counts.RDF_WORKBOOK),
        *((counts.DTM_API, file) for file in counts.DTM_CHAD),
        (counts.ARRIVALS_WORKBOOK, counts.ARRIVALS),
    ],
    ids=["RDF and its workbook", "Chad 0", "Chad 1", "Chad 2", "arrivals"],
)
def test_what_another_file_already_said_changes_nothing(
    first: str, second: str, expected: dict[str, Any], connection: Connection
) -> None:
    load(connection, first, expected[first].source)
    before = content(connection, expected[first].table)
    delivery, _ = load(connection, second, expected[second].source)
    found = delivery.counts
    if second == counts.ARRIVALS:
        # The CSV tells 48 months of Greek land arrivals (0) that the sheet leaves out: those it adds.
        assert (found.records_added, found.records_changed, found.records_gone) == (48, 0, 0)
    else:
        assert (found.rows_loaded, found.rows_unchanged) == (0, expected[second].rows)
        assert content(connection, expected[first].table) == before


def test_the_codes_of_2014_are_right_to_the_last_figure(expected: dict[str, Any], connection: Connection) -> None:
    """Read by UNHCR's own codes, the file of 2014 says of 2012 what popstats says by names: 4,886 cells, all equal."""
    query = text(
        "SELECT origin_code, asylum_code, n_persons FROM core.population"
        " WHERE year = 2012 AND dataset_code = 'totals' AND population_type_code = 'REF'"
    )
    load(connection, counts.REFUGEES_2014, "unhcr-population")
    by_code = {(row[0], row[1]): row[2] for row in connection.execute(query)}
    connection.rollback()
    load(connection, counts.POPSTATS, "unhcr-population")
    by_name = {(row[0], row[1]): row[2] for row in connection.execute(query)}
    assert len(by_name) == 4886
    assert by_name == {pair: n for pair, n in by_code.items() if n or pair in by_name}
    # Both in one warehouse: popstats is newer and whole, so the zeros that only the older file has are gone.
    _, _ = load(connection, counts.REFUGEES_2014, "unhcr-population")
    assert {(row[0], row[1]): row[2] for row in connection.execute(query)} == by_name


def test_the_code_map_of_2014_names_each_code_once() -> None:
    with (EXPECTATIONS / "unhcr_codes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    known = {country.country_code for country in countries()}
    assert len({fold(row["provider_value"]) for row in rows}) == len({row["country_code"] for row in rows}) == len(rows)
    assert {row["country_code"] for row in rows} <= known
    # The traps: what would be another country, or none, in ISO.
    code = {row["provider_value"]: row["country_code"] for row in rows}
    traps = {"ARE": "EGY", "AUS": "AUT", "AUL": "AUS", "COB": "COG", "ERT": "ERI", "ICO": "CIV", "SUD": "SDN"}
    assert traps.items() <= code.items()
    assert {"GAZ": "PSE", "STA": "STA", "VAR": "UKN", "NIG": "NGA", "NGR": "NER"}.items() <= code.items()


def test_a_star_is_an_interval_from_one_to_four(connection: Connection) -> None:
    load(connection, counts.POPSTATS, "unhcr-population")
    rows = connection.execute(
        text("SELECT DISTINCT year, n_persons, n_persons_low, n_persons_high FROM core.population WHERE is_withheld")
    ).all()
    assert [tuple(row) for row in rows] == [(2014, None, 1, 4)]


@pytest.mark.parametrize("order", list(itertools.permutations((counts.HDX_ASYLUM, counts.ASYLUM))), ids=["12", "21"])
def test_asylum_applications_are_not_counted_at_two_depths(order: tuple[str, ...], connection: Connection) -> None:
    """Both files tell of Afghans in Pakistan 2014 to 2019, one by level: only that one counts, whatever comes first."""
    for file in order:
        load(connection, file, "unhcr-population")
    rows = connection.execute(
        text(
            "SELECT year, array_agg(DISTINCT decision_level_code), sum(n_applied) FROM core.asylum_application"
            " WHERE origin_code = 'AFG' AND asylum_code = 'PAK' AND year >= 2014 GROUP BY 1 ORDER BY 1"
        )
    ).all()
    table = counts.table(counts.ASYLUM)
    whole = {
        year: sum(int(row["applied"]) for row in table if _pair(row) == (str(year), "AFG", "PAK"))
        for year in range(2014, 2020)
    }
    assert {row[0]: row[2] for row in rows} == whole
    assert all(None not in row[1] for row in rows)
    # What only the extract knows (before 2014) is still there.
    assert connection.execute(text("SELECT min(year) FROM core.asylum_application")).scalar_one() == 2000


def _pair(row: dict[str, str]) -> tuple[str, str, str]:
    return row["Year"], row["Country of origin (ISO)"], row["Country of asylum (ISO)"]


@pytest.mark.parametrize(
    "order", list(itertools.permutations((counts.ARRIVALS, counts.ARRIVALS_WORKBOOK))), ids=["12", "21"]
)
def test_the_source_sheet_corrects_the_csv_made_from_it(order: tuple[str, ...], connection: Connection) -> None:
    """In three months the CSV holds the number of the month where the people of Cyprus should be."""
    for file in order:
        load(connection, file, "unhcr-population")
    stated = {
        (row[0], row[1], row[2]): row[3]
        for row in connection.execute(
            text(
                "SELECT destination_code, border_type_code, to_char(period_start, 'YYYY-MM'), n_persons FROM core.flow"
                " WHERE source_id = 'unhcr-population'"
            )
        )
    }
    sheet, derived = counts.source_cells(), counts.arrival_cells()
    differing = {key: (derived[key], sheet[key]) for key in sheet if key in derived and derived[key] != sheet[key]}
    assert differing == {
        ("CYP", "all", "2016-03"): (3, 28),
        ("CYP", "all", "2016-04"): (4, 15),
        ("CYP", "all", "2016-05"): (5, 15),
    }
    assert stated == derived | sheet


def test_any_order_of_arrival_ends_in_the_same_warehouse(expected: dict[str, Any], engine: Engine) -> None:
    """All files in the order they were made, all once more, and all in another order."""
    tables = ("population", "asylum_application", "flow", "displacement")
    with engine.connect() as connection:
        for file in FILES:
            load(connection, file, expected[file].source)
        first = {table: content(connection, table) for table in tables}
        for file in FILES:
            load(connection, file, expected[file].source)
        assert {table: content(connection, table) for table in tables} == first
        connection.rollback()
    shuffled = list(FILES)
    random.Random(1).shuffle(shuffled)
    with engine.connect() as connection:
        for file in shuffled:
            load(connection, file, expected[file].source)
        assert {table: content(connection, table) for table in tables} == first
        connection.rollback()


CODED = {
    ("population", "population_type_code"): "population_type",
    ("asylum_application", "procedure_code"): "procedure",
    ("asylum_application", "application_type_code"): "application_type",
    ("asylum_application", "decision_level_code"): "decision_level",
    ("asylum_application", "unit_code"): "unit",
    ("displacement", "population_group_code"): "population_group",
    ("displacement", "reason_code"): "reason",
    ("flow", "border_type_code"): "border_type",
    ("flow", "flow_type_code"): "flow_type",
}


def test_every_code_that_is_given_stands_in_the_code_list(expected: dict[str, Any], connection: Connection) -> None:
    with (EXPECTATIONS / "codes.csv").open(encoding="utf-8") as file:
        known = {(row["domain"], row["code"]) for row in csv.DictReader(file)}
    for file_name in FILES:
        if file_name not in (counts.RDF_WORKBOOK, *counts.DTM_CHAD):  # they say what others say
            load(connection, file_name, expected[file_name].source)
    for (table, column), domain in CODED.items():
        given = connection.execute(text(f"SELECT DISTINCT {column} FROM core.{table} WHERE {column} IS NOT NULL"))
        assert {(domain, row[0]) for row in given} <= known
