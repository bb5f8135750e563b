"""Doing it again: withdraw, replay, rebuild from a full ledger and from an empty one, on real servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from tests.conftest import Warehouse
from tests.integration.worksite import Site, contract, csv_bytes, write_expectations

from footprints import redo
from footprints.contracts import load_contract
from footprints.errors import FootprintsError, NotFoundError
from footprints.settings import Settings
from footprints.stack import state
from footprints.stack.lifecycle import migrate_warehouse
from footprints.stack.postgres import Postgres

pytestmark = pytest.mark.integration

UPSERT = contract("test-upsert", mode="upsert")
SNAPSHOT = contract(
    "test-snapshot", mode="snapshot", snapshot={"scope": ["provider_region"], "period": "incident_date"}
)

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


def agree_otherwise(site: Site, document: dict[str, Any]) -> None:
    """Changes a contract, as a new deployment does."""
    write_expectations(site.settings.expectations_dir, document)
    load_contract.cache_clear()


def unknown(document: dict[str, Any], day: str) -> dict[str, Any]:
    """The contract, made such that no layout fits the file of a day."""
    layouts = [layout | {"match": layout["match"] | {"file": f"^2020-(?!{day})"}} for layout in document["layouts"]]
    return document | {"layouts": layouts}


def all_rejected(document: dict[str, Any], day: str) -> dict[str, Any]:
    """The contract, made such that every row of the file of a day is rejected, and the gate holds it."""
    strict = [
        layout
        | {
            "name": f"strict-{layout['name']}",
            "match": layout["match"] | {"file": f"^2020-{day}"},
            "columns": layout["columns"] | {"n_dead": {"from": "dead", "type": "integer", "extract": "^(many)$"}},
        }
        for layout in document["layouts"]
    ]
    return document | {"layouts": [*strict, *document["layouts"]]}


@pytest.mark.parametrize("source", ["test-upsert", "test-snapshot"])
@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_withdrawn_delivery_leaves_no_trace(site: Site, source: str, which: int) -> None:
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


def test_what_holds_nothing_cannot_be_withdrawn(site: Site) -> None:
    delivery = site.deliver("test-upsert", "2020-06-01.csv", b"nothing,known\n1,2\n")
    assert site.states() == {delivery: "quarantined"}
    with pytest.raises(FootprintsError, match="quarantined"):
        redo.withdraw(delivery, site.settings)
    with pytest.raises(NotFoundError):
        redo.withdraw(delivery + 1, site.settings)
    with pytest.raises(NotFoundError):
        redo.replay(site.warehouse, delivery + 1)


def test_sweep_leaves_what_has_a_verdict(site: Site) -> None:
    withdrawn, _, quarantined = put_all(site, "test-upsert", FIRST, SECOND, b"nothing,known\n1,2\n")
    states = site.process(*site.states())
    redo.withdraw(withdrawn, site.settings)
    assert states == ["loaded", "loaded", "quarantined"]
    before = site.states(), site.records("test-upsert")
    assert site.sweep() == 0
    assert (site.states(), site.records("test-upsert")) == before
    assert (before[0][withdrawn], before[0][quarantined]) == ("withdrawn", "quarantined")


def test_same_bytes_after_a_withdrawal_load_again(site: Site) -> None:
    first = site.deliver("test-upsert", "2020-06-01.csv", FIRST)
    again = site.deliver("test-upsert", "2020-06-01-copy.csv", FIRST)
    assert site.get(again).duplicate_of == first
    redo.withdraw(first, site.settings)
    assert site.records("test-upsert") == {}
    third = site.deliver("test-upsert", "2020-06-01-new.csv", FIRST)
    assert site.states() == {first: "withdrawn", again: "duplicate", third: "loaded"}
    assert {r[0] for r in site.records("test-upsert").values()} == {third}


def test_withdrawal_can_be_taken_back(site: Site) -> None:
    ids = put_all(site, "test-upsert", FIRST, SECOND)
    site.process(*ids)
    before = site.checksum("core")
    redo.withdraw(ids[1], site.settings)
    redo.replay(site.warehouse, ids[1])
    assert site.process(ids[1]) == ["loaded"]
    assert site.checksum("core") == before


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (2, 3, 0, 1)], ids=str)
def test_later_of_two_equal_files_is_the_duplicate_whichever_is_faster(site: Site, order: tuple[int, ...]) -> None:
    first, correction, again, once_more = ids = put_all(site, "test-upsert", FIRST, SECOND, FIRST, FIRST)
    for place in order:
        site.process(ids[place])
    assert site.states() == {first: "loaded", correction: "loaded", again: "duplicate", once_more: "duplicate"}
    assert [site.get(i).duplicate_of for i in (again, once_more)] == [first, first]
    assert site.get(again).counts.rows_read == 0
    assert site.receipt(again).delivery.state == "duplicate"
    assert site.receipt(first).delivery.counts.rows_read == 3
    assert site.records("test-upsert") == {
        "a": (first, 1, None),
        "b": (correction, 20, None),
        "c": (first, 3, None),
        "d": (correction, 4, None),
    }


def test_replayed_delivery_changes_nothing(site: Site) -> None:
    ids = put_all(site, "test-snapshot", FIRST, SECOND, PART)
    site.process(*ids)
    site.refresh()
    before = site.checksum()
    for delivery in ids:
        redo.replay(site.warehouse, delivery)
        site.process(delivery)
    site.refresh()
    assert site.checksum() == before


def test_quarantined_delivery_is_loaded_once_the_contract_is_mended(site: Site) -> None:
    agree_otherwise(site, unknown(UPSERT, "06-01"))
    first = site.deliver("test-upsert", "2020-06-01.csv", FIRST)
    assert site.get(first).reason == "source.other"  # another of the sources here reads such files
    agree_otherwise(site, UPSERT)
    redo.replay(site.warehouse, first)
    assert site.process(first) == ["loaded"]
    assert site.get(first).reason is None
    assert site.receipt(first).delivery.state == "loaded"
    assert sorted(site.records("test-upsert")) == ["a", "b", "c"]


@pytest.mark.parametrize(("stricter", "reason"), [(unknown, "source.other"), (all_rejected, "gate.rejects")])
def test_replayed_delivery_that_is_held_gives_back_what_it_had_replaced(site: Site, stricter: Any, reason: str) -> None:
    first, second = put_all(site, "test-upsert", FIRST, SECOND)
    site.process(first)
    site.refresh()
    before = site.checksum()
    site.process(second)
    site.refresh()
    assert site.checksum() != before
    agree_otherwise(site, stricter(UPSERT, "06-02"))
    redo.replay(site.warehouse, second)
    assert site.process(second) == ["quarantined"]
    site.refresh()
    assert site.checksum() == before
    held = site.get(second)
    assert (held.reason, held.counts.rows_loaded, held.as_of) == (reason, 0, None)


@pytest.mark.parametrize("stricter", [unknown, all_rejected])
def test_held_snapshot_gives_back_what_it_had_removed_though_its_own_records_were_replaced(
    site: Site, stricter: Any
) -> None:
    half_year = csv_bytes([("x", "2020-01-01", "Sahara", 1), ("y", "2020-06-30", "Sahara", 1)])
    moved = csv_bytes([("x", "2020-07-01", "Sahara", 2), ("y", "2020-07-02", "Sahara", 2)])
    first, snapshot, newer = put_all(site, "test-snapshot", FIRST, half_year, moved)
    site.process(first, snapshot, newer)
    assert site.states()[snapshot] == "superseded"
    assert sorted(site.records("test-snapshot")) == ["c", "x", "y"]
    agree_otherwise(site, stricter(SNAPSHOT, "06-02"))
    redo.replay(site.warehouse, snapshot)
    assert site.process(snapshot) == ["quarantined"]
    assert sorted(site.records("test-snapshot")) == ["a", "b", "c", "x", "y"]


def everything(site: Site) -> dict[str, list[int]]:
    """Both sources with corrections, duplicates, a file that is held, late ones, and a withdrawn one."""
    ids = {}
    for source in ("test-upsert", "test-snapshot"):
        made = put_all(site, source, FIRST, SECOND, PART, THIRD, FIRST, b"nothing,known\n1,2\n")
        for place in (3, 1, 4, 0, 2, 5):
            site.process(made[place])
        redo.withdraw(made[1], site.settings)
        ids[source] = made
    site.refresh()
    return ids


def test_rebuilt_warehouse_is_equal(site: Site) -> None:
    everything(site)
    before, states = site.checksum(), site.states()
    done = redo.rebuild(site.settings)
    assert done.is_equal
    assert done.before == done.after == before == site.checksum()
    assert site.states() == states
    assert done.n_deliveries == 6


def test_rebuild_tells_when_core_was_not_what_the_archive_says(site: Site) -> None:
    site.deliver("test-upsert", "2020-06-01.csv", FIRST)
    with site.warehouse.begin() as connection:
        connection.execute(text("UPDATE core.incident SET n_dead = 99 WHERE record_key = 'a'"))
    done = redo.rebuild(site.settings)
    assert not done.is_equal
    assert [name for name in done.before if done.before[name] != done.after[name]] == [
        "core.incident",
        "trends.incident_month",
    ]
    assert site.records("test-upsert")["a"][1] == 1


def test_warehouse_that_was_lost_with_its_ledger_comes_back_equal(
    site: Site, warehouse: Warehouse, postgres_server: Postgres
) -> None:
    ids = everything(site)
    before, states = site.checksum(), site.states()
    duplicates = {i: site.get(i).duplicate_of for i in states}

    database = make_url(warehouse.owner).database
    assert database is not None
    postgres_server.drop_database(database)
    postgres_server.ensure_database(database, state.OWNER)
    postgres_server.allow_connect(database, list(state.ROLES))
    migrate_warehouse({"FOOTPRINTS_WAREHOUSE_OWNER_URL": warehouse.owner, "FOOTPRINTS_WAREHOUSE_URL": warehouse.loader})
    assert site.states() == {}
    assert redo.rebuild(site.settings).is_equal
    assert site.sweep() == 0
    assert site.checksum("trends") == {name: sum_ for name, sum_ in before.items() if name.startswith("trends.")}
    assert site.checksum("core") == {name: sum_ for name, sum_ in before.items() if name.startswith("core.")}
    assert site.states() == states
    assert {i: site.get(i).duplicate_of for i in states} == duplicates
    assert site.states()[ids["test-upsert"][1]] == "withdrawn"
    # The next delivery gets a number of its own.
    assert site.deliver("test-upsert", "2020-07-01.csv", PART + b"g,2020-05-01,Sea,7\n") > max(states)


def test_rebuild_leaves_everything_where_an_archived_file_is_missing(site: Site) -> None:
    first, second = put_all(site, "test-upsert", FIRST, SECOND)
    site.process(first, second)
    before = site.checksum("core"), site.states()
    archived = site.get(second).archive_key
    site.store.client.delete_object(Bucket=site.settings.archive(), Key=archived or "")
    with pytest.raises(NotFoundError):
        redo.rebuild(site.settings)
    assert (site.checksum("core"), site.states()) == before
