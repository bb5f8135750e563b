"""Doing it again: withdraw, replay, rebuild, from a full ledger and from an empty one, on real Postgres and SeaweedFS."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from tests.integration.worksite import Site, contract, csv_bytes, write_expectations

from footprints import redo
from footprints.errors import FootprintsError, NotFoundError
from footprints.settings import Settings

pytestmark = pytest.mark.integration

UPSERT = contract("test-upsert", mode="upsert")
SNAPSHOT = contract("test-snapshot", mode="snapshot", snapshot={"scope": ["provider_region"], "period": "incident_date"})

FIRST = csv_bytes([("a", "2020-01-05", "Sahara", 1), ("b", "2020-02-05", "Sahara", 2), ("c", "2020-03-05", "Sea", 3)])
SECOND = csv_bytes([("b", "2020-02-05", "Sahara", 20), ("d", "2020-04-05", "Sea", 4)])
THIRD = csv_bytes([("a", "2020-02-07", "Sahara", 10)])
PART = csv_bytes([("e", "2020-01-31", "Sahara", 5), ("f", "2020-02-28", "Sahara", 6)])


@pytest.fixture
def site(platform: Settings, tmp_path: Path) -> Site:
    expectations = write_expectations(tmp_path / "expectations", UPSERT, SNAPSHOT)
    made = Site(platform.model_copy(update={"expectations_dir": expectations, "gx_rows": 0}))
    made.clear()
    return made


def put_all(site: Site, source: str, *bodies: bytes) -> list[int]:
    """The files, as of one day after the other, enrolled and not processed."""
    return [site.put(source, f"2020-06-0{n}.csv", body) for n, body in enumerate(bodies, start=1)]


@pytest.mark.parametrize("source", ["test-upsert", "test-snapshot"])
@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_a_withdrawn_delivery_leaves_no_trace_in_the_figures(site: Site, source: str, which: int) -> None:
    bodies = (FIRST, SECOND, PART, THIRD)
    ids = put_all(site, source, *bodies)
    site.process(*(i for i in ids if i != ids[which]))
    site.refresh()
    never_seen = site.checksum()

    site.clear()
    ids = put_all(site, source, *bodies)
    site.process(*ids)
    site.refresh()
    assert site.checksum() != never_seen
    assert redo.withdraw(ids[which], site.settings).state == "withdrawn"
    site.refresh()
    assert site.checksum() == never_seen
    assert site.states()[ids[which]] == "withdrawn"
    assert site.receipt(ids[which]).delivery.state == "withdrawn"
