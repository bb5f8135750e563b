"""SQLAlchemy engines for the warehouse, one per URL and process."""

from __future__ import annotations

from functools import cache
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine


@cache
def engine(url: str) -> Engine:
    """The engine for a `postgresql+psycopg://` URL; connections are checked before use, as workers live long."""
    return create_engine(url, pool_pre_ping=True, pool_size=2, hide_parameters=True)


def driver(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection under a SQLAlchemy one, within the same transaction: COPY is not in SQLAlchemy."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw
