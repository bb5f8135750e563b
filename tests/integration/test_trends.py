"""Trend tables on a real Postgres: incremental equals full, failed checks keep the old figures, nothing is lost."""

from __future__ import annotations

import json
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, text

from footprints import trends
from footprints.settings import REPOSITORY
from footprints.stack import state
from footprints.stack.postgres import Postgres
from footprints.warehouse.migrate import migrate

SQL = REPOSITORY / "sql"
TRENDS = trends.load_trends(SQL)
SOURCES = ("iom-test", "mhub-test")
COUNTRIES = ("LBY", "MLI", "SOM", "ERI", "UKN")


@dataclass(frozen=True)
class Database:
    """URLs of a migrated database without reference tables: these tests depend on no contract."""

    owner: str
    loader: str
    dashboard: str


@pytest.fixture(scope="module")
def database(postgres_server: Postgres) -> Iterator[Database]:
    name = f"trends_{secrets.token_hex(4)}"
    postgres_server.ensure_database(name, state.OWNER)
    roles = (state.OWNER, state.LOADER, state.DASHBOARD)
    urls = Database(*(postgres_server.url(name, role, role) for role in roles))
    migrate(urls.owner, SQL)
    yield urls
    postgres_server.drop_database(name)


@pytest.fixture(scope="module")
def engine(database: Database) -> Iterator[Engine]:
    loader = create_engine(database.loader)
    with loader.begin() as connection:
        connection.execute(text("INSERT INTO meta.partner (partner_id, name) VALUES ('test', 'Test')"))
        for source in SOURCES:
            connection.execute(
                text(
                    "INSERT INTO meta.source (source_id, partner_id, title_en, publisher, licence, citation,"
                    " confidentiality, contract_sha256) VALUES (:s, 'test', 't', 'p', 'l', 'c', 'public', '')"
                ),
                {"s": source},
            )
        for country in COUNTRIES:
            connection.execute(
                text("INSERT INTO core.country (country_code, name_en) VALUES (:c, :c) ON CONFLICT DO NOTHING"),
                {"c": country},
            )
        connection.execute(text("DELETE FROM core.indicator"))
        connection.execute(
            text(
                "INSERT INTO core.indicator (indicator_id, sources, theme, question_code, statistic, numerator,"
                " excluded, unit, disaggregations, minimum_cell, label_en, label_fr, label_ar, caveat_en, caveat_fr,"
                " caveat_ar)"
                " VALUES ('felt-unsafe', ARRAY['mhub-test'], 'protection', 'q_safe', 'share', ARRAY['no'],"
                " ARRAY['refused'], 'share', ARRAY['place', 'sex', 'age_group', 'nationality'], 2, '', '', '',"
                " 'Purposive sample.', '', '')"
            )
        )
    yield loader
    loader.dispose()


@pytest.fixture
def empty(engine: Engine) -> Engine:
    clear(engine)
    return engine


CORE = ("incident", "population", "asylum_application", "flow", "displacement", "interview")


def clear(engine: Engine) -> None:
    with engine.begin() as connection:
        for name in CORE:
            connection.execute(text(f"DELETE FROM core.{name}"))
        for trend in TRENDS:
            connection.execute(text(f"DELETE FROM trends.{trend.name}"))
        connection.execute(text("DELETE FROM meta.touched_partition"))


def new_delivery(connection: Connection) -> int:
    delivery: int = connection.execute(
        text(
            "INSERT INTO meta.delivery (partner_id, source_id, bucket, object_key, object_version, size_bytes,"
            " enrolled_by, state) SELECT 'test', 'iom-test', 'b', 'landing/test/iom-test/' || count(*), 'v', 0,"
            " 'sweep', 'loaded' FROM meta.delivery RETURNING delivery_id"
        )
    ).scalar_one()
    return delivery


def put(connection: Connection, table: str, delivery: int, record_key: str, source: str, **values: Any) -> None:
    """States a record as a load does: replaces it by its key and notes the partitions it was and is in."""
    drop(connection, table, delivery, record_key, source)
    row = {"source_id": source, "record_key": record_key, "delivery_id": delivery, "row_number": 1, **values}
    cast = {"answers": "CAST(:answers AS jsonb)"}
    names = ", ".join(row)
    marks = ", ".join(cast.get(name, f":{name}") for name in row)
    connection.execute(text(f"INSERT INTO core.{table} ({names}) VALUES ({marks})"), row)
    note(connection, table, delivery, record_key, source)


def drop(connection: Connection, table: str, delivery: int, record_key: str, source: str) -> None:
    note(connection, table, delivery, record_key, source)
    connection.execute(
        text(f"DELETE FROM core.{table} WHERE source_id = :s AND record_key = :k"), {"s": source, "k": record_key}
    )


def note(connection: Connection, table: str, delivery: int, record_key: str, source: str) -> None:
    for trend in TRENDS:
        if trend.core_table == table:
            select = (
                f"SELECT DISTINCT CAST(:t AS text), {trend.partition}, CAST(:d AS bigint) FROM core.{table}"
                " WHERE source_id = :s AND record_key = :k"
            ).replace("::", r"\:\:")
            connection.execute(
                text(trends.TOUCH.format(select=select)),
                {"t": trend.name, "d": delivery, "s": source, "k": record_key},
            )


def content(engine: Engine) -> dict[str, list[str]]:
    with engine.connect() as connection:
        return {
            t.name: list(
                connection.execute(
                    text(f"SELECT x::text FROM trends.{t.name} AS x ORDER BY 1".replace("::", r"\:\:"))
                ).scalars()
            )
            for t in TRENDS
        }


def incident(**values: Any) -> dict[str, Any]:
    return {"incident_date": "2016-05-10", "country_code": "LBY", "n_dead": 2, "n_dead_and_missing": 3, **values}


# --------------------------------------------------------------------------------- incremental equals full

sources = st.sampled_from(SOURCES)
countries = st.sampled_from(COUNTRIES)
maybe = st.none() | st.integers(0, 9)
dates = st.sampled_from(
    ["2015-12-31", "2016-01-01", "2016-01-31", "2016-02-29", "2016-05-10", "2016-06-30", "2017-03-05"]
)


@st.composite
def interval(draw: st.DrawFn, name: str) -> dict[str, Any]:
    if draw(st.booleans()):
        return {name: None, f"{name}_low": 1, f"{name}_high": 4, "is_withheld": True}
    n = draw(st.integers(0, 9))
    return {name: n, f"{name}_low": n, f"{name}_high": n, "is_withheld": False}


@st.composite
def record(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    table = draw(st.sampled_from(CORE))
    values: dict[str, Any]
    if table == "incident":
        values = {
            "incident_date": draw(dates),
            "country_code": draw(st.none() | countries),
            "region_code": draw(st.sampled_from([None, "Sahel", "Mer Méditerranée"])),
            "route_code": draw(st.sampled_from([None, "central"])),
            "n_dead": draw(maybe),
            "n_missing": draw(maybe),
            "n_dead_and_missing": draw(maybe),
            "n_survivors": draw(maybe),
            "source_quality": draw(st.none() | st.integers(1, 5)),
        }
    elif table in ("population", "asylum_application"):
        place = {
            "origin_code": draw(countries),
            "provider_origin": "o",
            "asylum_code": draw(countries),
            "provider_asylum": "a",
        }
        values = {"year": draw(st.integers(2014, 2017)), **place}
        if table == "population":
            values |= {
                "dataset_code": draw(st.sampled_from(["totals", "totals", "demographics"])),
                "population_type_code": draw(st.sampled_from(["REF", "ASY"])),
                **draw(interval("n_persons")),
            }
        else:
            values |= {
                "application_type_code": draw(st.sampled_from([None, "N", "R"])),
                "unit_code": draw(st.sampled_from([None, "P", "C"])),
                **draw(interval("n_applied")),
            }
    elif table == "flow":
        first, last = sorted([draw(dates), draw(dates)])
        values = {
            "flow_type_code": draw(st.sampled_from(["arrival", "detection", "movement"])),
            "period_start": first,
            "period_end": last,
            "origin_code": draw(st.none() | countries),
            "destination_code": draw(st.none() | countries),
            "n_persons": draw(st.integers(0, 9)),
        }
    elif table == "displacement":
        values = {
            "operation": draw(st.sampled_from(["Libya", "Côte d'Ivoire: \\crise"])),
            "round_number": draw(st.none() | st.integers(1, 3)),
            "reporting_date": draw(dates),
            "assessment_type": draw(st.sampled_from([None, "BA"])),
            "country_code": draw(countries),
            "admin_level": draw(st.integers(0, 1)),
            "provider_admin1": draw(st.sampled_from([None, "A", "B"])),
            "origin_code": draw(st.none() | countries),
            "population_group_code": draw(st.sampled_from(["idp", "migrant"])),
            "n_persons": draw(maybe),
            "n_households": draw(maybe),
        }
    else:
        values = {
            "round_code": draw(st.sampled_from(["2016-03/2016-05", "2016-06/2016-06"])),
            "interview_date": draw(dates),
            "interview_country_code": draw(countries),
            "provider_place": draw(st.sampled_from([None, "Gao"])),
            "sex_code": draw(st.sampled_from(["female", "male"])),
            "age_group": draw(st.sampled_from(["18-25", "unknown"])),
            "nationality_code": draw(st.none() | countries),
            "answers": json.dumps({"q_safe": draw(st.sampled_from(["yes", "no", "refused"]))}),
        }
    return table, values


@dataclass
class Step:
    """One delivery: records stated, records gone; and whether a refresh follows."""

    stated: list[tuple[tuple[str, dict[str, Any]], int, str]] = field(default_factory=list)
    gone: list[tuple[str, int, str]] = field(default_factory=list)
    refresh: bool = False


keys = st.integers(0, 5)
steps = st.builds(
    Step,
    stated=st.lists(st.tuples(record(), keys, sources), max_size=12),
    gone=st.lists(st.tuples(st.sampled_from(CORE), keys, sources), max_size=6),
    refresh=st.booleans(),
)


@given(st.lists(steps, min_size=1, max_size=5))
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_refreshed_by_touched_partitions_equals_computed_anew(engine: Engine, deliveries: list[Step]) -> None:
    clear(engine)
    trends.refresh(engine, full=True, sql_dir=SQL, accept=["coverage"])
    for step in deliveries:
        with engine.begin() as connection:
            delivery = new_delivery(connection)
            for (table, values), key, source in step.stated:
                put(connection, table, delivery, str(key), source, **values)
            for table, key, source in step.gone:
                drop(connection, table, delivery, str(key), source)
        if step.refresh:
            assert not any(r.is_full for r in trends.refresh(engine, sql_dir=SQL))
    assert not any(r.is_full for r in trends.refresh(engine, sql_dir=SQL))
    with engine.connect() as connection:
        assert trends.pending(connection) == {}
        checksums = trends.checksum(connection, schemas=["trends"])
    incremental = content(engine)
    trends.refresh(engine, full=True, sql_dir=SQL)
    assert content(engine) == incremental
    with engine.connect() as connection:
        assert trends.checksum(connection, schemas=["trends"]) == checksums


# ---------------------------------------------------------------------------------------------- one refresh


def test_only_touched_partitions_are_computed_and_it_is_recorded(empty: Engine) -> None:
    with empty.begin() as connection:
        delivery = new_delivery(connection)
        put(connection, "incident", delivery, "1", "iom-test", **incident())
        put(connection, "incident", delivery, "2", "iom-test", **incident(incident_date="2016-06-01"))
    trends.refresh(empty, sql_dir=SQL)
    with empty.begin() as connection:
        # A change that no delivery notes stays unseen by an incremental refresh: proof that May is not computed.
        connection.execute(text("UPDATE core.incident SET n_dead = 100 WHERE record_key = '1'"))
        second = new_delivery(connection)
        put(connection, "incident", second, "2", "iom-test", **incident(incident_date="2016-06-01", n_dead=7))
    result = {r.trend_table: r for r in trends.refresh(empty, sql_dir=SQL)}["incident_month"]
    assert (result.is_full, result.partitions, result.deliveries) == (False, ("2016-06",), (second,))
    assert (result.n_cells_before, result.n_cells_after) == (1, 1)
    with empty.connect() as connection:
        rows = connection.execute(
            text("SELECT partition_key, n_dead, deliveries FROM trends.incident_month ORDER BY 1")
        ).all()
        assert [tuple(row) for row in rows] == [("2016-05", 2, [delivery]), ("2016-06", 7, [second])]
        record = connection.execute(text("SELECT * FROM meta.refresh ORDER BY refresh_id DESC LIMIT 1")).one()
    assert (record.trend_table, record.is_swapped, record.n_partitions, record.deliveries) == (
        "incident_month",
        True,
        1,
        [second],
    )
    assert {c["check"]: c["n_problems"] for c in record.checks} == {
        "partitions": 0,
        "coverage": 0,
        "incident_month_bounds": 0,
        "incident_month_reconciles": 0,
    }


def changed_sql(tmp_path: Path, file: str, old: str, new: str) -> Path:
    directory = tmp_path / "sql"
    shutil.copytree(SQL, directory)
    path = directory / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return directory


def test_a_failed_check_keeps_the_old_figures_and_names_check_and_partition(empty: Engine, tmp_path: Path) -> None:
    with empty.begin() as connection:
        put(connection, "incident", new_delivery(connection), "1", "iom-test", **incident())
    trends.refresh(empty, sql_dir=SQL)
    with empty.begin() as connection:
        put(connection, "incident", new_delivery(connection), "2", "iom-test", **incident())
        put(connection, "flow", new_delivery(connection), "3", "iom-test", **flow())
    before = content(empty)
    broken = changed_sql(tmp_path, "trends/incident_month.sql", "sum(n_dead)::bigint", "(sum(n_dead) + 1)::bigint")
    with pytest.raises(trends.RefreshError, match="incident_month_reconciles failed in partition 2016-05") as caught:
        trends.refresh(empty, sql_dir=broken)
    assert content(empty)["incident_month"] == before["incident_month"]
    assert content(empty)["flow_month"] != before["flow_month"], "the other tables are refreshed all the same"
    failed = next(r for r in caught.value.results if r.trend_table == "incident_month")
    assert not failed.is_swapped
    with empty.connect() as connection:
        assert trends.pending(connection) == {"incident_month": 1}
        last = connection.execute(text("SELECT is_swapped, checks FROM meta.refresh WHERE NOT is_swapped")).all()
    assert last[-1].is_swapped is False
    assert any(c["problems"] and c["problems"][0][0] == "2016-05" for c in last[-1].checks)
    trends.refresh(empty, sql_dir=SQL)
    with empty.connect() as connection:
        assert connection.execute(text("SELECT n_incidents FROM trends.incident_month")).scalar_one() == 2


@pytest.mark.parametrize(
    ("file", "old", "new", "check"),
    [
        ("trends/incident_month.sql", "min(source_quality_lowest)", "0::smallint", "incident_month_bounds"),
        ("trends/flow_month.sql", "sum(n_persons)::bigint", "-sum(n_persons)::bigint", "flow_month_bounds"),
        ("trends/population_year.sql", "sum(n_persons_high)::bigint", "0::bigint", "population_year_bounds"),
        ("trends/population_year.sql", "dataset_code = 'totals' AND", "", "population_year_reconciles"),
        ("trends/displacement_latest.sql", "DESC, round_number", "ASC, round_number", "displacement_latest_reconciles"),
        ("trends/displacement_round.sql", "sum(n_persons)::bigint", "0::bigint", "displacement_round_reconciles"),
        (
            "trends/survey_indicator.sql",
            "count(*) FILTER (WHERE NOT is_excluded)",
            "100 + count(*)",
            "survey_indicator_bounds",
        ),
    ],
)
def test_each_check_catches_a_wrong_select(
    empty: Engine, tmp_path: Path, file: str, old: str, new: str, check: str
) -> None:
    with empty.begin() as connection:
        fill_each_table(connection)
    with pytest.raises(trends.RefreshError, match=f"check {check} failed"):
        trends.refresh(empty, full=True, sql_dir=changed_sql(tmp_path, file, old, new))


def test_a_select_that_fails_says_so_without_a_value_and_leaves_the_others(empty: Engine, tmp_path: Path) -> None:
    with empty.begin() as connection:
        put(connection, "incident", new_delivery(connection), "1", "iom-test", **incident(region_code="Secret"))
        put(connection, "flow", new_delivery(connection), "1", "iom-test", **flow())
    broken = changed_sql(tmp_path, "trends/incident_month.sql", "    region_code,\n", "    region_code::int,\n")
    with pytest.raises(trends.RefreshError, match=r"incident_month: the SQL failed .*22P02") as caught:
        trends.refresh(empty, sql_dir=broken)
    assert "Secret" not in str(caught.value)
    assert len(content(empty)["flow_month"]) == 1
    with empty.connect() as connection:
        assert trends.pending(connection) == {"incident_month": 1}


def test_cells_outside_the_touched_partitions_are_refused(empty: Engine, tmp_path: Path) -> None:
    with empty.begin() as connection:
        put(connection, "incident", new_delivery(connection), "1", "iom-test", **incident(incident_date="2016-05-31"))
    shifted = changed_sql(tmp_path, "trends/incident_month.sql", "to_char(incident_date,", "to_char(incident_date + 1,")
    trends.refresh(empty, full=True, sql_dir=shifted, accept=["incident_month_reconciles"])
    with empty.begin() as connection:
        put(connection, "incident", new_delivery(connection), "2", "iom-test", **incident(incident_date="2016-05-31"))
    with pytest.raises(trends.RefreshError, match="check partitions failed in partition 2016-06"):
        trends.refresh(empty, sql_dir=shifted)


def test_rows_that_leave_core_without_a_delivery_stop_a_full_refresh(empty: Engine) -> None:
    with empty.begin() as connection:
        put(connection, "incident", new_delivery(connection), "1", "iom-test", **incident())
    trends.refresh(empty, sql_dir=SQL)
    with empty.begin() as connection:
        connection.execute(text("DELETE FROM core.incident"))
    with pytest.raises(trends.RefreshError, match="check coverage failed in partition 2016-05"):
        trends.refresh(empty, full=True, sql_dir=SQL)
    assert len(content(empty)["incident_month"]) == 1
    trends.refresh(empty, full=True, sql_dir=SQL, accept=["coverage"])
    assert content(empty)["incident_month"] == []


def test_a_changed_definition_or_catalogue_computes_the_whole_table(empty: Engine, tmp_path: Path) -> None:
    trends.refresh(empty, sql_dir=SQL)
    changed = changed_sql(tmp_path, "trends/flow_month.sql", "sum(n_records)::bigint", "(1 * sum(n_records))::bigint")
    assert [r.trend_table for r in trends.refresh(empty, sql_dir=changed) if r.is_full] == ["flow_month"]
    with empty.begin() as connection:
        connection.execute(text("UPDATE core.indicator SET minimum_cell = 3"))
    assert [r.trend_table for r in trends.refresh(empty, sql_dir=changed) if r.is_full] == ["survey_indicator"]
    with empty.begin() as connection:
        connection.execute(text("UPDATE core.indicator SET minimum_cell = 2"))
    trends.refresh(empty, sql_dir=SQL)


# --------------------------------------------------------------------------------------------- concurrency


def test_a_delivery_that_commits_during_a_refresh_is_not_lost(empty: Engine, tmp_path: Path) -> None:
    with empty.begin() as connection:
        put(connection, "incident", new_delivery(connection), "1", "iom-test", **incident())
    trends.refresh(empty, sql_dir=SQL)
    slow = changed_sql(tmp_path, "checks/incident_month_bounds.sql", "WHERE", "WHERE pg_sleep(1) IS NULL OR")
    # The slow check is part of no definition, so the refresh stays incremental.
    with empty.begin() as connection:
        put(connection, "incident", new_delivery(connection), "1", "iom-test", **incident(n_dead=5))
    thread = threading.Thread(target=lambda: trends.refresh(empty, sql_dir=slow))
    thread.start()
    time.sleep(0.4)
    with empty.begin() as connection:
        put(connection, "incident", new_delivery(connection), "1", "iom-test", **incident(n_dead=9))
    thread.join()
    with empty.connect() as connection:
        assert connection.execute(text("SELECT n_dead FROM trends.incident_month")).scalar_one() == 5
        assert trends.pending(connection) == {"incident_month": 1}
    trends.refresh(empty, sql_dir=SQL)
    with empty.connect() as connection:
        assert connection.execute(text("SELECT n_dead FROM trends.incident_month")).scalar_one() == 9


def test_a_delivery_that_touches_the_same_partition_again_is_not_lost(empty: Engine) -> None:
    with empty.begin() as connection:
        delivery = new_delivery(connection)
        put(connection, "incident", delivery, "1", "iom-test", **incident())
    # As when a delivery is withdrawn: its note is there already, and its transaction is open when the refresh starts.
    with empty.connect() as open_connection, open_connection.begin():
        put(open_connection, "incident", delivery, "1", "iom-test", **incident(n_dead=9))
        thread = threading.Thread(target=lambda: trends.refresh(empty, sql_dir=SQL, tables=["incident_month"]))
        thread.start()
        time.sleep(0.4)
    thread.join()
    with empty.connect() as connection:
        assert connection.execute(text("SELECT n_dead FROM trends.incident_month")).scalar_one() == 9
        assert trends.pending(connection) == {}


def test_readers_never_see_a_gap_and_two_refreshes_wait_for_each_other(empty: Engine) -> None:
    with empty.begin() as connection:
        put(connection, "incident", new_delivery(connection), "1", "iom-test", **incident())
    trends.refresh(empty, sql_dir=SQL)
    done: list[bool] = []

    def work() -> None:
        for _ in range(5):
            trends.refresh(empty, full=True, sql_dir=SQL, tables=["incident_month"])
        done.append(True)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    seen = set()
    with empty.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while any(thread.is_alive() for thread in threads):
            seen.add(connection.execute(text("SELECT count(*) FROM trends.incident_month")).scalar_one())
    assert done == [True, True]
    assert seen == {1}


# ------------------------------------------------------------------------------------------- published cells


def flow(**values: Any) -> dict[str, Any]:
    return {
        "flow_type_code": "arrival",
        "period_start": "2016-05-01",
        "period_end": "2016-05-31",
        "destination_code": "LBY",
        "origin_code": "SOM",
        "n_persons": 50,
        **values,
    }


def population(n: int | None, **values: Any) -> dict[str, Any]:
    low, high = (1, 4) if n is None else (n, n)
    return {
        "dataset_code": "totals",
        "year": 2014,
        "origin_code": "SOM",
        "provider_origin": "Somalia",
        "asylum_code": "LBY",
        "provider_asylum": "Libya",
        "population_type_code": "REF",
        "n_persons": n,
        "n_persons_low": low,
        "n_persons_high": high,
        "is_withheld": n is None,
        **values,
    }


def displacement(**values: Any) -> dict[str, Any]:
    return {
        "operation": "Libya crisis",
        "reporting_date": "2016-05-10",
        "country_code": "LBY",
        "admin_level": 1,
        "population_group_code": "idp",
        "provider_admin1": "Sebha",
        "n_persons": 10,
        **values,
    }


def interview(answer: str, **values: Any) -> dict[str, Any]:
    return {
        "round_code": "2016-03/2016-05",
        "interview_date": "2016-04-10",
        "interview_country_code": "MLI",
        "sex_code": "male",
        "age_group": "18-25",
        "answers": json.dumps({"q_safe": answer}),
        **values,
    }


def fill_each_table(connection: Connection) -> None:
    delivery = new_delivery(connection)
    put(connection, "incident", delivery, "1", "iom-test", **incident(source_quality=4))
    put(connection, "incident", delivery, "2", "iom-test", **incident(source_quality=1, n_dead=None, n_survivors=5))
    put(connection, "incident", delivery, "1", "mhub-test", **incident())
    put(connection, "flow", delivery, "1", "iom-test", **flow())
    put(connection, "flow", delivery, "2", "iom-test", **flow(period_start="2016-05-02", period_end="2016-05-02"))
    put(connection, "flow", delivery, "3", "iom-test", **flow(period_end="2016-07-31", n_persons=7))
    put(connection, "population", delivery, "1", "iom-test", **population(10))
    put(connection, "population", delivery, "2", "iom-test", **population(None))
    put(connection, "population", delivery, "3", "iom-test", **population(20, population_type_code="ASY"))
    put(connection, "population", delivery, "4", "iom-test", **population(99, dataset_code="demographics"))
    put(connection, "displacement", delivery, "1", "iom-test", **displacement(round_number=1))
    put(
        connection,
        "displacement",
        delivery,
        "2",
        "iom-test",
        **displacement(round_number=2, reporting_date="2016-06-10"),
    )
    put(
        connection, "displacement", delivery, "3", "iom-test",
        **displacement(round_number=2, reporting_date="2016-06-08", provider_admin1="Kufra", n_persons=5),
    )  # fmt: skip
    # A kind of assessment that the latest round no longer has is no stock.
    put(connection, "displacement", delivery, "4", "iom-test", **displacement(round_number=1, assessment_type="SA"))
    for number, answer in enumerate(["no", "no", "yes", "refused"]):
        put(connection, "interview", delivery, str(number), "mhub-test", **interview(answer))


def cells(engine: Engine, country: str, period: str, indicator: str | None = None) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        found = trends.published_cells(connection, country, period, indicator)
    return [(c.indicator, c.place, c.profile, c.sources, c.n, c.value, c.low, c.high) for c in found]


def test_published_cells(empty: Engine, database: Database) -> None:
    with empty.begin() as connection:
        fill_each_table(connection)
    trends.refresh(empty, sql_dir=SQL)
    dashboard = create_engine(database.dashboard)
    iom, mhub = ("iom-test",), ("mhub-test",)
    assert cells(dashboard, "LBY", "2016-05", "deaths") == [
        ("deaths", None, "all", iom, 2, 2, 2, None),
        ("deaths", None, "all", mhub, 1, 2, 2, None),
    ]
    assert cells(dashboard, "LBY", "2016-05", "survivors") == [("survivors", None, "all", iom, 2, 5, 5, None)]
    assert cells(dashboard, "LBY", "2016-05", "arrivals") == [
        ("arrivals", None, "border=all; origin=SOM", iom, 2, 100, 100, 100)
    ]
    assert cells(dashboard, "SOM", "2016-05/2016-07") == [
        ("arrivals-by-origin", None, "border=all; destination=LBY", iom, 1, 7, 7, 7)
    ]
    assert cells(dashboard, "LBY", "2014") == [
        ("population-by-asylum", None, "population_type=ASY; origin=SOM", iom, 1, 20, 20, 20),
        ("population-by-asylum", None, "population_type=REF; origin=SOM", iom, 2, None, 11, 14),
    ]
    assert cells(dashboard, "SOM", "2014", "population-by-origin")[1][-3:] == (None, 11, 14)
    profile = "operation=Libya crisis; group=idp; admin_level=1; round=2"
    assert cells(dashboard, "LBY", "2016-06") == [
        ("displaced", None, profile, iom, 2, 15, 15, 15),
        ("displaced-latest", None, profile, iom, 2, 15, 15, 15),
        ("displaced-latest", "Kufra", profile, iom, 1, 5, 5, 5),
        ("displaced-latest", "Sebha", profile, iom, 1, 10, 10, 10),
    ]
    assert [c[0] for c in cells(dashboard, "LBY", "2016-05-10")] == ["displaced", "displaced"]
    with dashboard.connect() as connection:
        (whole, *_) = trends.published_cells(connection, "MLI", "2016-03/2016-05", "felt-unsafe")
    assert (whole.n, whole.base, whole.value, whole.unit) == (2, 3, 0.666667, "share")
    assert whole.low is not None and whole.high is not None and whole.low < 0.67 < whole.high
    assert whole.caveat == "Purposive sample." and whole.refreshed_at is not None
    dashboard.dispose()


# ------------------------------------------------------------------------------------------------- checksums


def test_checksum_tells_content_not_order(empty: Engine) -> None:
    def fill(order: list[int], n_dead: int = 2, delivery: int = 1) -> dict[str, str]:
        with empty.begin() as connection:
            connection.execute(text("DELETE FROM core.incident"))
            for key in order:
                put(connection, "incident", deliveries[delivery], str(key), "iom-test", **incident(n_dead=n_dead * key))
        with empty.connect() as connection:
            return trends.checksum(connection, exclude={"core.interview": ["enumerator_hash"]})

    with empty.begin() as connection:
        deliveries = {1: new_delivery(connection), 2: new_delivery(connection)}
    first = fill([1, 2, 3])
    assert first["core.incident"].startswith("3-")
    assert fill([3, 1, 2]) == first
    assert {name for name, value in fill([1, 2, 3], n_dead=3).items() if value != first[name]} == {"core.incident"}
    assert fill([1, 2, 3], delivery=2) != first
    with empty.connect() as connection:
        without = trends.checksum(connection, exclude={"*": ["delivery_id"]})
    fill([1, 2, 3])
    with empty.connect() as connection:
        assert trends.checksum(connection, exclude={"*": ["delivery_id"]}) == without


# --------------------------------------------------------------------------------------------- declarations


def test_each_trend_is_served_by_an_index_on_core(engine: Engine) -> None:
    with engine.connect() as connection:
        for trend in TRENDS:
            leading = connection.execute(
                text(
                    "SELECT count(*) FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid"
                    " AND a.attnum = i.indkey[0] WHERE i.indrelid = CAST(:table AS regclass) AND a.attname = :column"
                ),
                {"table": f"core.{trend.core_table}", "column": trend.column},
            ).scalar_one()
            assert leading, f"no index on core.{trend.core_table} starts with {trend.column}"


def test_everything_has_a_comment(engine: Engine) -> None:
    with engine.connect() as connection:
        bare = connection.execute(
            text(
                "SELECT n.nspname || '.' || c.relname || coalesce('.' || a.attname, '') FROM pg_class AS c"
                " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
                " CROSS JOIN LATERAL (SELECT NULL AS attname, 0 AS attnum UNION ALL"
                "   SELECT attname, attnum FROM pg_attribute"
                "   WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS a"
                " WHERE n.nspname IN ('meta', 'staging', 'core', 'trends') AND c.relkind IN ('r', 'p', 'v', 'm')"
                " AND CASE WHEN a.attnum = 0 THEN obj_description(c.oid, 'pg_class')"
                "   ELSE col_description(c.oid, a.attnum) END IS NULL"
                " UNION ALL SELECT nspname FROM pg_namespace WHERE nspname IN ('meta', 'staging', 'core', 'trends')"
                " AND obj_description(oid, 'pg_namespace') IS NULL ORDER BY 1"
            )
        ).scalars()
        assert list(bare) == []
