"""A warehouse in which nothing stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine


@pytest.fixture(scope="module")
def engine(warehouse_url: str) -> Iterator[Engine]:
    loader = create_engine(warehouse_url)
    yield loader
    loader.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A connection whose loads are rolled back."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()
