"""Merging into core on a real Postgres: sheets of one file, rows that all count, snapshots in any order of arrival."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from tests.conftest import Warehouse

from footprints.contracts import Layout, Match, Read
from footprints.warehouse.engine import driver
from footprints.warehouse.load import Merge, Stage, Version

COLUMNS = ("year", "origin_code", "provider_origin", "asylum_code", "provider_asylum", "unit_code", "n_applied")
TABLE = "asylum_application"
Row = tuple[int, str, str, str, int]
"""year, origin, asylum, unit, applications"""


def layout(name: str, mode: str = "upsert", **more: object) -> Layout:
    return Layout(
        name=name,
        match=Match(headers=("x",)),
        read=Read(),
        table=TABLE,
        mode=mode,  # type: ignore[arg-type]
        record_key=("year",),
        columns=(),
        as_of={"received": ""},
        **more,  # type: ignore[arg-type]
    )


PARTIAL = layout("partial")
PAIRS = layout("pairs", "snapshot", scope=("asylum_code", "origin_code"), period="year")
PLACES = layout("places", "snapshot", scope=("unit_code",))
EVERY_ROW = layout("every-row", on_repeated_key="number")
WHOLE = layout("whole", "snapshot", period="year", covers="all")
SOME_YEARS = layout("some-years", "snapshot", period="year", covers="years")
LAYOUTS = (PARTIAL, PAIRS, PLACES, EVERY_ROW, WHOLE, SOME_YEARS)


@dataclass(frozen=True)
class Sheet:
    layout: Layout
    rows: tuple[Row, ...]
    keys: tuple[str, ...] | None = None


@pytest.fixture(scope="module")
def engine(warehouse: Warehouse) -> Iterator[Engine]:
    loader = create_engine(warehouse.loader)
    with loader.begin() as connection:
        connection.execute(text("INSERT INTO meta.partner (partner_id, name) VALUES ('test', 'Test')"))
        connection.execute(
            text(
                "INSERT INTO meta.source (source_id, partner_id, title_en, publisher, licence, citation,"
                " confidentiality, contract_sha256) VALUES ('merge-test', 'test', 't', 'p', 'l', 'c', 'public', '')"
            )
        )
    yield loader
    loader.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def deliver(connection: Connection, day: int, *sheets: Sheet, again: int | None = None) -> tuple[int, list[Merge]]:
    """Loads sheets as one delivery with facts of a day of January 2020; `again` replays a delivery."""
    as_of = datetime(2020, 1, day, tzinfo=UTC)
    delivery = (
        again
        or connection.execute(
            text(
                "INSERT INTO meta.delivery (partner_id, source_id, bucket, object_key, object_version, size_bytes,"
                " enrolled_by, state, as_of) SELECT 'test', 'merge-test', 'b', count(*)::text, 'v', 0, 'sweep',"
                " 'loaded', :as_of FROM meta.delivery RETURNING delivery_id"
            ),
            {"as_of": as_of},
        ).scalar_one()
    )
    raw = driver(connection)
    raw.execute(b"DROP TABLE IF EXISTS pg_temp.stage_1, pg_temp.stage_2")
    raw.execute(b"DELETE FROM meta.snapshot WHERE delivery_id = %s", (delivery,))
    stages = []
    for number, sheet in enumerate(sheets, start=1):
        stage = Stage(raw, sheet.layout, (*COLUMNS, "n_applied_low", "n_applied_high", "is_withheld"), number)
        keys = sheet.keys or tuple("|".join(map(str, row[:4])) for row in sheet.rows)
        year, origin, asylum, unit, n = (list(cells) for cells in zip(*sheet.rows, strict=True))
        cells = [year, origin, origin, asylum, asylum, unit, n, n, n, [False] * len(n)]
        stage.copy(
            pa.table(dict(zip((*stage.columns, "record_key"), (*cells, list(keys)), strict=True))),
            np.arange(2, len(n) + 2),
        )
        stages.append(stage)
    version = Version(as_of, delivery)
    merges = [stage.merge("merge-test", version, (), siblings=stages, layouts=LAYOUTS) for stage in stages]
    return delivery, merges


def content(connection: Connection) -> list[tuple[str, int]]:
    rows = connection.execute(text(f"SELECT record_key, n_applied FROM core.{TABLE} ORDER BY 1")).all()
    return [(row[0], row[1]) for row in rows]


def test_two_sheets_of_one_file_do_not_take_each_others_records_away(connection: Connection) -> None:
    persons = Sheet(PLACES, ((2019, "AFG", "PAK", "P", 7), (2019, "IRQ", "PAK", "P", 8)))
    cases = Sheet(PLACES, ((2019, "AFG", "PAK", "C", 3),))
    delivery, merges = deliver(connection, 1, persons, cases)
    assert [m.rows_loaded for m in merges] == [2, 1]
    assert len(content(connection)) == 3
    _, merges = deliver(connection, 1, persons, cases, again=delivery)
    assert [(m.rows_loaded, m.rows_unchanged, m.records_gone) for m in merges] == [(0, 2, 0), (0, 1, 0)]
    # A replay that reads less takes back what it does not hold any more.
    deliver(connection, 1, Sheet(PLACES, persons.rows[:1]), cases, again=delivery)
    assert content(connection) == [("2019|AFG|PAK|C", 3), ("2019|AFG|PAK|P", 7)]


def test_every_row_counts_where_the_layout_says_so(connection: Connection) -> None:
    rows = ((2019, "UKN", "LBY", "P", 53),) * 3 + ((2019, "UKN", "LBY", "P", 85), (2019, "AFG", "LBY", "P", 1))
    delivery, (merge,) = deliver(connection, 1, Sheet(EVERY_ROW, rows))
    assert (merge.rows_loaded, merge.rows_duplicate, merge.issues) == (5, 0, ())
    assert content(connection) == [
        ("2019|AFG|LBY|P", 1),
        ("2019|UKN|LBY|P", 53),
        ("2019|UKN|LBY|P#2", 53),
        ("2019|UKN|LBY|P#3", 53),
        ("2019|UKN|LBY|P#4", 85),
    ]
    _, (merge,) = deliver(connection, 1, Sheet(EVERY_ROW, rows), again=delivery)
    assert (merge.rows_unchanged, merge.records_unchanged) == (5, 5)


PARTS = (
    # An older extract, split otherwise: covered where the snapshot speaks, and kept where it does not.
    (
        1,
        Sheet(
            PARTIAL,
            ((2013, "AFG", "PAK", "P", 4), (2015, "AFG", "PAK", "P", 9), (2015, "IRQ", "PAK", "P", 2)),
            ("a", "b", "c"),
        ),
    ),
    (2, Sheet(PAIRS, ((2014, "AFG", "PAK", "P", 10), (2016, "AFG", "PAK", "P", 11)))),
    # A newer statement about the same pair is no older fact: it stays.
    (3, Sheet(PARTIAL, ((2016, "AFG", "PAK", "C", 5),), ("d",))),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_a_snapshot_covers_older_upserts_whatever_comes_first(connection: Connection, order: tuple[int, ...]) -> None:
    for part in order:
        day, sheet = PARTS[part]
        deliver(connection, day, sheet)
    assert content(connection) == [("2014|AFG|PAK|P", 10), ("2016|AFG|PAK|P", 11), ("a", 4), ("c", 2), ("d", 5)]


HISTORY = (
    (1, Sheet(WHOLE, tuple((year, "AFG", "PAK", "P", 1) for year in (2013, 2014, 2015, 2016)))),
    # Whole again, with new keys and without 2013: what it does not hold is not so any more.
    (2, Sheet(WHOLE, tuple((year, "AFG", "PAK", "C", 2) for year in (2014, 2015, 2016)))),
    # A download for two years apart: the year between is not its business.
    (3, Sheet(SOME_YEARS, ((2014, "IRQ", "PAK", "P", 3), (2016, "IRQ", "PAK", "P", 3)))),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_a_snapshot_of_some_years_leaves_the_others_alone(connection: Connection, order: tuple[int, ...]) -> None:
    for part in order:
        day, sheet = HISTORY[part]
        deliver(connection, day, sheet)
    assert content(connection) == [("2014|IRQ|PAK|P", 3), ("2015|AFG|PAK|C", 2), ("2016|IRQ|PAK|P", 3)]
