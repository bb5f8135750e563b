"""The real files of the incident sources, Frontex and the register against counts that know nothing of our readers."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from tests.integration.real_files import counts_incidents as counts
from tests.integration.real_files.loading import EXPECTATIONS, load
from tests.real_files import PARTNERS, needs_real_files

from footprints.check import check_file
from footprints.contracts import Layout, load_contract
from footprints.examine import Examination, examine
from footprints.harmonise.folding import fold
from footprints.model import Reject
from footprints.settings import Settings

pytestmark = needs_real_files


PATHS = (
    counts.MMP_2016,
    counts.MMP_2017,
    counts.MMP_2019,
    counts.MMP_2021,
    counts.MMP_2024,
    counts.MMP_API_2016,
    counts.MMP_API_2024,
    counts.TMF,
    counts.FRONTEX,
    counts.REGISTER_CYCLES,
    counts.REGISTER_PRODUCTS,
)
SHORT = {path: path.rsplit("/", 1)[-1][:24] for path in PATHS}


class Kept:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.layout: Layout | None = None
        self.tables: list[pa.Table] = []
        self.row_numbers: list[int] = []
        self.rejected: list[Reject] = []

    def begin(self, layout: Layout, columns: tuple[str, ...]) -> None:
        self.layout = layout

    def records(self, records: pa.Table, row_numbers: Any) -> None:
        self.tables.append(records)
        self.row_numbers += row_numbers.tolist()

    def rejects(self, rejects: list[Reject]) -> None:
        self.rejected += rejects

    def table(self) -> pa.Table:
        return pa.concat_tables(self.tables)


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return {count.path: count for count in counts.all_counts(PARTNERS)}


@pytest.fixture(scope="module")
def read() -> Any:
    """Reads a file by its contract, once a module."""
    seen: dict[str, tuple[Examination, Kept]] = {}

    def once(source: str, path: str) -> tuple[Examination, Kept]:
        if path not in seen:
            sink = Kept()
            contract = load_contract(EXPECTATIONS / source)
            settings = Settings(gx_rows=0)  # the same suites as masks; tests/unit/quality holds both engines equal
            today = dt.date(2026, 1, 1)
            examination = examine(
                PARTNERS / path, Path(path).name, contract, settings, sink, today=today, privacy_key="key-of-the-tests"
            )
            seen[path] = examination, sink
        return seen[path]

    return once


@pytest.mark.parametrize("path", PATHS, ids=SHORT.get)
def test_rows_are_those_counted_without_our_readers(path: str, expected: dict[str, Any], read: Any) -> None:
    count = expected[path]
    examination, sink = read(count.source, path)
    assert sink.layout.name == count.layout
    assert examination.rows_read == count.n_rows
    assert {reject.row_number: reject.rules[0] for reject in sink.rejected} == count.rejected
    assert all(issue.severity != "hold" for issue in examination.issues)


@pytest.mark.parametrize("path", PATHS, ids=SHORT.get)
def test_row_accounting_of_a_check_without_server(path: str, expected: dict[str, Any]) -> None:
    count = expected[path]
    found = check_file(PARTNERS / path, count.source, Settings(gx_rows=0)).delivery.counts
    assert (found.rows_read, found.rows_rejected, found.rows_duplicate, found.rows_loaded) == (
        count.n_rows,
        len(count.rejected),
        count.n_duplicate,
        count.n_loaded,
    )


@pytest.mark.parametrize("path", PATHS, ids=SHORT.get)
def test_figures_add_up_to_those_of_the_file(path: str, expected: dict[str, Any], read: Any) -> None:
    count = expected[path]
    _, sink = read(count.source, path)
    table = sink.table()
    # Exact repeats go when the delivery is merged; here they still stand twice.
    distinct = pa.Table.from_pylist(list({repr(row): row for row in table.to_pylist()}.values()), table.schema)
    assert len(distinct) == count.n_records
    for column, total in count.sums.items():
        if column in distinct.column_names:
            assert (pc.sum(distinct[column]).as_py() or 0) == total, column


def test_a_midnight_in_berlin_stays_on_its_day(read: Any) -> None:
    """The export of 2016 writes local midnights in UTC; a later export of the same incident has the local day."""
    old = _incidents(read, counts.MMP_2016)
    stamps = {
        f"objectid:{row['OBJECTID']}": row["DATEREPORTED"]
        for _, row in counts.csv_rows(PARTNERS / counts.MMP_2016, "utf-8-sig")
    }
    later: dict[tuple[Any, ...], list[dt.date]] = {}
    for incident in _incidents(read, counts.MMP_2021).values():
        later.setdefault(_place(incident), []).append(incident["incident_date"].date())
    agrees = compared = 0
    for key, incident in old.items():
        candidates = later.get(_place(incident), []) if incident["latitude"] is not None else []
        if len(candidates) == 1 and "T00:00" not in stamps[key] and abs(_days(candidates[0], incident)) <= 1:
            compared += 1
            agrees += _days(candidates[0], incident) == 0
    assert compared > 80
    assert agrees / compared > 0.98


def _incidents(read: Any, path: str) -> dict[str, dict[str, Any]]:
    return {row["record_key"]: row for row in read("iom-missing-migrants", path)[1].table().to_pylist()}


def _place(incident: dict[str, Any]) -> tuple[Any, ...]:
    if incident["latitude"] is None:
        return ()
    return round(incident["latitude"], 2), round(incident["longitude"], 2), incident["n_dead"]


def _days(day: dt.date, incident: dict[str, Any]) -> int:
    return (incident["incident_date"].date() - day).days


def test_one_numbering_for_the_exports_of_2016_and_2017(read: Any) -> None:
    old, new = _incidents(read, counts.MMP_2016), _incidents(read, counts.MMP_2017)
    common = old.keys() & new.keys()
    assert len(common) > 1600
    assert sum(old[key]["n_dead"] == new[key]["n_dead"] for key in common) / len(common) > 0.98


def test_reversed_coordinates_are_turned_and_flagged(read: Any) -> None:
    examination, sink = read("iom-missing-migrants", counts.MMP_2021)
    flagged = {i.column: i.n_rows for i in examination.issues if i.rule == "type.number"}
    reversed_cells = [
        tuple(float(part) for part in row["Location Coordinates"].split(","))
        for _, row in counts.csv_rows(PARTNERS / counts.MMP_2021, "utf-8")
    ]
    reversed_cells = [cell for cell in reversed_cells if abs(cell[0]) > 90]
    assert flagged == {"Location Coordinates": len(reversed_cells)}
    places = {(row["longitude"], row["latitude"]) for row in sink.table().to_pylist()}
    assert set(reversed_cells) <= places


@pytest.mark.parametrize(
    ("source", "path", "column", "n_rows"),
    [
        ("iom-missing-migrants", counts.MMP_2019, "Number of Females, Number of Males", 5),
        ("iom-missing-migrants", counts.MMP_2021, "Number of Females, Number of Males", 4),
        ("iom-missing-migrants", counts.MMP_2021, "Number Dead, Minimum Estimated Number of Missing", 0),
        ("the-migrants-files", counts.TMF, "dead, missing", 8),
    ],
)
def test_totals_that_do_not_add_up_are_flagged_and_kept(
    source: str, path: str, column: str, n_rows: int, read: Any
) -> None:
    examination, _ = read(source, path)
    found = [i for i in examination.issues if column in (i.parameters.get("column_A"), i.parameters.get("column_B"))]
    assert sum(i.n_rows for i in found) == n_rows
    assert {i.severity for i in found} <= {"flag"}


def test_every_code_that_is_given_stands_in_the_code_list(read: Any, expected: dict[str, Any]) -> None:
    known = {(row["domain"], row["code"]) for _, row in counts.csv_rows(EXPECTATIONS / "codes.csv", "utf-8")}
    domains = {
        "route_code": "route",
        "cause_code": "cause",
        "border_type_code": "border_type",
        "flow_type_code": "flow_type",
    }
    for path in PATHS:
        table = read(expected[path].source, path)[1].table()
        for column, domain in domains.items():
            if column in table.column_names:
                given = {(domain, code) for code in pc.unique(table[column]).to_pylist() if code is not None}
                assert given <= known


def test_frontex_months_become_periods(read: Any) -> None:
    rows = read("frontex", counts.FRONTEX)[1].table().to_pylist()
    february = [row for row in rows if row["period_start"] == dt.datetime(2016, 2, 1)]
    assert {row["period_end"] for row in february} == {dt.datetime(2016, 2, 29)}
    assert len({row["record_key"] for row in rows}) == len(rows)
    by_origin = {row["provider_origin"]: row["origin_code"] for row in rows}
    assert by_origin["Palestine^"] == "PSE"
    assert by_origin["Kosovo*"] == "XKX"
    assert by_origin["Congo (Brazzaville)"] == "COG"
    assert by_origin["Congo (Kinshasa)"] == "COD"
    assert by_origin["Stateless"] == "STA"
    assert by_origin["Namibia"] == "NAM"
    assert None not in by_origin.values()


def test_a_register_entry_may_be_about_several_countries(read: Any) -> None:
    rows = read("organisation-register", counts.REGISTER_PRODUCTS)[1].table().to_pylist()
    assert {row["country_codes"] for row in rows} == {"{TCD}", "{NER,TCD}", "{LBY,NER,TCD}"}
    assert {row["organisation"] for row in rows} == {"REACH"}
    examination, _ = read("organisation-register", counts.REGISTER_CYCLES)
    assert [(i.column, i.n_rows) for i in examination.issues if i.severity == "flag"] == [("Research Cycle Title", 2)]


@pytest.mark.parametrize("source", ["iom-missing-migrants", "the-migrants-files", "frontex"])
def test_code_maps_name_each_value_once(source: str) -> None:
    for path in (EXPECTATIONS / source / "maps").glob("*.csv"):
        values = [fold(row["provider_value"]) for _, row in counts.csv_rows(path, "utf-8")]
        assert len(values) == len(set(values)), path.name


def test_the_global_crosswalk_names_each_value_once() -> None:
    rows = [row for _, row in counts.csv_rows(EXPECTATIONS / "countries.csv", "utf-8")]
    assert len({fold(row["provider_value"]) for row in rows}) == len(rows)


# ------------------------------------------------------------------------------------------------- one history


@pytest.fixture
def loader(warehouse_url: str) -> Iterator[Engine]:
    engine = create_engine(warehouse_url)
    yield engine
    engine.dispose()


ORDERS = {
    "as they were made": (0, 1, 2, 3, 4, 5, 6),
    "newest first": (6, 5, 4, 3, 2, 1, 0),
    "in between": (3, 5, 0, 4, 2, 6, 1),
}


@pytest.mark.integration
def test_code_lists_are_in_the_warehouse(connection: Connection) -> None:
    found = connection.execute(text("SELECT domain, code FROM core.code")).all()
    assert ("route", "central-mediterranean") in {tuple(row) for row in found}


@pytest.mark.integration
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_seven_exports_make_one_history(
    order: tuple[int, ...], connection: Connection, expected: dict[str, Any]
) -> None:
    """Whatever the order of arrival, each year is as the newest export of it tells it, and nothing stands twice."""
    history, by_year = counts.mmp_history(PARTNERS)
    for number in order:
        path = PATHS[number]
        delivery, _ = load(connection, path, expected[path].source)
        count = expected[path]
        found = delivery.counts
        assert found.rows_read == count.n_rows
        assert found.rows_rejected == len(count.rejected)
        assert found.rows_duplicate == count.n_duplicate
        assert found.rows_loaded + found.rows_unchanged == count.n_loaded
    stated = connection.execute(
        text(
            "SELECT record_key, incident_date, n_dead, n_missing, n_dead_and_missing FROM core.incident"
            " WHERE source_id = 'iom-missing-migrants'"
        )
    ).all()
    assert dict(sorted(Counter(row.incident_date.year for row in stated).items())) == by_year
    facts = Counter((row[0].split("#")[0], *row[1:]) for row in stated)
    assert facts == Counter((i.key, i.day, i.dead, i.missing, i.total) for i in history)
