"""Trend tables: computed from core by SQL files, refreshed only where deliveries touched them, checked, swapped in.

What is a trend table stands in `sql/trends/trends.yaml`; see there for how the files fit together.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from psycopg import sql as psql
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from footprints.errors import ConfigurationError, FootprintsError
from footprints.settings import settings

Kind = Literal["month", "integer", "text"]

ATTEMPTS = 5
"""A refresh that collides with a delivery touching the same partitions starts anew, so often at most."""

EXAMPLES = 20
"""So many wrong partitions a check names."""

PLACEHOLDER = re.compile(r"(?<![:\w]):(touched|partitions)\b")
MONTH = re.compile(r"(\d{4,})-(0[1-9]|1[0-2])")
TOUCH = (
    "INSERT INTO meta.touched_partition (trend_table, partition_key, delivery_id) {select}"
    " ON CONFLICT (trend_table, partition_key, delivery_id) DO UPDATE SET touched_at = clock_timestamp()"
)
"""How to note touched partitions. DO NOTHING would not do: it takes no lock on a note that is there already, so a
refresh that consumes the note before the noting transaction commits would lose the change."""


class RefreshError(FootprintsError):
    """A check found new figures wrong, or they could not be computed: the old figures were kept.

    `results` holds all tables' results, those that were refreshed included.
    """

    exit_code = 7

    def __init__(self, message: str, hint: str = "", results: tuple[RefreshResult, ...] = ()) -> None:
        super().__init__(message, hint)
        self.results = results


@dataclass(frozen=True)
class TrendTable:
    """A table of schema `trends`, as `trends.yaml` declares it. `select` and `checks` hold SQL with placeholders."""

    name: str
    core_table: str
    partition: str
    column: str
    kind: Kind
    select: str
    checks: tuple[tuple[str, str], ...]
    depends_on: tuple[str, ...]
    reads: str
    """Where records count as they stand now: the core table, or a view of it with corrections."""

    def definition(self) -> str:
        """SHA-256 over what defines the figures; when it changes, the whole table is computed anew."""
        parts = (self.core_table, self.partition, self.column, self.kind, self.select)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class CheckResult:
    """What a check of `sql/checks` found: (partition, problem) pairs, the first twenty, and how many there are."""

    check: str
    n_problems: int
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class RefreshResult:
    """What a refresh did to one trend table. `is_swapped` is false where a check failed and the old figures stay."""

    trend_table: str
    is_full: bool
    is_swapped: bool
    n_partitions: int
    partitions: tuple[str, ...]
    n_cells_before: int
    n_cells_after: int
    deliveries: tuple[int, ...]
    checks: tuple[CheckResult, ...]
    seconds: float
    problem: str | None = None


@dataclass(frozen=True)
class Cell:
    """One published figure. `n` is what it rests on (interviews counted; for counts: records), `base` who answered.

    `value` lies between `low` and `high`; null where the source withholds a part, or the cell is suppressed.
    """

    indicator: str
    country_code: str | None
    period: str
    place: str | None
    profile: str
    sources: tuple[str, ...]
    n: int | None
    base: int | None
    value: float | int | None
    low: float | int | None
    high: float | int | None
    unit: str
    is_suppressed: bool
    caveat: str
    refreshed_at: datetime | None


# ---------------------------------------------------------------------------------------------- declaration


def load_trends(sql_dir: Path | None = None) -> tuple[TrendTable, ...]:
    """The trend tables, in the order of `trends.yaml`. Raises ConfigurationError naming file and key."""
    directory = sql_dir or settings().sql_dir
    path = directory / "trends" / "trends.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path.name}: expected one entry per trend table")
    return tuple(_trend_table(directory, name, entry) for name, entry in document.items())


def _trend_table(directory: Path, name: str, entry: Any) -> TrendTable:
    def refuse(key: str, what: str) -> ConfigurationError:
        return ConfigurationError(f"trends.yaml: {name}.{key}: {what}", "see the comment at the top of the file")

    if not isinstance(entry, dict):
        raise refuse("", "expected a mapping")
    known = {"core_table", "reads", "partition", "touched", "depends_on", "checks"}
    for key in entry.keys() - known:
        raise refuse(str(key), f"unknown key; known are {', '.join(sorted(known))}")
    for key in ("core_table", "partition", "touched", "checks"):
        if key not in entry:
            raise refuse(key, "missing")
    touched = entry["touched"]
    if not isinstance(touched, dict) or touched.keys() != {"column", "kind"}:
        raise refuse("touched", "expected {column: …, kind: …}")
    if touched["kind"] not in get_args(Kind):
        raise refuse("touched.kind", f"expected one of {', '.join(get_args(Kind))}")

    def read(key: str, file: Path) -> str:
        if not file.is_file():
            raise refuse(key, f"there is no file sql/{file.relative_to(directory)}")
        return file.read_text(encoding="utf-8").strip().removesuffix(";")

    select = read("", directory / "trends" / f"{name}.sql")
    if not PLACEHOLDER.search(re.sub(r"--.*", "", select)):
        raise refuse("", f"sql/trends/{name}.sql restricts neither by :touched nor by :partitions")
    return TrendTable(
        name=name,
        core_table=entry["core_table"],
        partition=entry["partition"],
        column=touched["column"],
        kind=touched["kind"],
        select=select,
        checks=tuple((check, read("checks", directory / "checks" / f"{check}.sql")) for check in entry["checks"]),
        depends_on=tuple(entry.get("depends_on", ())),
        reads=entry["reads"] if "reads" in entry else entry["core_table"],
    )


def touched_predicate(column: str, kind: Kind, partitions: Iterable[str]) -> str:
    """A predicate on a core table that holds for the rows of these partitions, of literals only.

    Months that follow each other become one range of dates. Raises ConfigurationError on a key of another kind.
    """
    keys = sorted(set(partitions))
    if not keys:
        return "false"
    name = _identifier(column)
    if kind == "text":
        return f"{name} IN ({', '.join(_literal(key) for key in keys)})"
    if kind == "integer":
        for key in keys:
            if not re.fullmatch(r"-?\d{1,9}", key):
                raise ConfigurationError(
                    f"touched partition of {column} is no whole number", "see meta.touched_partition"
                )
        return f"{name} IN ({', '.join(keys)})"
    ranges: list[tuple[int, int]] = []
    for number in sorted(_month_number(column, key) for key in keys):
        if ranges and ranges[-1][1] == number:
            ranges[-1] = (ranges[-1][0], number + 1)
        else:
            ranges.append((number, number + 1))
    return "(" + " OR ".join(f"{name} >= {_first_day(a)} AND {name} < {_first_day(b)}" for a, b in ranges) + ")"


def _month_number(column: str, key: str) -> int:
    match = MONTH.fullmatch(key)
    if match is None:
        raise ConfigurationError(f"touched partition of {column} is no month YYYY-MM", "see meta.touched_partition")
    return int(match[1]) * 12 + int(match[2]) - 1


def _first_day(month_number: int) -> str:
    return f"DATE '{month_number // 12:04d}-{month_number % 12 + 1:02d}-01'"


def _literal(value: str) -> str:
    return psql.Literal(value).as_string(None).strip()


def _identifier(value: str) -> str:
    return psql.Identifier(value).as_string(None)


def _fill(statement: str, touched: str, partitions: str) -> str:
    values = {"touched": touched, "partitions": partitions}
    return PLACEHOLDER.sub(lambda match: values[match[1]], statement)


# -------------------------------------------------------------------------------------------------- refresh


def refresh(
    engine: Engine,
    *,
    full: bool = False,
    sql_dir: Path | None = None,
    tables: Collection[str] | None = None,
    accept: Collection[str] = (),
) -> list[RefreshResult]:
    """Brings trend tables up to date: each in one transaction, only the partitions that deliveries touched.

    `full` computes all partitions, and so does a table whose definition changed since its last refresh. `accept` names
    checks that may fail (they are recorded all the same). A table that fails keeps its old figures and its touched
    partitions, the others are refreshed, and RefreshError is raised at the end.
    """
    declared = load_trends(sql_dir)
    unknown = set(tables or ()) - {trend.name for trend in declared}
    if unknown:
        raise ConfigurationError(
            f"there is no trend table {', '.join(sorted(unknown))}",
            f"there are {', '.join(trend.name for trend in declared)}",
        )
    results = [_refresh_table(engine, t, full, accept) for t in declared if tables is None or t.name in tables]
    failed = [result for result in results if result.problem is not None]
    if failed:
        raise RefreshError(
            "; ".join(f"trends.{result.trend_table}: {result.problem}" for result in failed),
            "the old figures stay; see meta.refresh, and docs/runbooks/refresh_trends.md",
            tuple(results),
        )
    return results


def pending(connection: Connection) -> dict[str, int]:
    """How many partitions of each trend table wait for a refresh."""
    rows = connection.execute(
        text("SELECT trend_table, count(DISTINCT partition_key) FROM meta.touched_partition GROUP BY 1 ORDER BY 1")
    )
    return {row[0]: row[1] for row in rows}


def _refresh_table(engine: Engine, trend: TrendTable, full: bool, accept: Collection[str]) -> RefreshResult:
    started = datetime.now(UTC)
    clock = time.monotonic()
    with _lock(engine, trend.name):
        for attempt in range(ATTEMPTS):
            # One snapshot for all statements: what cells hold, what checks compare, which notes are consumed.
            with engine.connect().execution_options(
                isolation_level="REPEATABLE READ", no_parameters=True
            ) as connection:
                try:
                    with connection.begin() as transaction:
                        result, definition = _swap(connection, trend, full, accept, clock)
                        if result.problem is not None:
                            transaction.rollback()
                        elif result.n_partitions or result.is_full:
                            _record(connection, result, started, definition)
                    break
                except DBAPIError as error:
                    state = getattr(error.orig, "sqlstate", None) or ""
                    if state in ("40001", "40P01") and attempt + 1 < ATTEMPTS:
                        pass  # a delivery touched the same partitions meanwhile: anew, with what it committed
                    elif error.connection_invalidated or state[:2] in ("", "08", "40", "53", "57"):
                        raise
                    else:
                        # Not the server's message: it may quote a value.
                        problem = f"the SQL failed ({type(error.orig).__name__}, SQLSTATE {state})"
                        result = RefreshResult(
                            trend.name, full, False, 0, (), 0, 0, (), (), time.monotonic() - clock, problem
                        )
                        definition = trend.definition()
                        break
            time.sleep(0.05 * 2**attempt)
        if result.problem is not None:
            with engine.begin() as connection:
                _record(connection, result, started, definition)
    return result


@contextmanager
def _lock(engine: Engine, name: str) -> Iterator[None]:
    """Lets one refresh of a table run at a time. Held by a session of its own, so that a snapshot starts after it."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        key = {"name": f"footprints.trends.{name}"}
        connection.execute(text("SELECT pg_advisory_lock(hashtextextended(:name, 0))"), key)
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), key)


def _swap(
    connection: Connection, trend: TrendTable, full: bool, accept: Collection[str], clock: float
) -> tuple[RefreshResult, str]:
    definition = trend.definition()
    for table in trend.depends_on:
        definition = hashlib.sha256(f"{definition}{_content(connection, 'core', table, ())}".encode()).hexdigest()
    name = f"trends.{_identifier(trend.name)}"
    run = connection.exec_driver_sql

    run(
        "CREATE TEMP TABLE touched ON COMMIT DROP AS SELECT partition_key, delivery_id FROM meta.touched_partition"
        f" WHERE trend_table = {_literal(trend.name)}"
    )
    # Waits for a transaction that notes one of these again; it then fails to serialise, and we see what it did.
    run(
        "DELETE FROM meta.touched_partition AS t USING pg_temp.touched"
        f" WHERE t.trend_table = {_literal(trend.name)} AND t.partition_key = touched.partition_key"
        " AND t.delivery_id = touched.delivery_id"
    )
    keys = [row[0] for row in run("SELECT DISTINCT partition_key FROM pg_temp.touched ORDER BY 1")]
    deliveries = tuple(row[0] for row in run("SELECT DISTINCT delivery_id FROM pg_temp.touched ORDER BY 1"))
    last_definition = run(
        f"SELECT definition FROM meta.refresh WHERE trend_table = {_literal(trend.name)} AND is_swapped"
        " ORDER BY refresh_id DESC LIMIT 1"
    ).scalar()
    is_redefined = last_definition != definition
    is_full = full or is_redefined

    def result(n_cells: int, n_after: int, checks: list[CheckResult], problem: str | None) -> RefreshResult:
        return RefreshResult(
            trend_table=trend.name,
            is_full=is_full,
            is_swapped=problem is None,
            n_partitions=len(keys),
            partitions=tuple(keys),
            n_cells_before=n_cells,
            n_cells_after=n_after,
            deliveries=deliveries,
            checks=tuple(checks),
            seconds=time.monotonic() - clock,
            problem=problem,
        )

    if not keys and not is_full:
        return result(0, 0, [], None), definition

    if is_full:
        touched, where = "true", "true"
        partitions = f"ARRAY(SELECT DISTINCT {trend.partition} FROM core.{_identifier(trend.reads)})"
    else:
        touched = touched_predicate(trend.column, trend.kind, keys)
        partitions = f"CAST(ARRAY[{', '.join(_literal(key) for key in keys)}] AS text[])"
        where = f"partition_key = ANY({partitions})"

    run(f"CREATE TEMP VIEW before AS SELECT * FROM {name} WHERE {where}")
    run(f"CREATE TEMP TABLE fresh ON COMMIT DROP AS {_fill(trend.select, touched, partitions)}")
    checks = [] if is_full else [_check(connection, "partitions", f"{OUTSIDE} (SELECT unnest({partitions}))")]
    for check, statement in trend.checks:
        if check == "coverage" and is_redefined:
            continue  # another definition may well have fewer cells
        checks.append(_check(connection, check, _fill(statement, touched, partitions)))
    if is_full:
        keys = [
            row[0]
            for row in run(
                "SELECT partition_key FROM pg_temp.fresh UNION SELECT partition_key FROM pg_temp.before ORDER BY 1"
            )
        ]
    for found in checks:
        if found.n_problems and found.check not in accept:
            n_before = run("SELECT count(*) FROM pg_temp.before").scalar_one()
            partition, problem = found.problems[0]
            more = f" (and {found.n_problems - 1} more partitions)" if found.n_problems > 1 else ""
            return result(
                n_before, n_before, checks, f"check {found.check} failed in partition {partition}: {problem}{more}"
            ), definition

    columns = ", ".join(
        _identifier(row[0])
        for row in run(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'pg_temp.fresh'::regclass AND attnum > 0 ORDER BY attnum"
        )
    )
    run("DROP VIEW pg_temp.before")
    n_before = run(f"DELETE FROM {name} WHERE {where}").rowcount
    n_after = run(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM pg_temp.fresh").rowcount
    return result(n_before, n_after, checks, None), definition


OUTSIDE = (
    "SELECT partition_key, count(*) || ' cells outside the partitions to compute' AS problem FROM pg_temp.fresh"
    " GROUP BY partition_key HAVING partition_key IS NULL OR partition_key NOT IN"
)


def _check(connection: Connection, name: str, statement: str) -> CheckResult:
    rows = connection.exec_driver_sql(statement).all()
    problems = sorted((str(row[0]), str(row[1])) for row in rows)
    return CheckResult(name, len(problems), tuple(problems[:EXAMPLES]))


def _record(connection: Connection, result: RefreshResult, started: datetime, definition: str) -> None:
    connection.execute(
        text(
            "INSERT INTO meta.refresh (trend_table, is_full, is_swapped, started_at, finished_at, n_partitions,"
            " n_cells_before, n_cells_after, deliveries, checks, definition)"
            " VALUES (:trend_table, :is_full, :is_swapped, :started_at, clock_timestamp(), :n_partitions,"
            " :n_cells_before, :n_cells_after, CAST(:deliveries AS bigint[]), CAST(:checks AS jsonb), :definition)"
        ),
        {
            "trend_table": result.trend_table,
            "is_full": result.is_full,
            "is_swapped": result.is_swapped,
            "started_at": started,
            "n_partitions": result.n_partitions,
            "n_cells_before": result.n_cells_before,
            "n_cells_after": result.n_cells_after,
            "deliveries": list(result.deliveries),
            "checks": json.dumps(
                [
                    {"check": c.check, "n_problems": c.n_problems, "problems": [list(p) for p in c.problems]}
                    for c in result.checks
                ]
            ),
            "definition": definition,
        },
    )


# ---------------------------------------------------------------------------------------------------- reading


def published_cells(connection: Connection, country: str, period: str, indicator: str | None = None) -> list[Cell]:
    """Published cells of a country and period, of one indicator where given; needs to see schema `trends` only.

    `period` is written as in the cells: 2016, 2016-Q2, 2016-05, 2016-03/2016-05. Figures of a day (displacement) are
    also found by their month or year.
    """
    rows = connection.execute(
        text(
            "SELECT indicator, country_code, period, place, profile, sources, n, base, value, low, high, unit,"
            " is_suppressed, caveat, refreshed_at FROM trends.cell"
            " WHERE country_code = :country"
            " AND (period = :period"
            "   OR (period ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' AND starts_with(period, :period || '-')))"
            " AND (CAST(:indicator AS text) IS NULL OR indicator = :indicator)"
            " ORDER BY indicator, period, place NULLS FIRST, profile, sources"
        ),
        {"country": country, "period": period, "indicator": indicator},
    )
    out = []
    for row in rows:
        fields = row._asdict()
        fields["sources"] = tuple(fields["sources"])
        for name in ("value", "low", "high"):
            fields[name] = _number(fields[name])
        out.append(Cell(**fields))
    return out


def _number(value: Any) -> float | int | None:
    if value is None:
        return None
    return int(value) if value == int(value) else float(value)


# --------------------------------------------------------------------------------------------------- checksums


def checksum(
    connection: Connection,
    *,
    schemas: Collection[str] = ("core", "trends"),
    exclude: Mapping[str, Collection[str]] | None = None,
) -> dict[str, str]:
    """A checksum of the content of each table, whatever the order of its rows: {'core.incident': 'count-md5', …}.

    `exclude` names columns to leave out, by 'schema.table', or '*' for every table.
    """
    tables = connection.execute(
        text(
            "SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1, 2"
        ),
        {"schemas": list(schemas)},
    ).all()
    left_out = exclude or {}
    return {
        f"{schema}.{table}": _content(
            connection, schema, table, {*left_out.get("*", ()), *left_out.get(f"{schema}.{table}", ())}
        )
        for schema, table in tables
    }


def _content(connection: Connection, schema: str, table: str, exclude: Collection[str]) -> str:
    name = f"{_identifier(schema)}.{_identifier(table)}"
    columns = [
        row[0]
        for row in connection.exec_driver_sql(
            f"SELECT attname FROM pg_attribute WHERE attrelid = {_literal(name)}::regclass AND attnum > 0"
            " AND NOT attisdropped ORDER BY attname"
        )
        if row[0] not in exclude
    ]
    # Two halves of each row's MD5, added up: no sort, and equal rows count as often as they are there. What the text of
    # a date or a number depends on is set for this transaction.
    connection.exec_driver_sql(
        "SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true),"
        " set_config('IntervalStyle', 'postgres', true), set_config('extra_float_digits', '1', true),"
        " set_config('bytea_output', 'hex', true)"
    )
    count, digest = connection.exec_driver_sql(
        "SELECT count(*), md5(concat_ws(':', count(*), sum(('x' || left(h, 16))::bit(64)::bigint::numeric),"
        " sum(('x' || right(h, 16))::bit(64)::bigint::numeric)))"
        f" FROM (SELECT md5(ROW({', '.join(map(_identifier, columns))})::text) AS h FROM {name}) AS hashed"
    ).one()
    return f"{count}-{digest}"
