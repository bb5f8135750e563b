"""Brings a database to the schema of this release: numbered migrations once each, repeatable SQL every time."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import psycopg

from footprints.errors import ConfigurationError
from footprints.settings import settings

LOCK = 0x466F6F74  # "Foot": two processes that start together must not migrate at once

BOOKKEEPING = """
CREATE TABLE IF NOT EXISTS public.schema_migration (
    name text PRIMARY KEY,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE public.schema_migration IS 'Migrations that this database has seen; a released file never changes.';
COMMENT ON COLUMN public.schema_migration.name IS 'File name in sql/migrations.';
COMMENT ON COLUMN public.schema_migration.sha256 IS 'SHA-256 of the file as it was applied.';
COMMENT ON COLUMN public.schema_migration.applied_at IS 'When it was applied.';
"""


def migrate(owner_url: str, sql_dir: Path | None = None) -> list[str]:
    """Applies what is missing and returns the names of the new migrations.

    Each migration is a transaction of its own. Views, functions, comments (`sql/core`) and grants (`sql/roles`) are
    applied anew each time. `owner_url` is a SQLAlchemy or libpq URL of the database's owner.

    Raises ConfigurationError where a migration that was applied has changed since.
    """
    directory = sql_dir or settings().sql_dir
    new: list[str] = []
    with psycopg.connect(libpq_url(owner_url), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        connection.execute(BOOKKEEPING.encode())
        seen: dict[str, str] = dict(connection.execute("SELECT name, sha256 FROM public.schema_migration").fetchall())
        for path in sorted((directory / "migrations").glob("[0-9]*.sql")):
            text = path.read_bytes()
            sha256 = hashlib.sha256(text).hexdigest()
            if seen.get(path.name, sha256) != sha256:
                raise ConfigurationError(
                    f"{path.name} was applied to this database and has changed since",
                    "put the file back as it was released and write the change as a new migration",
                )
            if path.name not in seen:
                with connection.transaction():
                    connection.execute(text)
                    connection.execute(
                        "INSERT INTO public.schema_migration (name, sha256) VALUES (%s, %s)", (path.name, sha256)
                    )
                new.append(path.name)
        with connection.transaction():
            for folder in ("core", "roles"):
                for path in sorted((directory / folder).glob("*.sql")):
                    connection.execute(path.read_bytes())
    return new


def libpq_url(url: str) -> str:
    """The libpq form of a SQLAlchemy URL (`postgresql+psycopg://…` → `postgresql://…`)."""
    return re.sub(r"^postgresql\+\w+://", "postgresql://", url)
