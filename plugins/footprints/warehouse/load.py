"""Loading one delivery inside one transaction: staged by COPY, then merged into the core table by record key.

The result does not depend on the order in which deliveries arrive. Each has a version, (as_of, delivery_id); a record
is stated by the delivery of the highest version that holds it (mode `append`: the lowest), and a snapshot removes what
older deliveries said about the scope that it covers, whether they came before it or come after.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.csv as pacsv

from footprints.contracts import Layout
from footprints.model import EXAMPLE_ROWS, Issue, Reject
from footprints.trends import TOUCH, TrendTable
from footprints.warehouse.tables import TABLES

CSV = "(FORMAT csv)"

EVENT_PARTITIONS = (
    "SELECT DISTINCT '{trend}', {partition}, {delivery} FROM core.incident WHERE (source_id, record_key) IN ("
    "SELECT o.source_id, o.record_key FROM meta.event_member m JOIN meta.event_member o ON o.event_id = m.event_id"
    " WHERE m.source_id = :source)"
)
"""The partitions of all incidents of events that a source tells of, as a SELECT to note them."""


@dataclass(frozen=True)
class Version:
    """What orders the deliveries of a source."""

    as_of: datetime
    delivery_id: int


@dataclass(frozen=True)
class Merge:
    """What a merge did, in rows of the file and records of the table."""

    rows_loaded: int
    rows_unchanged: int
    rows_duplicate: int
    records_added: int
    records_changed: int
    records_unchanged: int
    records_gone: int
    records_older: int
    records_refused: int
    """Of those gone, the ones whose person does not consent any more."""
    replaced_deliveries: tuple[int, ...]
    """Deliveries of which at least one record was restated, changed or removed."""
    gone_deliveries: tuple[int, ...]
    """Deliveries of which a record was removed because this snapshot covers it and does not hold it."""
    issues: tuple[Issue, ...]


class Stage:
    """The staged records of one sheet of one delivery: a temporary table that goes with the transaction."""

    def __init__(self, connection: psycopg.Connection, layout: Layout, columns: Iterable[str], number: int) -> None:
        self.connection = connection
        self.layout = layout
        self.columns = tuple(columns)
        self.rows_duplicate = 0
        self.issues: list[Issue] | None = None
        self.indexed = False
        self.refused: list[str] = []
        self.name = f"pg_temp.stage_{number}"
        types = TABLES[layout.table].columns
        definition = ", ".join(f"{c} {_sql_type(types[c])}" for c in self.columns)
        self.execute(
            f"CREATE TEMP TABLE stage_{number} (row_number bigint, record_key text, {definition}) ON COMMIT DROP"
        )

    def execute(self, query: str, parameters: dict[str, object] | None = None) -> psycopg.Cursor:
        """Runs one statement of the load."""
        return self.connection.execute(query.encode(), parameters)

    def copy(self, records: pa.Table, row_numbers: np.ndarray) -> None:
        """Copies records with the row of the file that each comes from."""
        table = pa.table(
            {"row_number": pa.array(row_numbers), "record_key": records["record_key"]}
            | {c: records[c] for c in self.columns}
        )
        buffer = io.BytesIO()
        pacsv.write_csv(table, buffer, pacsv.WriteOptions(include_header=False))
        with self.connection.cursor() as cursor, cursor.copy(f"COPY {self.name} FROM STDIN {CSV}".encode()) as copy:
            copy.write(buffer.getbuffer())

    def refuse(self, keys: Iterable[str]) -> None:
        """Takes keys of records whose person does not consent: what older deliveries say of them must go."""
        self.refused += [hashlib.sha256(key.encode()).hexdigest() for key in keys]

    def period(self, column: str) -> datetime | None:
        """The greatest value of a date or year column among the staged records, as UTC midnight."""
        value = (
            f"max(to_timestamp({column}::text, 'YYYY'))"
            if TABLES[self.layout.table].columns[column] == "smallint"
            else f"max({column}::timestamp AT TIME ZONE 'UTC')"
        )
        row = self.execute(f"SELECT {value} FROM {self.name}").fetchone()
        return row[0] if row else None

    def prepare(self) -> None:
        """Settles repeated keys, once all records are staged."""
        if self.issues is None:
            self.execute(f"ANALYZE {self.name}")
            self.issues = self._repeated_keys()

    def index(self) -> None:
        """Makes records easy to find by key, once keys are settled and other records are to be compared with them."""
        if not self.indexed:
            self.execute(f"CREATE INDEX ON {self.name} (record_key)")
            self.indexed = True

    def merge(
        self,
        source_id: str,
        version: Version,
        trends: Iterable[TrendTable],
        siblings: Sequence[Stage] = (),
        layouts: Sequence[Layout] = (),
    ) -> Merge:
        """Merges the staged records into the core table and notes the trend partitions that this touches.

        `siblings` are the stages of the delivery's sheets: what one of them holds is not gone where this one lacks it.
        `layouts` are those of the contract: a newer snapshot of any of them covers our records too. The caller holds
        the source's lock, and the ledger already has the delivery's `as_of`.
        """
        table, columns = self.layout.table, self.columns
        mine = {"source": source_id, "as_of": version.as_of, "delivery": version.delivery_id}
        stages = [self, *(stage for stage in siblings if stage is not self and stage.layout.table == table)]
        for stage in stages:
            stage.prepare()
        issues = list(self.issues or ())
        if self.layout.mode == "snapshot":
            self._note_scope(source_id, version)
        self._note_refused(mine)
        covered = f"({self._covered(mine, layouts)} OR {self._refused(mine)})"
        touched = [trend for trend in trends if trend.core_table == table]
        if table == "incident":
            self._touch_events(mine, touched)
        if self._is_first(mine):
            return self._insert_all(mine, touched, issues)
        for stage in stages:
            stage.index()
        older_loses = ">" if self.layout.mode != "append" else "<"
        others = self._unstated()
        same = (
            ", ".join([*(f"s.{c}" for c in columns), *others.values()]),
            ", ".join(f"c.{c}" for c in (*columns, *others)),
        )
        self.execute(
            f"""
            CREATE TEMP TABLE merging ON COMMIT DROP AS
            SELECT s.record_key, s.row_number, c.delivery_id AS replaces,
                CASE
                    WHEN {covered} THEN 'older'
                    WHEN c.record_key IS NULL THEN 'added'
                    WHEN (d.as_of, d.delivery_id) {older_loses} (%(as_of)s, %(delivery)s) THEN 'older'
                    WHEN ROW({same[0]}) IS NOT DISTINCT FROM ROW({same[1]}) THEN 'unchanged'
                    ELSE 'changed'
                END AS fate
            FROM {self.name} s
            LEFT JOIN core.{table} c ON c.source_id = %(source)s AND c.record_key = s.record_key
            LEFT JOIN meta.delivery d ON d.delivery_id = c.delivery_id
            """,
            mine,
        )
        # Where core grew since it was last analyzed, the planner takes it for small and would compare each of its
        # records with each of these.
        self.execute("CREATE INDEX ON merging (record_key)")
        self.execute("ANALYZE merging")
        gone_from, n_refused = self._remove_gone(mine, touched, stages)
        # The partitions that changed records leave, then those that they come to. An unchanged record changes hands,
        # and a trend cell names the deliveries behind it.
        for trend in touched:
            self._touch(trend, f"core.{table}", mine, "SELECT record_key FROM merging WHERE fate = 'changed'")
            self._touch(trend, self.name, mine, "SELECT record_key FROM merging WHERE fate <> 'older'")
        self._insert(mine, "WHERE record_key IN (SELECT record_key FROM merging WHERE fate <> 'older')")
        counts: dict[str, int] = dict(self.execute("SELECT fate, count(*) FROM merging GROUP BY fate").fetchall())
        rows: dict[bool, int] = dict(
            self.execute(
                """
                SELECT loaded, count(*) FROM (
                    SELECT row_number, bool_or(fate IN ('added', 'changed')) AS loaded FROM merging GROUP BY row_number
                ) r GROUP BY loaded
                """
            ).fetchall()
        )
        replaced = self.execute(
            "SELECT DISTINCT replaces FROM merging WHERE fate IN ('changed', 'unchanged')"
        ).fetchall()
        self.execute("DROP TABLE merging")
        return Merge(
            rows_loaded=rows.get(True, 0),
            rows_unchanged=rows.get(False, 0),
            rows_duplicate=self.rows_duplicate,
            records_added=counts.get("added", 0),
            records_changed=counts.get("changed", 0),
            records_unchanged=counts.get("unchanged", 0),
            records_gone=sum(gone_from.values()),
            records_older=counts.get("older", 0),
            records_refused=n_refused,
            replaced_deliveries=tuple(sorted(({r[0] for r in replaced} | set(gone_from)) - {version.delivery_id})),
            gone_deliveries=tuple(sorted(set(gone_from) - {version.delivery_id})),
            issues=tuple(issues),
        )

    def _is_first(self, mine: dict[str, object]) -> bool:
        """Whether the table holds nothing of this source, and no other snapshot could cover what we bring."""
        answer = self.execute(
            f"""
            SELECT NOT EXISTS (SELECT FROM core.{self.layout.table} WHERE source_id = %(source)s)
            AND NOT EXISTS (
                SELECT FROM meta.snapshot WHERE source_id = %(source)s AND core_table = %(table)s
                AND delivery_id <> %(delivery)s
            )
            AND NOT EXISTS (
                SELECT FROM meta.refused_consent WHERE source_id = %(source)s AND core_table = %(table)s
            )
            """,
            mine | {"table": self.layout.table},
        )
        return answer.fetchone() == (True,)

    def _insert_all(self, mine: dict[str, object], touched: list[TrendTable], issues: list[Issue]) -> Merge:
        """The merge of a first delivery: nothing to compare with."""
        for trend in touched:
            self._touch(trend, self.name, mine)
        n_records = self._insert(mine)
        row = self.execute(f"SELECT count(DISTINCT row_number) FROM {self.name}").fetchone()
        n_rows = row[0] if row else 0
        return Merge(n_rows, 0, self.rows_duplicate, n_records, 0, 0, 0, 0, 0, (), (), tuple(issues))

    def _insert(self, mine: dict[str, object], where: str = "") -> int:
        # Foreign keys are checked record by record. By its default costs, which are a disk's, the planner lets each
        # check read all of core.country, as it is a few pages only; by its index a million records take half the time.
        self.execute("SET LOCAL random_page_cost = 1.1")
        columns = self.columns
        # What the record had by another layout and this one does not know goes: it is stated as a whole, or what stands
        # in core would depend on which delivery came first.
        stated = [f"{c} = excluded.{c}" for c in ("delivery_id", "row_number", *columns)]
        assignments = ", ".join([*stated, *(f"{c} = DEFAULT" for c in self._unstated())])
        conflict = f"ON CONFLICT (source_id, record_key) DO UPDATE SET {assignments}" if where else ""
        n_records = self.execute(
            f"""
            INSERT INTO core.{self.layout.table} (source_id, record_key, delivery_id, row_number, {", ".join(columns)})
            SELECT %(source)s, record_key, %(delivery)s, row_number, {", ".join(columns)}
            FROM {self.name} {where} {conflict}
            """,
            mine,
        ).rowcount
        if self.layout.table == "place":
            # The next load looks each of its places up here. Autovacuum comes a minute after the commit, and until then
            # the planner may take the table for empty and go through all of it each time.
            self.execute("ANALYZE core.place")
        return n_records

    def _repeated_keys(self) -> list[Issue]:
        """Leaves one record of each key in the stage (mode `last`), or tells different ones apart (`split`).

        Exact repeats are duplicates either way, unless every row is to count (`number`). Sets `rows_duplicate`: rows of
        which no record is left.
        """
        if self.layout.on_repeated_key == "number":
            self._number_repeats()
            return []
        self.execute(
            f"""
            CREATE TEMP TABLE repeated ON COMMIT DROP AS
            SELECT record_key FROM {self.name} GROUP BY record_key HAVING count(*) > 1
            """
        )
        if self.execute("SELECT NOT EXISTS (SELECT FROM repeated)").fetchone() == (True,):
            self.execute("DROP TABLE repeated")
            return []
        columns = ", ".join(self.columns)
        # A repeat of the same row of the file (one record stated by two of its cells) counts by content too.
        self.execute(
            f"""
            CREATE TEMP TABLE losing ON COMMIT DROP AS
            SELECT ctid AS place, row_number, nth_same > 1 AS is_exact, nth_content
            FROM (
                SELECT s.ctid, s.row_number, s.record_key,
                    row_number() OVER (
                        PARTITION BY record_key, ROW({columns})::text ORDER BY s.row_number DESC
                    ) AS nth_same,
                    row_number() OVER (PARTITION BY record_key ORDER BY s.row_number DESC) AS nth,
                    dense_rank() OVER (PARTITION BY record_key ORDER BY ROW({columns})::text) AS nth_content
                FROM {self.name} s WHERE record_key IN (SELECT record_key FROM repeated)
            ) r WHERE {"nth_same > 1" if self.layout.on_repeated_key == "split" else "nth > 1"}
            """
        )
        numbers = self.execute("SELECT is_exact, row_number FROM losing ORDER BY row_number").fetchall()
        self.execute(f"DELETE FROM {self.name} s USING losing l WHERE s.ctid = l.place")
        if self.layout.on_repeated_key == "split":
            self._number_repeats("WHERE record_key IN (SELECT record_key FROM repeated)")
        left = self.execute(
            f"SELECT count(DISTINCT l.row_number) FROM losing l"
            f" WHERE NOT EXISTS (SELECT FROM {self.name} s WHERE s.row_number = l.row_number)"
        ).fetchone()
        self.rows_duplicate = left[0] if left else 0
        self.execute("DROP TABLE losing, repeated")
        exact = tuple(dict.fromkeys(n for is_exact, n in numbers if is_exact))
        differing = tuple(dict.fromkeys(n for is_exact, n in numbers if not is_exact))
        keys = [self.layout.header_of(column) for column in self.layout.record_key]
        issues = []
        if exact:
            issues.append(Issue("row.repeated", "note", None, len(exact), exact[:EXAMPLE_ROWS]))
        if differing:
            issues.append(
                Issue("key.repeated", "flag", None, len(differing), differing[:EXAMPLE_ROWS], {"columns": keys})
            )
        return issues

    def _number_repeats(self, where: str = "") -> None:
        """Tells records of one key apart: the second by content becomes key#2. Equal ones may trade places."""
        columns = ", ".join(self.columns)
        self.execute(
            f"""
            UPDATE {self.name} s SET record_key = s.record_key || '#' || r.nth
            FROM (
                SELECT ctid AS place,
                    row_number() OVER (PARTITION BY record_key ORDER BY ROW({columns})::text, row_number) AS nth
                FROM {self.name} {where}
            ) r WHERE s.ctid = r.place AND r.nth > 1
            """
        )

    def _unstated(self) -> dict[str, str]:
        """The columns of the table that the layout does not fill, each with its default as SQL."""
        table = TABLES[self.layout.table]
        out = {}
        for column, kind in table.columns.items():
            if column not in self.columns:
                default = table.defaults.get(column)
                value = "NULL" if default is None else f"'{default}'"
                out[column] = f"CAST({value} AS {_sql_type(kind)})"
        return out

    def _staged(self, column: str) -> str:
        """A column of a staged record `s`, also where the layout leaves it to the table's default."""
        if column in self.columns:
            return f"s.{column}"
        default = TABLES[self.layout.table].defaults.get(column)
        return "NULL" if default is None else f"'{default}'"

    def _note_scope(self, source_id: str, version: Version) -> None:
        """Records what this snapshot speaks about: its scopes, and the period within each."""
        layout = self.layout
        first, last, by_year = _bounds(layout)
        self.execute(
            f"""
            INSERT INTO meta.snapshot (delivery_id, source_id, core_table, scope, period_from, period_to)
            SELECT %(delivery)s, %(source)s, %(table)s, scope, {first}, {last}
            FROM (SELECT s.*, {_scope_json(layout, self._staged)} AS scope FROM {self.name} s) s
            GROUP BY scope{by_year}
            ON CONFLICT (delivery_id, core_table, scope, period_from) DO UPDATE SET
                period_to = greatest(snapshot.period_to, excluded.period_to)
            """,
            {"delivery": version.delivery_id, "source": source_id, "table": layout.table},
        )

    def _note_refused(self, mine: dict[str, object]) -> None:
        """Keeps what must not stand in core, for older deliveries that are still to come too."""
        if self.refused:
            self.execute(
                """
                INSERT INTO meta.refused_consent (delivery_id, source_id, core_table, key_sha256)
                SELECT %(delivery)s, %(source)s, %(table)s, unnest(%(refused)s::text[]) ON CONFLICT DO NOTHING
                """,
                mine | {"table": self.layout.table, "refused": self.refused},
            )

    def _refused(self, mine: dict[str, object]) -> str:
        """The predicate "of the staged record `s`, this delivery or a newer one says that there is no consent"."""
        by = f"""
            SELECT FROM meta.refused_consent r JOIN meta.delivery rd ON rd.delivery_id = r.delivery_id
            WHERE r.source_id = %(source)s AND r.core_table = '{self.layout.table}'
            AND (rd.as_of, rd.delivery_id) >= (%(as_of)s, %(delivery)s)
        """
        if self.execute(f"SELECT EXISTS ({by})", mine).fetchone() != (True,):
            return "false"
        return f"EXISTS ({by} AND r.key_sha256 = {_digest('s')})"

    def _covered(self, mine: dict[str, object], layouts: Sequence[Layout]) -> str:
        """The predicate "a newer snapshot, of any layout of the source, covers the staged record `s`".

        A record that the newer snapshot states as well is its own already; one that it does not state is gone.
        """
        table = self.layout.table
        newer = f"""
            SELECT FROM meta.snapshot n JOIN meta.delivery nd ON nd.delivery_id = n.delivery_id
            WHERE n.source_id = %(source)s AND n.core_table = '{table}'
            AND (nd.as_of, nd.delivery_id) > (%(as_of)s, %(delivery)s)
        """
        if self.execute(f"SELECT EXISTS ({newer})", mine).fetchone() != (True,):
            return "false"
        forms = {
            (layout.scope, layout.period): layout
            for layout in (self.layout, *layouts)
            if layout.mode == "snapshot" and layout.table == table
        }
        tests = [
            f"EXISTS ({newer} AND n.scope = {_scope_json(form, self._staged)} AND {_in_period(form, self._staged)})"
            for form in forms.values()
        ]
        return f"({' OR '.join(tests)})" if tests else "false"

    def _remove_gone(
        self, mine: dict[str, object], touched: list[TrendTable], stages: Sequence[Stage]
    ) -> tuple[dict[int, int], int]:
        """Removes what this delivery takes back; counts it by delivery, and how many of it for want of consent.

        That is what an earlier run of it loaded and it lacks now, for a snapshot, records of older deliveries that it
        covers and does not hold, and those whose person it says not to consent. `stages` are those of all its sheets
        for this table.
        """
        layout, table = self.layout, self.layout.table
        reasons = ["c.delivery_id = %(delivery)s"]
        if layout.mode == "snapshot":
            reasons.append(
                f"""(d.as_of, d.delivery_id) < (%(as_of)s, %(delivery)s) AND EXISTS (
                    SELECT FROM meta.snapshot n WHERE n.delivery_id = %(delivery)s AND n.core_table = '{table}'
                    AND n.scope = {_scope_json(layout, _in_core)} AND {_in_period(layout, _in_core)}
                )"""
            )
        held = " ".join(
            f"AND NOT EXISTS (SELECT FROM {stage.name} s WHERE s.record_key = c.record_key)" for stage in stages
        )
        refused = "false"
        if self.refused:
            refused = f"""(d.as_of, d.delivery_id) <= (%(as_of)s, %(delivery)s) AND EXISTS (
                SELECT FROM meta.refused_consent r WHERE r.delivery_id = %(delivery)s AND r.core_table = '{table}'
                AND r.key_sha256 = {_digest("c")}
            )"""
        self.execute(
            f"""
            CREATE TEMP TABLE going ON COMMIT DROP AS
            SELECT c.record_key, c.delivery_id, {refused} AS is_refused FROM core.{table} c
            JOIN meta.delivery d ON d.delivery_id = c.delivery_id
            WHERE c.source_id = %(source)s AND (({refused}) OR ({" OR ".join(f"({r})" for r in reasons)}) {held})
            """,
            mine,
        )
        self.execute("ANALYZE going")
        gone: dict[int, int] = dict(
            self.execute("SELECT delivery_id, count(*) FROM going GROUP BY delivery_id").fetchall()
        )
        n_refused = self.execute("SELECT count(*) FROM going WHERE is_refused").fetchone()
        if gone:
            for trend in touched:
                self._touch(trend, f"core.{table}", mine, "SELECT record_key FROM going")
            self.execute(
                f"DELETE FROM core.{table} c USING going g"
                " WHERE c.source_id = %(source)s AND c.record_key = g.record_key",
                mine,
            )
        self.execute("DROP TABLE going")
        return gone, n_refused[0] if n_refused else 0

    def _touch_events(self, mine: dict[str, object], touched: list[TrendTable]) -> None:
        """Notes the partitions of all that tell of an event together with this source: who is counted may change."""
        for trend in touched:
            select = EVENT_PARTITIONS.format(
                trend=trend.name, partition=trend.partition, delivery="%(delivery)s::bigint"
            )
            self.execute(TOUCH.format(select=select.replace(":source", "%(source)s")), mine)

    def _touch(self, trend: TrendTable, place: str, mine: dict[str, object], keys: str | None = None) -> None:
        """Notes the partitions of the records in a table (the stage or core), of all or of some keys."""
        conditions = ["source_id = %(source)s"] if place.startswith("core.") else []
        conditions += [f"record_key IN ({keys})"] if keys else []
        where = "WHERE " + " AND ".join(conditions) if conditions else ""
        select = f"SELECT DISTINCT '{trend.name}', {trend.partition}, %(delivery)s::bigint FROM {place} {where}"
        self.execute(TOUCH.format(select=select), mine)


def _sql_type(kind: str) -> str:
    return "double precision" if kind == "double" else kind


def _digest(alias: str) -> str:
    """SHA-256 of a record's key in hex, as SQL; the same as in `Stage.refuse`."""
    return f"encode(sha256(convert_to({alias}.record_key, 'UTF8')), 'hex')"


def _in_core(column: str) -> str:
    return f"c.{column}"


def _scope_json(layout: Layout, of: Callable[[str], str]) -> str:
    """The scope of a record in a layout's snapshots, as SQL; `of` gives the SQL of a column."""
    pairs = ", ".join(f"'{column}', {of(column)}" for column in layout.scope)
    return f"jsonb_build_object('mode', 'snapshot'{', ' + pairs if pairs else ''})"


def _bounds(layout: Layout) -> tuple[str, str, str]:
    """First and last day that a snapshot is complete for, and what else to group by for them: SQL over records `s`.

    Null is no limit. A download for some years has no record of its quiet first and last days, nor of the years between
    if it skips some: `years` covers each calendar year that it does have records of.
    """
    if layout.period is None or layout.covers == "all":
        return "NULL::date", "NULL::date", ""
    day = f"s.{layout.period}"
    year = day if TABLES[layout.table].columns[layout.period] == "smallint" else f"extract(year FROM {day})::integer"
    if layout.covers == "years":
        return f"make_date({year}, 1, 1)", f"make_date({year}, 12, 31)", f", {year}"
    if year == day:
        return f"make_date(min({day}), 1, 1)", f"make_date(max({day}), 12, 31)", ""
    return f"min({day})::date", f"max({day})::date", ""


def _in_period(layout: Layout, of: Callable[[str], str]) -> str:
    """Whether a record falls into the period of a snapshot `n`, as SQL."""
    if layout.period is None:
        return "n.period_from IS NULL"
    day = of(layout.period)
    if TABLES[layout.table].columns[layout.period] == "smallint":
        day = f"make_date({day}, 1, 1)"
    return f"(n.period_from IS NULL OR {day} BETWEEN n.period_from AND n.period_to)"


def copy_rejects(connection: psycopg.Connection, delivery_id: int, rejects: Iterable[Reject]) -> None:
    """Keeps rejects in quarantine (`meta.reject`)."""
    with (
        connection.cursor() as cursor,
        cursor.copy(
            b"COPY meta.reject (delivery_id, row_number, sheet, rules, columns, provider_values, key_hashes,"
            b" fixes_delivery, fixes_sheet, fixes_row) FROM STDIN"
        ) as copy,
    ):
        for r in rejects:
            values = json.dumps(r.provider_values, ensure_ascii=False) if r.provider_values is not None else None
            fixes = (r.reference.delivery_id, r.reference.sheet, r.reference.row_number) if r.reference else (None,) * 3
            copy.write_row(
                (
                    *(delivery_id, r.row_number, r.sheet, list(r.rules), list(r.columns), values),
                    *(list(r.key_hashes), *fixes),
                )
            )
