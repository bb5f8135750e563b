"""Putting files into the landing bucket, and waiting for their verdicts, as the command line does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Engine, text

from footprints import ledger
from footprints.contracts import find_contract
from footprints.errors import NotFoundError
from footprints.ledger import LandedObject
from footprints.model import Delivery
from footprints.settings import Settings
from footprints.storage import Store

POLL_SECONDS = 0.2


def drop_files(
    paths: Sequence[Path], source: str, settings: Settings, *, partner: str | None = None
) -> list[LandedObject]:
    """Puts files under `landing/<partner>/<source>/`; the partner is the contract's unless given.

    Raises NotFoundError where there is no such source.
    """
    partner = partner or find_contract(settings.expectations_dir, source).partner.id
    store = Store(settings)
    dropped = []
    for path in paths:
        key = f"{ledger.LANDING}{partner}/{source}/{path.name}"
        store.put_file(settings.landing_bucket, key, path)
        dropped.append(store.head(settings.landing_bucket, key))
    return dropped


def wait_for(
    engine: Engine,
    dropped: Sequence[LandedObject],
    timeout: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Delivery]:
    """The deliveries of these objects, once each has its verdict.

    Raises NotFoundError where that takes longer than `timeout` seconds, saying how many are open.
    """
    deadline = time.monotonic() + timeout
    while True:
        with engine.connect() as connection:
            ids = connection.execute(
                text(
                    "SELECT delivery_id FROM meta.delivery WHERE state <> 'received'"
                    " AND (bucket, object_key, object_version) IN (SELECT * FROM unnest("
                    "CAST(:buckets AS text[]), CAST(:keys AS text[]), CAST(:versions AS text[]))) ORDER BY delivery_id"
                ),
                {
                    "buckets": [d.bucket for d in dropped],
                    "keys": [d.key for d in dropped],
                    "versions": [d.version for d in dropped],
                },
            ).scalars()
            done = [ledger.get(connection, delivery_id) for delivery_id in ids]
        progress(len(done), len(dropped))
        if len(done) >= len({(d.key, d.version) for d in dropped}):
            return done
        if time.monotonic() > deadline:
            raise NotFoundError(
                f"{len(dropped) - len(done)} of {len(dropped)} files have no verdict after {timeout:.0f} s",
                "see `footprints status` and `footprints deliveries`; the sweep finds every file within 15 minutes",
            )
        time.sleep(POLL_SECONDS)
