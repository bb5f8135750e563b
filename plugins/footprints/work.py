"""What a worker does: claims waiting deliveries, works through a batch, and keeps one's failure from its neighbours.

A delivery that fails on its own account is a verdict of `pipeline.process`. What is handled here is our own failures:
an unexpected exception leaves the delivery to be claimed again, until it has had `MAX_ATTEMPTS`. So the ledger is what
retries; Airflow need not.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, text

from footprints import ledger
from footprints.contracts import find_contract
from footprints.errors import ContractError, FootprintsError
from footprints.settings import Settings
from footprints.warehouse.engine import engine

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
"""A delivery on which we failed so often is set to `failed`; `footprints replay` takes it up again."""

PAUSE_SECONDS = 30
"""So long a delivery that met an error of ours is left alone."""


class WorkError(FootprintsError):
    """Some deliveries of a batch met an error of ours; the log names them."""


@dataclass(frozen=True)
class Worked:
    """How a batch went: deliveries by their state, ids that met an error of ours, and object keys for people."""

    states: dict[str, int] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()

    def label(self, limit: int = 120) -> str:
        """One line that names the batch: its object keys, shortened."""
        names = [key.removeprefix(ledger.LANDING) for key in self.keys]
        head = ", ".join(names)
        if len(head) <= limit:
            return head or "nothing to do"
        return f"{names[0][:limit]} and {len(names) - 1} more" if len(names) > 1 else names[0][:limit]

    def states_or_raise(self) -> dict[str, int]:
        """The states; raises WorkError where deliveries met an error of ours, for an engineer to see."""
        if self.errors:
            ids = ", ".join(map(str, self.errors))
            raise WorkError(
                f"{len(self.errors)} of {len(self.keys)} deliveries met an error of ours: {ids}",
                "the log above names each error; the others of this batch are done",
            )
        return self.states


def claim(settings: Settings, worker: str) -> list[list[int]]:
    """Takes what waits and groups it into batches of delivery ids.

    What an earlier try of this very worker holds is free first: Airflow runs one try at a time. Where more waits than
    one worker takes, the channel is notified, so that the next run starts at once.
    """
    warehouse = engine(settings.need("warehouse_url"))
    release(settings, worker)
    claims = ledger.claim(warehouse, settings.claim_limit, worker, settings.claim_timeout_minutes)
    if len(claims) >= settings.claim_limit:
        with warehouse.begin() as connection:
            _notify(connection)
    return ledger.batches(claims)


def release(settings: Settings, worker: str) -> int:
    """Frees what a worker that is dead still holds, for the next one to claim; returns how many."""
    with engine(settings.need("warehouse_url")).begin() as connection:
        n_released = connection.execute(
            text(
                "UPDATE meta.delivery SET claimed_at = NULL, claimed_by = NULL"
                " WHERE state = 'received' AND claimed_by = :worker"
            ),
            {"worker": worker},
        ).rowcount
        if n_released:
            _notify(connection)
    return n_released


def process(
    delivery_ids: Sequence[int],
    settings: Settings,
    worker: str,
    handle: Callable[[int, Settings], object] | None = None,
) -> Worked:
    """Works through claimed deliveries, each a transaction of its own, and returns how they went.

    Deliveries that are finished, or that another worker holds by now, are passed over. `handle` is `pipeline.process`
    but for tests.
    """
    if handle is None:
        from footprints import pipeline

        handle = pipeline.process
    warehouse = engine(settings.need("warehouse_url"))
    errors: list[int] = []
    for delivery_id in delivery_ids:
        n_attempts = _take(warehouse, delivery_id, worker, settings.claim_timeout_minutes)
        if n_attempts is None:
            continue
        if n_attempts > MAX_ATTEMPTS:
            log.error("Delivery %d: its worker died in each of %d attempts", delivery_id, n_attempts - 1)
            _fail(warehouse, delivery_id, settings, "the worker died in each attempt")
            errors.append(delivery_id)
            continue
        try:
            handle(delivery_id, settings)
        except ContractError as error:  # our own file is wrong, and trying again will not mend it
            errors.append(delivery_id)
            log.error("Delivery %d: %s", delivery_id, describe(error))
            _fail(warehouse, delivery_id, settings, error.message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the neighbours go on
            errors.append(delivery_id)
            log.error("Delivery %d, attempt %d: %s", delivery_id, n_attempts, describe(error))
            outage = is_outage(error)
            if n_attempts >= MAX_ATTEMPTS and not outage:
                _fail(warehouse, delivery_id, settings, f"{type(error).__name__} in each of {n_attempts} attempts")
            else:
                _put_back(warehouse, delivery_id, worker, settings.claim_timeout_minutes, forgive=outage)
    with warehouse.connect() as connection:
        rows = connection.execute(
            text("SELECT state, object_key FROM meta.delivery WHERE delivery_id = ANY(:ids) ORDER BY delivery_id"),
            {"ids": list(delivery_ids)},
        ).all()
    return Worked(dict(Counter(row.state for row in rows)), tuple(errors), tuple(row.object_key for row in rows))


def changes(settings: Settings, delivery_ids: Sequence[int]) -> dict[str, dict[str, Any]]:
    """What these deliveries changed, by core table: their ids, and how many records were added, changed and gone."""
    with engine(settings.need("warehouse_url")).connect() as connection:
        rows = connection.execute(
            text(
                "SELECT source_id, layout, array_agg(delivery_id ORDER BY delivery_id) AS ids,"
                " sum(n_records_added)::bigint AS added, sum(n_records_changed)::bigint AS changed,"
                " sum(n_records_gone)::bigint AS gone FROM meta.delivery"
                " WHERE delivery_id = ANY(:ids) AND layout IS NOT NULL"
                " AND n_records_added + n_records_changed + n_records_gone > 0 GROUP BY source_id, layout"
            ),
            {"ids": list(delivery_ids)},
        ).all()
    out: dict[str, dict[str, Any]] = {}
    for row in rows:
        for table in _core_tables(settings, row.source_id, row.layout):
            entry = out.setdefault(table, {"delivery_ids": [], "n_added": 0, "n_changed": 0, "n_gone": 0})
            entry["delivery_ids"] += row.ids
            entry["n_added"] += row.added
            entry["n_changed"] += row.changed
            entry["n_gone"] += row.gone
    return out


def _core_tables(settings: Settings, source_id: str, layout: str) -> list[str]:
    """The core tables that a delivery of these layouts (joined by +, one per sheet) writes to."""
    try:
        contract = find_contract(settings.expectations_dir, source_id)
    except FootprintsError:
        return []
    names = layout.split("+")
    return sorted({item.table for item in contract.layouts if item.name in names})


def states(settings: Settings, delivery_ids: Sequence[int]) -> dict[str, int]:
    """How many of these deliveries are in which state."""
    with engine(settings.need("warehouse_url")).connect() as connection:
        rows = connection.execute(
            text("SELECT state, count(*) FROM meta.delivery WHERE delivery_id = ANY(:ids) GROUP BY state"),
            {"ids": list(delivery_ids)},
        ).all()
    return {row[0]: row[1] for row in rows}


def describe(error: BaseException) -> str:
    """An exception's class and where it came from, without its message: that may hold a partner's value."""
    if isinstance(error, FootprintsError):
        return f"{type(error).__name__}: {error.message} ({error.hint})"
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    where = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
    cause = f", caused by {type(error.__cause__).__name__}" if error.__cause__ else ""
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or getattr(error, "sqlstate", None)
    return f"{type(error).__name__}{f' (SQLSTATE {state})' if state else ''}{cause} at {where}"


def is_outage(error: BaseException) -> bool:
    """Whether the store or the database did not answer: no fault of the delivery, which loses no attempt by it."""
    from botocore import exceptions as boto
    from sqlalchemy.exc import InterfaceError, OperationalError

    if isinstance(error, boto.ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500
    return isinstance(
        error,
        (
            boto.ConnectionError,
            boto.HTTPClientError,
            InterfaceError,
            OperationalError,
            psycopg.OperationalError,
            ConnectionError,
            TimeoutError,
        ),
    )


def _notify(connection: Connection) -> None:
    connection.execute(text("SELECT pg_notify(:channel, 'released')"), {"channel": ledger.CHANNEL})


def _take(warehouse: Engine, delivery_id: int, worker: str, timeout: int) -> int | None:
    """Makes sure that this worker holds the delivery, renews the claim, and returns which attempt this is.

    An attempt counts when it begins: who was only claimed by a worker that died over another one has had none.
    """
    with warehouse.begin() as connection:
        return connection.execute(
            text(
                "UPDATE meta.delivery SET claimed_at = clock_timestamp(), claimed_by = :worker,"
                " n_attempts = n_attempts + 1 WHERE delivery_id = :id AND state = 'received'"
                " AND (claimed_by = :worker OR claimed_at IS NULL"
                " OR claimed_at < clock_timestamp() - make_interval(mins => :timeout)) RETURNING n_attempts"
            ),
            {"worker": worker, "id": delivery_id, "timeout": timeout},
        ).scalar()


def _put_back(warehouse: Engine, delivery_id: int, worker: str, timeout: int, *, forgive: bool) -> None:
    """Lets a delivery be claimed again after `PAUSE_SECONDS`, by a claim that is about to time out."""
    with warehouse.begin() as connection:
        connection.execute(
            text(
                "UPDATE meta.delivery SET claimed_by = 'pause', n_attempts = n_attempts - :forgive,"
                " claimed_at = clock_timestamp() - make_interval(mins => :timeout, secs => :pause)"
                " WHERE delivery_id = :id AND state = 'received' AND claimed_by = :worker"
            ),
            {
                "id": delivery_id,
                "worker": worker,
                "timeout": timeout,
                "pause": -PAUSE_SECONDS,
                "forgive": int(forgive),
            },
        )


def _fail(warehouse: Engine, delivery_id: int, settings: Settings, reason: str) -> None:
    """Gives a delivery up: with a receipt where one can be written, and in the ledger in any case."""
    from footprints import pipeline

    try:
        pipeline.fail(delivery_id, settings)
    except Exception as error:  # noqa: BLE001 - what stopped the delivery may stop its receipt too
        log.error("Delivery %d: no receipt: %s", delivery_id, describe(error))
    with warehouse.begin() as connection:
        connection.execute(
            text(
                "UPDATE meta.delivery SET state = 'failed', reason = :reason, claimed_at = NULL, claimed_by = NULL,"
                " finished_at = clock_timestamp() WHERE delivery_id = :id"
            ),
            {"id": delivery_id, "reason": reason},
        )
