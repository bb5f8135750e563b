"""The ledger (`meta.delivery`): every delivery and its state. It is the durable queue; events only wake us up.

All functions take an open SQLAlchemy connection or engine of the loader role; none commits a connection it was given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from footprints.errors import NotFoundError
from footprints.model import Counts, Delivery

CHANNEL = "footprints_delivery"
"""Postgres channel that is notified when a delivery is enrolled."""

LANDING = "landing/"


@dataclass(frozen=True)
class LandedObject:
    """An object in the landing bucket. `version` is its ETag and the second it was written (`storage.Store`)."""

    bucket: str
    key: str
    version: str
    size_bytes: int


@dataclass(frozen=True)
class Claim:
    """A delivery that this worker has taken."""

    delivery_id: int
    partner_id: str
    source_id: str
    size_bytes: int


def parse_key(key: str) -> tuple[str, str] | None:
    """Partner and source of an object key `landing/<partner>/<source>/<file>`; None for a key that is no delivery."""
    parts = key.split("/")
    if len(parts) < 2 or parts[0] != "landing" or not parts[-1]:
        return None
    return (parts[1] if len(parts) > 2 else "", parts[2] if len(parts) > 3 else "")


def enrol(connection: Connection, landed: LandedObject, by: str) -> int | None:
    """Enters an object as a delivery and notifies the channel at commit.

    Returns the new delivery's id; None where the ledger already holds this version, or the key is no delivery
    (outside `landing/`, or a folder marker).
    """
    parsed = parse_key(landed.key)
    if parsed is None:
        return None
    delivery_id = connection.execute(
        text(
            "INSERT INTO meta.delivery"
            " (partner_id, source_id, bucket, object_key, object_version, size_bytes, enrolled_by)"
            " VALUES (:partner, :source, :bucket, :key, :version, :size, :by)"
            " ON CONFLICT (bucket, object_key, object_version) DO NOTHING RETURNING delivery_id"
        ),
        {
            "partner": parsed[0],
            "source": parsed[1],
            "bucket": landed.bucket,
            "key": landed.key,
            "version": landed.version,
            "size": landed.size_bytes,
            "by": by,
        },
    ).scalar()
    if delivery_id is not None:
        connection.execute(
            text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": str(delivery_id)}
        )
    return delivery_id


def notify(connection: Connection, delivery_id: int) -> None:
    """Wakes whoever listens on the channel, when the transaction commits."""
    connection.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": str(delivery_id)})


def n_pending(connection: Connection, claim_timeout_minutes: int) -> int:
    """How many deliveries wait for a worker (not claimed, or claimed by one that is dead)."""
    return int(connection.execute(text(f"SELECT count(*) {PENDING}"), {"timeout": claim_timeout_minutes}).scalar_one())


PENDING = """
FROM meta.delivery
WHERE state = 'received'
AND (claimed_at IS NULL OR claimed_at < clock_timestamp() - make_interval(mins => :timeout))
"""


def claim(engine: Engine, limit: int, worker: str, claim_timeout_minutes: int) -> list[Claim]:
    """Takes up to `limit` waiting deliveries, oldest first, skipping those that another worker is taking.

    A claim older than the timeout is taken up again: its worker died, and its transaction with it.
    """
    with engine.begin() as connection:
        rows = connection.execute(
            text(
                "UPDATE meta.delivery d SET claimed_at = clock_timestamp(), claimed_by = :worker"
                " FROM (SELECT delivery_id"
                f" {PENDING} ORDER BY received_at, delivery_id LIMIT :limit FOR UPDATE SKIP LOCKED) p"
                " WHERE d.delivery_id = p.delivery_id"
                " RETURNING d.delivery_id, d.partner_id, d.source_id, d.size_bytes"
            ),
            {"worker": worker, "limit": limit, "timeout": claim_timeout_minutes},
        ).all()
    return sorted((Claim(*row) for row in rows), key=lambda c: c.delivery_id)


def batches(claims: Iterable[Claim], batch_bytes: int = 4 * 2**20, batch_size: int = 20) -> list[list[int]]:
    """Groups claims for mapped tasks: small ones share a task (its start costs a second), large ones get their own.

    One partner's deliveries of one source stay in order within a batch.
    """
    out: list[list[int]] = []
    current: list[int] = []
    current_bytes = 0
    for item in sorted(claims, key=lambda c: (c.partner_id, c.source_id, c.delivery_id)):
        if current and (current_bytes + item.size_bytes > batch_bytes or len(current) >= batch_size):
            out.append(current)
            current, current_bytes = [], 0
        current.append(item.delivery_id)
        current_bytes += item.size_bytes
    if current:
        out.append(current)
    return out


COLUMNS = (
    "delivery_id, partner_id, source_id, bucket, object_key, object_version, size_bytes, enrolled_by, state,"
    " received_at, finished_at, sha256, archive_key, layout, as_of, engine, n_rows_read, n_rows_loaded,"
    " n_rows_unchanged, n_rows_rejected, n_rows_duplicate, n_records_added, n_records_changed,"
    " n_records_unchanged, n_records_gone, n_records_older, duplicate_of, reason, receipt_key"
)


def get(connection: Connection, delivery_id: int) -> Delivery:
    """One delivery. Raises NotFoundError where there is none of this id."""
    row = connection.execute(
        text(f"SELECT {COLUMNS} FROM meta.delivery WHERE delivery_id = :id"), {"id": delivery_id}
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no delivery {delivery_id}", "see `footprints deliveries`")
    return _delivery(row)


def list_deliveries(
    connection: Connection,
    *,
    source_id: str | None = None,
    state: str | None = None,
    partner_id: str | None = None,
    limit: int = 1000,
) -> list[Delivery]:
    """Deliveries, newest first, of one source, state or partner where given."""
    rows = connection.execute(
        text(
            f"SELECT {COLUMNS} FROM meta.delivery"
            " WHERE (CAST(:source AS text) IS NULL OR source_id = :source)"
            " AND (CAST(:state AS text) IS NULL OR state = :state)"
            " AND (CAST(:partner AS text) IS NULL OR partner_id = :partner)"
            " ORDER BY delivery_id DESC LIMIT :limit"
        ),
        {"source": source_id, "state": state, "partner": partner_id, "limit": limit},
    )
    return [_delivery(row) for row in rows]


def _delivery(row: Row[Any]) -> Delivery:
    fields = row._asdict()
    counts = {name.removeprefix("n_"): fields.pop(name) for name in list(fields) if name.startswith("n_")}
    return Delivery(counts=Counts(**counts), **fields)


def finish(
    connection: Connection,
    delivery_id: int,
    state: str,
    *,
    counts: Counts | None = None,
    reason: str | None = None,
    **columns: datetime | str | int | None,
) -> None:
    """Writes the verdict of a delivery: its state, counts and any other columns of `meta.delivery` given by name."""
    values: dict[str, Any] = {"state": state, "reason": reason, **columns}
    if counts is not None:
        values |= {f"n_{name}": value for name, value in vars(counts).items()}
    assignments = ", ".join(f"{name} = :{name}" for name in values)
    connection.execute(
        text(
            f"UPDATE meta.delivery SET {assignments}, finished_at = clock_timestamp(), claimed_at = NULL,"
            " claimed_by = NULL WHERE delivery_id = :delivery_id"
        ),
        {**values, "delivery_id": delivery_id},
    )
