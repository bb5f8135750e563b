"""SQLAlchemy engines for the warehouse, one per URL and process."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Engine, create_engine


@cache
def engine(url: str) -> Engine:
    """The engine for a `postgresql+psycopg://` URL; connections are checked before use, as workers live long."""
    return create_engine(url, pool_pre_ping=True, pool_size=2, hide_parameters=True)
