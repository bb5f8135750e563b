"""What `meta.feed`, `meta.feed_item` and `meta.feed_fetch` remember of feeds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, text

LOCK = 0x46656564  # "Feed": one pull of a feed at a time, in whatever process


@dataclass(frozen=True)
class FeedState:
    """A row of `meta.feed`; all empty before the first pull."""

    feed_id: str
    round_at: datetime | None = None
    attempted_at: datetime | None = None
    succeeded_at: datetime | None = None
    n_failures: int = 0
    retry_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True)
class ItemState:
    """A row of `meta.feed_item`; all empty before the item was first asked for."""

    item: str
    checked_at: datetime | None = None
    etag: str | None = None
    last_modified: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    object_key: str | None = None
    unfinished: dict[str, Any] | None = None


@dataclass
class Fetch:
    """A row of `meta.feed_fetch` in the making."""

    item: str
    started_at: datetime
    finished_at: datetime | None = None
    outcome: str = "failed"
    http_status: int | None = None
    n_requests: int = 0
    n_pages: int = 0
    n_bytes: int = 0
    etag: str | None = None
    last_modified: str | None = None
    sha256: str | None = None
    object_key: str | None = None
    delivery_id: int | None = None
    error: str | None = None
    size_bytes: int | None = field(default=None, repr=False)


@contextmanager
def lock(engine: Engine, feed_id: str) -> Iterator[bool]:
    """Whether nobody else pulls this feed; the lock is ours until the end of the block, or of the process."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        parameters = {"lock": LOCK, "feed": feed_id}
        ours = connection.execute(text("SELECT pg_try_advisory_lock(:lock, hashtext(:feed))"), parameters).scalar_one()
        try:
            yield bool(ours)
        finally:
            if ours:
                connection.execute(text("SELECT pg_advisory_unlock(:lock, hashtext(:feed))"), parameters)


def feeds(connection: Connection) -> dict[str, FeedState]:
    """Every feed that was ever pulled."""
    rows = connection.execute(
        text("SELECT feed_id, round_at, attempted_at, succeeded_at, n_failures, retry_at, error FROM meta.feed")
    ).all()
    return {row.feed_id: FeedState(**row._asdict()) for row in rows}


def running(connection: Connection, feed_ids: Iterable[str]) -> set[str]:
    """Which of these feeds somebody pulls at this moment."""
    rows = connection.execute(
        text(
            "SELECT f.feed_id FROM unnest(CAST(:feeds AS text[])) AS f (feed_id)"
            " INNER JOIN pg_locks AS l ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 2"
            " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND l.classid::bigint = :lock AND l.objid::bigint = hashtext(f.feed_id)::bigint & 4294967295"
        ),
        {"feeds": list(feed_ids), "lock": LOCK},
    ).scalars()
    return set(rows)


def begin(connection: Connection, feed_id: str, now: datetime, round_at: datetime) -> None:
    """A pull begins, in the round that began at `round_at`."""
    connection.execute(
        text(
            "INSERT INTO meta.feed (feed_id, attempted_at, round_at) VALUES (:feed, :now, :round)"
            " ON CONFLICT (feed_id) DO UPDATE SET attempted_at = :now, round_at = :round"
        ),
        {"feed": feed_id, "now": now, "round": round_at},
    )


def succeed(connection: Connection, feed_id: str) -> None:
    """Every item of the round was fetched; old notes that nothing was new go."""
    connection.execute(
        text(
            "DELETE FROM meta.feed_fetch WHERE feed_id = :feed AND outcome IN ('unchanged', 'empty')"
            " AND finished_at < (SELECT round_at FROM meta.feed WHERE feed_id = :feed) - interval '90 days'"
        ),
        {"feed": feed_id},
    )
    connection.execute(
        text(
            "UPDATE meta.feed SET succeeded_at = round_at, round_at = NULL, n_failures = 0, retry_at = NULL,"
            " error = NULL WHERE feed_id = :feed"
        ),
        {"feed": feed_id},
    )


def fail(connection: Connection, feed_id: str, error: str, retry_at: datetime) -> None:
    """A pull failed; it is not tried again before `retry_at`."""
    connection.execute(
        text(
            "UPDATE meta.feed SET n_failures = n_failures + 1, retry_at = :retry_at, error = :error"
            " WHERE feed_id = :feed"
        ),
        {"feed": feed_id, "error": error, "retry_at": retry_at},
    )


def items(connection: Connection, feed_id: str, names: Iterable[str]) -> dict[str, ItemState]:
    """What is known of these items."""
    rows = connection.execute(
        text(
            "SELECT item, checked_at, etag, last_modified, sha256, size_bytes, object_key, unfinished"
            " FROM meta.feed_item WHERE feed_id = :feed AND item = ANY(:items)"
        ),
        {"feed": feed_id, "items": list(names)},
    ).all()
    return {row.item: ItemState(**row._asdict()) for row in rows}


def keep_unfinished(engine: Engine, feed_id: str, item: str, unfinished: dict[str, Any] | None) -> None:
    """Where a pull of an item stands, at once: what is kept survives a kill."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO meta.feed_item (feed_id, item, unfinished)"
                " VALUES (:feed, :item, CAST(:unfinished AS jsonb))"
                " ON CONFLICT (feed_id, item) DO UPDATE SET unfinished = CAST(:unfinished AS jsonb)"
            ),
            {"feed": feed_id, "item": item, "unfinished": json.dumps(unfinished) if unfinished is not None else None},
        )


def seen(connection: Connection, feed_id: str, item: str, now: datetime, last_modified: str) -> None:
    """An object is the one that we have, however it is dated now."""
    connection.execute(
        text(
            "UPDATE meta.feed_item SET checked_at = :now, last_modified = :modified"
            " WHERE feed_id = :feed AND item = :item"
        ),
        {"feed": feed_id, "item": item, "now": now, "modified": last_modified},
    )


def record(connection: Connection, feed_id: str, fetch: Fetch) -> None:
    """An attempt has ended: it is noted, and the item's state with it unless it failed."""
    columns = {k: v for k, v in vars(fetch).items() if k != "size_bytes"}
    names = ", ".join(columns)
    values = ", ".join(f":{name}" for name in columns)
    connection.execute(
        text(f"INSERT INTO meta.feed_fetch (feed_id, {names}) VALUES (:feed, {values})"), {"feed": feed_id, **columns}
    )
    if fetch.outcome == "failed":
        return
    connection.execute(
        text(
            "INSERT INTO meta.feed_item AS i"
            " (feed_id, item, checked_at, etag, last_modified, sha256, size_bytes, object_key)"
            " VALUES (:feed, :item, :started_at, :etag, :last_modified, :sha256, :size_bytes, :object_key)"
            " ON CONFLICT (feed_id, item) DO UPDATE SET checked_at = :started_at, etag = :etag,"
            " last_modified = :last_modified, sha256 = coalesce(:sha256, i.sha256),"
            " size_bytes = coalesce(:size_bytes, i.size_bytes), object_key = coalesce(:object_key, i.object_key),"
            " unfinished = NULL"
        ),
        {"feed": feed_id, **columns, "size_bytes": fetch.size_bytes},
    )
