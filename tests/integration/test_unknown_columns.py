"""Unknown columns by the contract's mode: kept beside the record through replays and rebuilds, dropped, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.integration.worksite import Site, contract, write_expectations

from footprints import redo
from footprints.check import check_file
from footprints.settings import Settings

pytestmark = pytest.mark.integration

HEADER = "key,day,region,dead,colour,phone"
ROWS = "a,2020-01-05,Sea,1,blue,+999 20 123 456\nb,2020-01-05,Sea,1,,\nc,2020-01-06,Sea,2,+999 20 123 456,\n"


@pytest.fixture
def site(platform: Settings, tmp_path: Path) -> Site:
    documents = [
        contract(f"test-{mode}", mode="upsert", unknown_columns=mode, match={"headers": ["key", "day"]})
        for mode in ("keep", "drop", "refuse")
    ]
    for document in documents:
        document["layouts"] = document["layouts"][1:]
    site = Site(platform.model_copy(update={"expectations_dir": write_expectations(tmp_path / "e", *documents)}))
    site.clear()
    return site


def extra(site: Site) -> dict[str, object]:
    with site.warehouse.connect() as connection:
        rows = connection.execute(text("SELECT record_key, extra FROM core.incident ORDER BY 1")).all()
    return {row[0]: row[1] for row in rows}


def test_kept_cells_stand_beside_the_record_without_identifiers(site: Site, tmp_path: Path) -> None:
    body = f"{HEADER}\n{ROWS}".encode()
    delivery = site.deliver("test-keep", "2020-02-01.csv", body)
    assert extra(site) == {"a": {"colour": "blue"}, "b": None, "c": None}
    issues = {issue.rule: issue for issue in site.receipt(delivery).issues}
    assert issues["columns.kept"].parameters["columns"] == ["colour"]
    assert issues["columns.private"].parameters["columns"] == ["phone"]
    assert issues["identifier.left_out"].example_rows == (4,)
    path = tmp_path / "2020-02-01.csv"
    path.write_bytes(body)
    checked = check_file(path, "test-keep", site.settings)
    assert {issue.rule for issue in checked.issues} == set(issues)
    # A later file changes one kept cell only: that is a change of the record, and a rebuild ends equal.
    later = site.deliver("test-keep", "2020-03-01.csv", body.replace(b"blue", b"green"))
    assert site.get(later).counts.records_changed == 1
    assert extra(site)["a"] == {"colour": "green"}
    assert "999" not in json.dumps(extra(site))
    assert redo.rebuild(site.settings).is_equal
    assert extra(site)["a"] == {"colour": "green"}


def test_dropped_columns_are_told_and_refused_ones_hold_the_file(site: Site) -> None:
    body = f"{HEADER}\n{ROWS}".encode()
    dropped = site.deliver("test-drop", "2020-02-01.csv", body)
    assert set(extra(site).values()) == {None}
    told = {issue.rule: issue.parameters for issue in site.receipt(dropped).issues}
    assert told["columns.dropped"] == {"columns": ["colour", "phone"]}
    refused = site.deliver("test-refuse", "2020-02-01.csv", body)
    assert (site.get(refused).state, site.get(refused).reason) == ("quarantined", "columns.unexpected")
