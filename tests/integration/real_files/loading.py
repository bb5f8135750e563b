"""Loads real files inside an open transaction, without object store or receipt."""

from __future__ import annotations

import itertools
from dataclasses import replace

from pydantic import SecretStr
from sqlalchemy import Connection, text
from tests.real_files import PARTNERS

from footprints import ledger, pipeline
from footprints.contracts import load_contract
from footprints.ledger import LandedObject, enrol
from footprints.model import Delivery, Issue
from footprints.settings import REPOSITORY, Settings
from footprints.warehouse.reference import sync_source

EXPECTATIONS = REPOSITORY / "expectations"
_number = itertools.count(1)


def load(connection: Connection, file: str, source: str) -> tuple[Delivery, list[Issue]]:
    """The delivery of a file below `partners`, as loaded under its source, and what its receipt would say."""
    contract = load_contract(EXPECTATIONS / source)
    path = PARTNERS / file
    key = f"landing/{contract.partner.id}/{source}/{path.name}"
    sync_source(connection, contract)
    delivery_id = enrol(connection, LandedObject("tests", key, f"{next(_number)}", path.stat().st_size), "sweep")
    assert delivery_id is not None
    delivery = replace(ledger.get(connection, delivery_id), sha256=f"{delivery_id:064d}")
    # The same suites as masks: tests/unit/quality holds both engines equal.
    settings = Settings(gx_rows=0, privacy_key=SecretStr("key-of-the-tests"))
    loaded, issues, _ = pipeline.load(connection, delivery, path, contract, settings)
    connection.execute(text("DISCARD TEMP"))  # the stages, which otherwise go with the transaction
    assert loaded.state == "loaded", issues
    ledger.finish(
        connection,
        delivery_id,
        "loaded",
        counts=loaded.counts,
        sha256=loaded.sha256,
        layout=loaded.layout,
        as_of=loaded.as_of,
        engine=loaded.engine,
    )
    return loaded, issues
