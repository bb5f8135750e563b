"""Each role connects and tries every table: what it may see and do is exactly what `sql/roles/grants.sql` says."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import errors, sql

from footprints.settings import REPOSITORY
from footprints.stack import state
from footprints.stack.postgres import Postgres
from footprints.warehouse.migrate import migrate

SQL = REPOSITORY / "sql"
SCHEMAS = ["core", "meta", "staging", "trends"]
HIDDEN = {
    ("core", "data_collection"): {"contact"},
    ("core", "interview"): {"enumerator_hash"},
    ("meta", "feed_item"): {"unfinished"},
    ("meta", "link_decision"): {"decided_by"},
    ("core", "interview_current"): {"enumerator_hash"},
    ("meta", "partner"): {"contact"},
    ("meta", "refused_consent"): {"key_sha256"},
    ("meta", "reject"): {"provider_values", "key_hashes"},
}
"""Columns that analysts do not see, of tables that they do."""
CLOSED = {("meta", "partner_invite"), ("meta", "partner_session")}
"""Tables that analysts do not see at all: they say who may send as a partner."""


class Database:
    """A migrated database, opened as any of the roles."""

    def __init__(self, server: Postgres, name: str) -> None:
        self.server, self.name = server, name

    @contextmanager
    def connect(self, role: str) -> Iterator[psycopg.Connection]:
        """A connection of this role that commits nothing."""
        url = self.server.url(self.name, role, role, driver="postgresql")
        with psycopg.connect(url) as connection:
            yield connection
            connection.rollback()

    def relations(self) -> list[tuple[str, str, str, list[str]]]:
        """Schema, name, kind and columns of every table and view."""
        with self.connect(state.OWNER) as connection:
            return connection.execute(
                "SELECT n.nspname, c.relname, c.relkind::text, array_agg(a.attname::text ORDER BY a.attnum)"
                " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
                " JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
                " WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'p', 'v', 'm') GROUP BY 1, 2, 3 ORDER BY 1, 2",
                [SCHEMAS],
            ).fetchall()


@pytest.fixture(scope="module")
def database(postgres_server: Postgres) -> Iterator[Database]:
    name = f"roles_{secrets.token_hex(4)}"
    postgres_server.ensure_database(name, state.OWNER)
    migrate(postgres_server.url(name, state.OWNER, state.OWNER), SQL)
    yield Database(postgres_server, name)
    postgres_server.drop_database(name)


def allowed(connection: psycopg.Connection, statement: str, *names: str) -> bool:
    """Whether the role may do this; what it did is undone."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]
    except errors.InsufficientPrivilege:
        return False
    return True


def readable(connection: psycopg.Connection, schema: str, table: str, columns: list[str]) -> set[str]:
    return {column for column in columns if allowed(connection, "SELECT {} FROM {}.{} LIMIT 1", column, schema, table)}


def test_there_are_tables_in_each_schema_that_has_some(database: Database) -> None:
    assert {schema for schema, *_ in database.relations()} >= {"core", "meta", "trends"}


def test_the_owner_owns_everything(database: Database) -> None:
    with database.connect(state.OWNER) as connection:
        others = connection.execute(
            "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE n.nspname = ANY(%s) AND pg_get_userbyid(c.relowner) <> %s",
            [[*SCHEMAS, "public"], state.OWNER],
        ).fetchall()
        assert others == []


def test_the_dashboard_reads_trends_only(database: Database) -> None:
    with database.connect(state.DASHBOARD) as connection:
        for schema, table, kind, columns in database.relations():
            expected = set(columns) if schema == "trends" else set()
            assert readable(connection, schema, table, columns) == expected, f"{schema}.{table}"
            assert allowed(connection, "SELECT count(*) FROM {}.{}", schema, table) == (schema == "trends")
            if kind in "rp":
                assert not allowed(connection, "DELETE FROM {}.{}", schema, table)


def test_the_analyst_reads_all_but_what_is_hidden(database: Database) -> None:
    with database.connect(state.ANALYST) as connection:
        for schema, table, kind, columns in database.relations():
            hidden = HIDDEN.get((schema, table), set())
            is_closed = schema == "staging" or (schema, table) in CLOSED
            expected = set() if is_closed else set(columns) - hidden
            assert hidden <= set(columns)
            assert readable(connection, schema, table, columns) == expected, f"{schema}.{table}"
            if hidden:
                assert not allowed(connection, "SELECT * FROM {}.{}", schema, table)
            if kind in "rp":
                assert not allowed(connection, "DELETE FROM {}.{}", schema, table)
                assert not allowed(connection, "TRUNCATE {}.{}", schema, table)
        assert not allowed(connection, "CREATE TEMP TABLE mine (a int)")


def test_no_view_shows_an_analyst_what_the_table_hides(database: Database) -> None:
    hidden = {column for columns in HIDDEN.values() for column in columns} - {"contact"}
    for schema, table, kind, columns in database.relations():
        if kind in "vm":
            assert not hidden & (set(columns) - HIDDEN.get((schema, table), set())), f"{schema}.{table}"


def test_the_loader_reads_and_writes_rows_but_no_definitions(database: Database) -> None:
    with database.connect(state.LOADER) as connection:
        for schema, table, kind, columns in database.relations():
            assert readable(connection, schema, table, columns) == set(columns), f"{schema}.{table}"
            if kind in "rp":
                column = columns[0]
                assert allowed(connection, "DELETE FROM {}.{} WHERE false", schema, table)
                assert allowed(
                    connection,
                    "INSERT INTO {}.{} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}.{} WHERE false",
                    schema,
                    table,
                    column,
                    column,
                    schema,
                    table,
                )
                if (schema, table) not in {
                    ("meta", "delivery"),
                    ("meta", "feed_fetch"),
                    ("meta", "partner_invite"),
                    ("meta", "refresh"),
                }:  # identity columns come first
                    assert allowed(connection, "UPDATE {}.{} SET {} = NULL WHERE false", schema, table, column)
                assert not allowed(connection, "TRUNCATE {}.{}", schema, table)
                assert not allowed(connection, "ALTER TABLE {}.{} ADD COLUMN x int", schema, table)
                assert not allowed(connection, "DROP TABLE {}.{}", schema, table)
        for schema in [*SCHEMAS, "public"]:
            assert not allowed(connection, "CREATE TABLE {}.mine (a int)", schema)
        assert not allowed(connection, "CREATE SCHEMA mine")
        assert allowed(connection, "CREATE TEMP TABLE mine (a int)")
        delivery = connection.execute(
            "INSERT INTO meta.delivery (partner_id, source_id, bucket, object_key, object_version, size_bytes,"
            " enrolled_by)"
            " VALUES ('p', 's', 'b', 'k', 'v', 0, 'sweep') RETURNING delivery_id"
        ).fetchone()
        assert delivery is not None


def test_nobody_else_has_anything(database: Database) -> None:
    with database.connect(state.OWNER) as connection:
        acls = connection.execute(
            "SELECT 'database', d.datname FROM pg_database AS d,"
            " aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a"
            " WHERE d.datname = current_database() AND a.grantee = 0"
            " UNION ALL SELECT 'schema', n.nspname FROM pg_namespace AS n,"
            " aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a"
            " WHERE n.nspname = ANY(%(s)s) AND a.grantee = 0"
            " UNION ALL SELECT 'relation', c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n"
            " ON n.oid = c.relnamespace, aclexplode(c.relacl) AS a WHERE n.nspname = ANY(%(s)s) AND a.grantee = 0"
            " UNION ALL SELECT 'routine', p.oid::regprocedure::text FROM pg_proc AS p JOIN pg_namespace AS n"
            " ON n.oid = p.pronamespace, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a"
            " WHERE n.nspname = ANY(%(s)s) AND a.grantee = 0",
            {"s": [*SCHEMAS, "public"]},
        ).fetchall()
        assert acls == []


def test_a_role_without_grants_may_not_even_connect(database: Database) -> None:
    role = f"stranger_{secrets.token_hex(4)}"
    database.server.ensure_role(role, role)
    try:
        with pytest.raises(psycopg.OperationalError, match="permission denied"), database.connect(role):
            pass
    finally:
        with database.server.connect() as connection:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def test_what_the_owner_creates_later(database: Database) -> None:
    with database.connect(state.OWNER) as connection:
        for schema in SCHEMAS:
            connection.execute(f"CREATE TABLE {schema}.later (a int)".encode())
        connection.execute("CREATE FUNCTION trends.later_function() RETURNS int LANGUAGE sql RETURN 1")
        rights = connection.execute(
            "SELECT role, array_agg(schema ORDER BY schema) FILTER ("
            " WHERE has_table_privilege(role, schema || '.later', 'SELECT'))"
            " FROM unnest(%s::text[]) AS role, unnest(%s::text[]) AS schema GROUP BY role",
            [[state.LOADER, state.ANALYST, state.DASHBOARD], SCHEMAS],
        ).fetchall()
        assert dict(rights) == {state.LOADER: SCHEMAS, state.ANALYST: ["trends"], state.DASHBOARD: ["trends"]}
        public = connection.execute("SELECT has_function_privilege('public', 'trends.later_function()', 'EXECUTE')")
        assert public.fetchone() == (False,)


def test_migrating_again_as_an_administrator_changes_nothing_and_hands_objects_to_the_owner(database: Database) -> None:
    """A plain server: the migrations run as a superuser, twice."""
    server, name = database.server, f"plain_{secrets.token_hex(4)}"
    with server.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        url = server.url(name, "postgres", server.password)
        assert migrate(url, SQL)
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            first = connection.execute(ACLS).fetchall()
        assert migrate(url, SQL) == []
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            assert connection.execute(ACLS).fetchall() == first
        plain = Database(server, name)
        with plain.connect(state.DASHBOARD) as connection:
            assert allowed(connection, "SELECT count(*) FROM trends.cell")
            assert not allowed(connection, "SELECT count(*) FROM core.incident")
        assert migrate(server.url(name, state.OWNER, state.OWNER), SQL) == []
    finally:
        server.drop_database(name)


ACLS = """
SELECT c.oid::regclass::text, pg_get_userbyid(c.relowner), c.relacl::text, array_agg(a.attacl::text ORDER BY a.attnum)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
WHERE n.nspname IN ('core', 'meta', 'staging', 'trends', 'public') AND c.relkind IN ('r', 'p', 'v')
GROUP BY c.oid ORDER BY 1
"""
