"""Doing it again: replaying a delivery, taking one back, building the warehouse anew from the bucket."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from footprints import fixes, ledger, pipeline, receipts, scratch
from footprints.contracts import Contract, find_contract
from footprints.errors import DeliveryError, FootprintsError, NotFoundError
from footprints.model import Delivery, Issue
from footprints.receipts import answers
from footprints.receipts.answers import Answer
from footprints.settings import Settings
from footprints.storage import Store
from footprints.trends import TOUCH, checksum, load_trends, refresh
from footprints.warehouse import corrections, reference
from footprints.warehouse.engine import driver, engine
from footprints.warehouse.load import EVENT_PARTITIONS
from footprints.warehouse.tables import TABLES


def replay(warehouse: Engine, delivery_id: int) -> None:
    """Puts a delivery back in the queue; its rows stay until the new verdict replaces them.

    Raises NotFoundError where there is none.
    """
    with warehouse.begin() as connection:
        ledger.get(connection, delivery_id)
        connection.execute(
            text(
                "UPDATE meta.delivery SET state = 'received', claimed_at = NULL, claimed_by = NULL, n_attempts = 0,"
                " duplicate_of = NULL, reason = NULL WHERE delivery_id = :id"
            ),
            {"id": delivery_id},
        )
        ledger.notify(connection, delivery_id)


def withdraw(delivery_id: int, settings: Settings) -> Delivery:
    """Takes a delivery back, in one transaction: what it had replaced or superseded returns from the archive.

    Raises NotFoundError where there is none, FootprintsError where it holds nothing.
    """
    store = Store(settings)
    with engine(settings.need("warehouse_url")).begin() as connection:
        pipeline.lock_with_corrected(connection, ledger.get(connection, delivery_id).source_id, settings)
        delivery = ledger.get(connection, delivery_id)
        if delivery.state not in ("loaded", "superseded"):
            raise FootprintsError(
                f"delivery {delivery_id} is {delivery.state}: there is nothing to withdraw",
                "see `footprints deliveries`",
            )
        connection.execute(
            text("UPDATE meta.delivery SET state = 'withdrawn' WHERE delivery_id = :id"), {"id": delivery_id}
        )
        reload_source(connection, delivery.source_id, settings, store, because_of=delivery_id)
        contract = find_contract(settings.expectations_dir, delivery.source_id)
        withdrawn = replace(delivery, state="withdrawn")
        issues: list[Issue] = []
        # The copies hold the partner's cells: they go with the delivery.
        answers.keep(connection, delivery_id, Answer())
        answers.remove_others(withdrawn, Answer(), store)
        receipt = pipeline.make_receipt(connection, withdrawn, contract.partner.language, contract, issues)
        document, page = receipts.write(receipt, contact=settings.contact)
        for key, body, kind in zip(
            receipts.keys(withdrawn), (document, page), ("application/json", "text/html; charset=utf-8"), strict=True
        ):
            store.put_bytes(delivery.bucket, key, body, kind)
    return withdrawn


def reload_source(
    connection: Connection,
    source_id: str,
    settings: Settings,
    store: Store,
    *,
    because_of: int | None = None,
    quietly: bool = True,
    progress: Callable[[str], None] = lambda text: None,
) -> int:
    """Empties what a source has in core and loads its deliveries again from the archive, in the caller's transaction.

    The caller holds the source's lock, and those of the surveys that it corrects. Returns how many deliveries were
    loaded. `because_of` is the delivery that touched the partitions, for the record; None where trend tables are
    refreshed in full anyway. `quietly` leaves rejects and results of checks as they are; where they were lost with the
    ledger, they are written again.
    """
    if because_of is not None:
        for trend in load_trends(settings.sql_dir):
            select = (
                f"SELECT DISTINCT '{trend.name}', {trend.partition}, {int(because_of)}::bigint"
                f" FROM core.{trend.core_table} WHERE source_id = :source"
            )
            connection.execute(text(TOUCH.format(select=select.replace("::", "\\:\\:"))), {"source": source_id})
            if trend.core_table == "incident":
                # Who is counted for an event may change, also among what other sources tell of it.
                linked = EVENT_PARTITIONS.format(
                    trend=trend.name, partition=trend.partition, delivery=f"{int(because_of)}::bigint"
                )
                connection.execute(text(TOUCH.format(select=linked.replace("::", "\\:\\:"))), {"source": source_id})
    corrected = set(
        connection.execute(
            text("SELECT DISTINCT corrects_source FROM core.correction WHERE source_id = :source"),
            {"source": source_id},
        ).scalars()
    )
    for table in TABLES:
        connection.execute(text(f"DELETE FROM core.{table} WHERE source_id = :source"), {"source": source_id})
    for table in ("snapshot", "refused_consent"):
        connection.execute(text(f"DELETE FROM meta.{table} WHERE source_id = :source"), {"source": source_id})
    before = fixes.reopen(connection, source_id)
    ids = list(
        connection.execute(
            text(
                "UPDATE meta.delivery SET state = 'loaded' WHERE source_id = :source"
                " AND state IN ('loaded', 'superseded') AND archive_key IS NOT NULL RETURNING delivery_id"
            ),
            {"source": source_id},
        ).scalars()
    )
    contract = find_contract(settings.expectations_dir, source_id)
    for delivery_id in sorted(ids):
        delivery = ledger.get(connection, delivery_id)
        progress(f"{source_id}: {delivery.object_key.rsplit('/', 1)[-1]}")
        with scratch.folder() as folder:
            path = folder / "object"
            assert delivery.archive_key is not None
            store.download(settings.archive(), delivery.archive_key, path)
            reason = _load_again(connection, delivery, path, contract, settings, quietly)
        if reason is not None:  # the contract has become stricter since
            connection.execute(
                text(
                    "UPDATE meta.delivery SET state = 'quarantined', reason = :reason, as_of = NULL"
                    " WHERE delivery_id = :id"
                ),
                {"id": delivery_id, "reason": reason},
            )
    corrections.settle_all(driver(connection), contract, settings.sql_dir, because_of, corrected)
    changed = fixes.changed(before, fixes.closings(connection, source_id))
    pipeline.answer_again(connection, changed - {because_of or 0}, store, settings)
    return len(ids)


def _load_again(
    connection: Connection, delivery: Delivery, path: Path, contract: Contract, settings: Settings, quietly: bool
) -> str | None:
    """Loads a delivery from its archived file; why it could not be, if so. One that cannot leaves nothing behind."""
    try:
        with connection.begin_nested():
            loaded, issues, _ = pipeline.load(connection, delivery, path, contract, settings, quietly=quietly)
            held = next((issue.rule for issue in issues if issue.severity == "hold"), None)
            return None if loaded.state == "loaded" else held or loaded.state
    except DeliveryError as error:
        return error.rule
    except (IntegrityError, psycopg.IntegrityError, psycopg.DataError):
        return "warehouse.refused"


@dataclass(frozen=True)
class Rebuilt:
    """A rebuild: checksums of every core and trend table before and after; none before where the ledger was lost."""

    n_deliveries: int
    seconds: float
    before: dict[str, str]
    after: dict[str, str]

    @property
    def is_equal(self) -> bool:
        """Whether each table has the same content as before, where there was any."""
        return not self.before or self.before == self.after


def rebuild(settings: Settings, progress: Callable[[str], None] = lambda text: None) -> Rebuilt:
    """Builds core and trends anew from the archive; the ledger too, from the receipts, where it is empty.

    Core is rebuilt in one transaction: readers see the old content until the new one is there, and a failure changes
    nothing.
    """
    started = time.monotonic()
    warehouse = engine(settings.need("warehouse_url"))
    store = Store(settings)
    reference.sync(warehouse, settings.expectations_dir)
    with warehouse.begin() as connection:
        is_empty = connection.execute(text("SELECT NOT EXISTS (SELECT FROM meta.delivery)")).scalar()
        if is_empty:
            progress("restoring the ledger from the receipts")
            restore_ledger(connection, settings, store)
    before: dict[str, str] = {}
    if not is_empty:
        progress("refreshing what is pending")
        refresh(warehouse)
        with warehouse.connect() as connection:
            before = checksum(connection)
    n_deliveries = 0
    with warehouse.begin() as connection:
        sources = connection.execute(
            text("SELECT DISTINCT source_id FROM meta.delivery WHERE state IN ('loaded', 'superseded') ORDER BY 1")
        ).scalars()
        rebuilt = list(sources)
        pipeline.lock_sources(connection, rebuilt)
        for source_id in rebuilt:
            n_deliveries += reload_source(
                connection, source_id, settings, store, quietly=not is_empty, progress=progress
            )
    progress("computing the trend tables")
    refresh(warehouse, full=True)
    with warehouse.connect() as connection:
        after = checksum(connection)
    return Rebuilt(n_deliveries, time.monotonic() - started, before, after)


def restore_ledger(connection: Connection, settings: Settings, store: Store) -> int:
    """Enters every delivery that a receipt in the bucket tells of, under its old id; returns how many.

    Objects without a receipt are found by the next sweep.
    """
    duplicates: list[dict[str, int]] = []
    n = 0
    for key in store.list_keys(settings.landing_bucket, "receipts/"):
        if not key.endswith("/receipt.json"):
            continue
        try:
            receipt = receipts.parse(store.get_bytes(settings.landing_bucket, key))
            delivery = receipt.delivery
        except (ValueError, KeyError, NotFoundError):
            continue
        counts = {f"n_{name}": value for name, value in vars(delivery.counts).items()}
        values = {k: v for k, v in vars(delivery).items() if k not in ("counts", "duplicate_of")} | counts
        values |= {"enrolled_by": "rebuild", "finished_at": delivery.finished_at or datetime.now(UTC)}
        names = ", ".join(values)
        connection.execute(
            text(
                f"INSERT INTO meta.delivery ({names}) OVERRIDING SYSTEM VALUE"
                f" VALUES ({', '.join(':' + name for name in values)}) ON CONFLICT DO NOTHING"
            ),
            values,
        )
        pipeline.keep_issues(connection, delivery.delivery_id, receipt.issues)
        answers.keep(
            connection,
            delivery.delivery_id,
            Answer(receipt.files, receipt.marking, receipt.rhythm, receipt.quality),
        )
        n += 1
        if delivery.duplicate_of is not None:
            duplicates.append({"id": delivery.delivery_id, "first": delivery.duplicate_of})
    if duplicates:
        connection.execute(
            text(
                "UPDATE meta.delivery SET duplicate_of = :first WHERE delivery_id = :id"
                " AND EXISTS (SELECT FROM meta.delivery f WHERE f.delivery_id = :first)"
            ),
            duplicates,
        )
    connection.execute(
        text(
            "SELECT setval(pg_get_serial_sequence('meta.delivery', 'delivery_id'),"
            " (SELECT max(delivery_id) FROM meta.delivery))"
        )
    )
    return n
