"""The sweep: lists the landing bucket and enrols what the events missed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, text

from footprints import ledger
from footprints.ledger import LandedObject
from footprints.settings import Settings
from footprints.storage import Store
from footprints.warehouse.engine import engine

PAGE = 1000


@dataclass(frozen=True)
class Swept:
    """What a sweep found: objects listed, deliveries enrolled that no event had announced, deliveries that wait."""

    n_listed: int
    n_enrolled: int
    n_pending: int


def sweep(settings: Settings, by: str = "sweep") -> Swept:
    """Enrols every version in the landing bucket that the ledger does not hold.

    Each page of the listing is one question to the ledger and one transaction.
    """
    warehouse = engine(settings.need("warehouse_url"))
    n_listed = n_enrolled = 0
    for page in _pages(Store(settings).list_landing()):
        n_listed += len(page)
        with warehouse.begin() as connection:
            known = _known(connection, page)
            missing = [item for item in page if (item.key, item.version) not in known]
            n_enrolled += sum(ledger.enrol(connection, item, by) is not None for item in missing)
    with warehouse.connect() as connection:
        n_pending = ledger.n_pending(connection, settings.claim_timeout_minutes)
    return Swept(n_listed, n_enrolled, n_pending)


def _pages(items: Iterable[LandedObject]) -> Iterator[list[LandedObject]]:
    iterator = iter(items)
    while page := list(islice(iterator, PAGE)):
        yield page


def _known(connection: Connection, page: list[LandedObject]) -> set[tuple[str, str]]:
    rows = connection.execute(
        text("SELECT object_key, object_version FROM meta.delivery WHERE bucket = :bucket AND object_key = ANY(:keys)"),
        {"bucket": page[0].bucket, "keys": [item.key for item in page]},
    )
    return {(row.object_key, row.object_version) for row in rows}
