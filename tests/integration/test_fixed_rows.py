"""A partner fixes the rejected rows and sends only them: both receipts say so, and a withdrawal opens them again."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import text
from tests.integration.worksite import Row, Site, contract, csv_bytes, write_expectations

from footprints import redo
from footprints.model import Closing
from footprints.receipts import folder
from footprints.settings import Settings

pytestmark = pytest.mark.integration

UPSERT = contract("test-upsert", mode="upsert") | {"cadence": "P1M"}
SNAPSHOT = contract("test-snapshot", mode="snapshot", snapshot={"scope": [], "covers": "all"}) | {"cadence": "P1M"}
APPEND = contract("test-append", mode="append")

GOOD: list[Row] = [(f"k{n}", f"2020-01-{n:02}", "Sea", n) for n in range(1, 9)]
FIRST = csv_bytes(
    [*GOOD, ("x", "2020-01-40", "Sea", 1), ("", "2020-01-11", "Sea", 2), ("z", "2020-01-12", "=1+1", "?")]
)
"""Rows 10, 11 and 12 are rejected: a day that is none, no key, a number that is none."""


@pytest.fixture
def site(platform: Settings, tmp_path: Path) -> Site:
    documents = [d | {"gate": {"max_reject_share": 0.5}} for d in (UPSERT, SNAPSHOT, APPEND)]
    expectations = write_expectations(tmp_path / "expectations", *documents)
    made = Site(platform.model_copy(update={"expectations_dir": expectations, "gx_rows": 0}))
    made.clear()
    return made


def beside(site: Site, delivery_id: int) -> dict[str, bytes]:
    """The files beside a receipt: by name, without the receipt itself."""
    delivery = site.get(delivery_id)
    prefix = f"{folder(delivery)}/"
    keys = [key for key in site.store.list_keys(delivery.bucket, prefix) if "/receipt." not in key]
    return {key.removeprefix(prefix): site.store.get_bytes(delivery.bucket, key) for key in keys}


def fixed(body: bytes, **cells: dict[str, str]) -> bytes:
    """A file of rows to fix with cells put right, by the number in each row's reference; the others as they are."""
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    names = rows[0]
    for row in rows[1:]:
        for name, value in cells.get("r" + row[-1].split("/")[1], {}).items():
            row[names.index(name)] = value
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def opens(site: Site, delivery_id: int) -> dict[int, int | None]:
    """The rejects of a delivery: row → what closed it."""
    with site.warehouse.connect() as connection:
        rows = connection.execute(
            text("SELECT row_number, closed_by FROM meta.reject WHERE delivery_id = :id ORDER BY 1"),
            {"id": delivery_id},
        ).all()
    return {row[0]: row[1] for row in rows}


@pytest.mark.parametrize("source", ["test-upsert", "test-snapshot", "test-append"])
def test_rows_that_come_back_fixed_close_the_rejects_until_they_are_withdrawn(site: Site, source: str) -> None:
    first = site.deliver(source, "2020-02-01.csv", FIRST)
    files = beside(site, first)
    assert sorted(files) == ["2020-02-01.marked.csv", "2020-02-01.marked.xlsx", "2020-02-01.to-fix.csv"]
    told = site.receipt(first)
    assert {one.name for one in told.files} == set(files)
    assert (told.marking, told.n_open, told.closed) == ("done", 3, ())
    assert opens(site, first) == {10: None, 11: None, 12: None}
    before = site.checksum("core")

    some = fixed(files["2020-02-01.to-fix.csv"], r10={"day": "2020-01-10"}, r11={"key": "y"})
    second = site.deliver(source, "2020-02-01.to-fix.csv", some)
    assert site.states() == {first: "loaded", second: "loaded"}
    records = site.records(source)
    # The rows that were good at once are still there, of the first delivery: a part is not the whole.
    assert sorted(records) == sorted([*(f"k{n}" for n in range(1, 9)), "x", "y"])
    assert {records[key][0] for key in ("x", "y")} == {second}
    assert records["k1"][0] == first
    assert opens(site, first) == {10: second, 11: second, 12: None}
    assert site.receipt(first).closed == (Closing(second, 2, 1),)
    assert site.receipt(first).n_open == 1
    assert [one.closed_by for one in site.receipt(first).rejects] == [second, second, None]
    assert site.receipt(second).closes == (Closing(first, 2, 1),)
    assert site.receipt(first).files == told.files and site.receipt(first).issues == told.issues
    assert site.get(second).as_of == site.get(first).as_of

    # The last row comes from the second's own file of rows to fix: it closes the row in both.
    rest = beside(site, second)["2020-02-01.to-fix.csv"]
    assert f"FP{second}/" in rest.decode() and "'=1+1" in rest.decode()
    third = site.deliver(source, "2020-02-01.to-fix (1).csv", fixed(rest, r4={"dead": "3"}))
    assert site.records(source)["z"][0] == third
    assert opens(site, first) == {10: second, 11: second, 12: third}
    assert opens(site, second) == {4: third}
    assert site.receipt(first).closed == (Closing(second, 2, 0), Closing(third, 1, 0))
    assert site.receipt(third).closes == (Closing(first, 1, 0), Closing(second, 1, 0))
    with site.warehouse.connect() as connection:
        region = connection.execute(text("SELECT provider_region FROM core.incident WHERE record_key = 'z'")).scalar()
    assert region == "=1+1"  # the apostrophe is ours alone

    whole = site.checksum("core")
    assert redo.rebuild(site.settings).is_equal
    assert opens(site, first) == {10: second, 11: second, 12: third}
    for delivery in (first, third, second):
        redo.replay(site.warehouse, delivery)
        assert site.process(delivery) == ["loaded"]
        assert site.checksum("core") == whole
        assert opens(site, first) == {10: second, 11: second, 12: third}
        assert opens(site, second) == {4: third}

    redo.withdraw(third, site.settings)
    redo.withdraw(second, site.settings)
    assert site.checksum("core") == before
    assert opens(site, first) == {10: None, 11: None, 12: None}
    assert (site.receipt(first).closed, site.receipt(first).n_open) == ((), 3)
    assert site.receipt(second).closes == ()
    # Copies hold cells: they go with the delivery, and only with it.
    assert beside(site, second) == beside(site, third) == {}
    assert sorted(beside(site, first)) == sorted(files)


def test_whole_file_that_comes_again_put_right_closes_by_key(site: Site) -> None:
    first = site.deliver("test-snapshot", "2020-02-01.csv", FIRST)
    good = csv_bytes([*GOOD, ("x", "2020-01-10", "Sea", 1), ("y", "2020-01-11", "Sea", 2)])
    second = site.deliver("test-snapshot", "2020-02-02.csv", good)
    assert opens(site, first) == {10: second, 11: None, 12: None}
    assert site.receipt(second).closes == (Closing(first, 1, 2),)


def test_marked_copy_that_comes_again_is_the_whole_file_without_our_columns(site: Site) -> None:
    first = site.deliver("test-snapshot", "2020-02-01.csv", FIRST)
    for name, body in beside(site, first).items():
        if ".marked." not in name:
            continue
        again = site.deliver("test-snapshot", name, body)
        receipt = site.receipt(again)
        assert receipt.delivery.counts.rows_read == 11 and receipt.delivery.counts.rows_rejected == 3
        ours = [issue for issue in receipt.issues if issue.rule == "columns.dropped"]
        assert ours == []
        told = [replace(one, closed_by=None) for one in receipt.rejects]
        assert [(r.row_number, r.rules, r.columns) for r in told] == [
            (r.row_number, r.rules, r.columns) for r in site.receipt(first).rejects
        ]
        assert opens(site, first) == {10: None, 11: None, 12: None}


def test_rows_sent_back_unfixed_are_closed_with_those_that_they_repeat(site: Site) -> None:
    first = site.deliver("test-upsert", "2020-02-01.csv", FIRST)
    to_fix = beside(site, first)["2020-02-01.to-fix.csv"]
    as_it_was = site.deliver("test-upsert", "2020-02-01.to-fix.csv", to_fix)
    assert opens(site, as_it_was) == {2: None, 3: None, 4: None}
    put_right = fixed(to_fix, r10={"day": "2020-01-10"}, r11={"key": "y"}, r12={"dead": "3"})
    last = site.deliver("test-upsert", "2020-02-01.to-fix (1).csv", put_right)
    assert opens(site, first) == {10: last, 11: last, 12: last}
    assert opens(site, as_it_was) == {2: last, 3: last, 4: last}
    assert site.receipt(as_it_was).n_open == 0


def test_workbook_comes_back_as_itself(site: Site) -> None:
    book = openpyxl.Workbook()
    page = book.active
    page.title = "Incidents"
    for row in csv.reader(io.StringIO(FIRST.decode())):
        page.append([int(cell) if cell.isdigit() else cell for cell in row])
    page.column_dimensions["B"].width = 33
    book.create_sheet("Notes")["A1"] = "kept"
    saved = io.BytesIO()
    book.save(saved)
    first = site.deliver("test-snapshot", "2020-02-01.xlsx", saved.getvalue())
    files = beside(site, first)
    assert sorted(files) == ["2020-02-01.marked.xlsx", "2020-02-01.to-fix.xlsx"]
    marked = openpyxl.load_workbook(io.BytesIO(files["2020-02-01.marked.xlsx"]))
    assert marked.sheetnames == ["Incidents", "Notes"]
    assert marked["Incidents"].column_dimensions["B"].width == 33
    part = openpyxl.load_workbook(io.BytesIO(files["2020-02-01.to-fix.xlsx"]))
    page = part["Incidents"]
    assert [row[-1].value for row in page.iter_rows(min_row=2)] == [f"FP{first}/{n}/Incidents" for n in (10, 11, 12)]
    page["B2"], page["A3"], page["D4"] = "2020-01-10", "y", 3
    saved = io.BytesIO()
    part.save(saved)
    second = site.deliver("test-snapshot", "2020-02-01.to-fix.xlsx", saved.getvalue())
    assert len(site.records("test-snapshot")) == 11
    assert opens(site, first) == {10: second, 11: second, 12: second}
    assert site.receipt(first).n_open == 0


def test_file_of_another_source_closes_nothing(site: Site) -> None:
    first = site.deliver("test-upsert", "2020-02-01.csv", FIRST)
    other = fixed(beside(site, first)["2020-02-01.to-fix.csv"], r10={"day": "2020-01-10"})
    site.deliver("test-append", "2020-02-01.to-fix.csv", other)
    assert opens(site, first) == {10: None, 11: None, 12: None}


def test_newer_delivery_that_was_faster_closes_the_rejects_of_the_older(site: Site) -> None:
    first = site.put("test-upsert", "2020-02-01.csv", FIRST)
    second = site.put("test-upsert", "2020-02-02.csv", csv_bytes([("x", "2020-01-10", "Sea", 1)]))
    site.process(second, first)
    assert opens(site, first) == {10: second, 11: None, 12: None}
    assert site.receipt(second).closes == (Closing(first, 1, 2),)
    assert site.receipt(first).closed == (Closing(second, 1, 2),)


def test_held_file_comes_back_marked_and_has_no_rows_to_fix_alone(site: Site) -> None:
    held = site.deliver(
        "test-upsert",
        "2020-02-01.csv",
        csv_bytes([("a", "soon", "Sea", 1), ("b", "2020-01-01", "Sea", 1), ("c", "soon", "Sea", 1)]),
    )
    assert site.states() == {held: "quarantined"}
    assert sorted(beside(site, held)) == ["2020-02-01.marked.csv", "2020-02-01.marked.xlsx"]
    # The replay of a contract that was mended takes the copies away with the reasons for them.
    document = json.loads(json.dumps(UPSERT).replace('["%Y-%m-%d"]', '["%Y-%m-%d", "soon"]'))
    write_expectations(site.settings.expectations_dir, document | {"gate": {"max_reject_share": 1}})
    redo.replay(site.warehouse, held)
    site.process(held)


def test_failure_to_mark_does_not_fail_the_delivery(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from footprints.receipts import marked

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("a workbook of horrors")

    monkeypatch.setattr(marked, "mark", broken)
    first = site.deliver("test-upsert", "2020-02-01.csv", FIRST)
    assert site.states() == {first: "loaded"}
    assert (site.receipt(first).marking, site.receipt(first).files) == ("failed", ())
    page = site.store.get_bytes(site.get(first).bucket, f"{folder(site.get(first))}/receipt.html").decode()
    assert "could not mark the file" in page


def test_large_file_gets_its_rows_to_fix_only(site: Site) -> None:
    site.settings = site.settings.model_copy(update={"mark_bytes": 10})
    first = site.deliver("test-upsert", "2020-02-01.csv", FIRST)
    assert sorted(beside(site, first)) == ["2020-02-01.to-fix.csv"]
    assert site.receipt(first).marking == "too_large"


def test_rhythm_and_quality_are_told_against_the_deliveries_before_it_by_version(site: Site) -> None:
    bad: Row = ("x", "2020-01-40", "Sea", 1)
    april = site.deliver("test-upsert", "2020-04-01.csv", csv_bytes([*GOOD, bad, bad]))
    february = site.deliver("test-upsert", "2020-02-01.csv", csv_bytes([*GOOD, bad]))
    march = site.deliver("test-upsert", "2020-03-02.csv", csv_bytes(GOOD))
    redo.replay(site.warehouse, april)
    site.process(april)
    rhythm = {i: site.receipt(i).rhythm for i in (february, march, april)}
    assert rhythm[february] is not None and rhythm[february].verdict == "first"
    assert rhythm[march] is not None and (rhythm[march].verdict, rhythm[march].after) == ("on_time", february)
    assert rhythm[april] is not None and (rhythm[april].verdict, rhythm[april].after) == ("on_time", march)
    quality = {i: site.receipt(i).quality for i in (february, march, april)}
    assert quality[february] is None
    assert quality[march] is not None and quality[march].verdict == "better"
    assert quality[april] is not None and quality[april].verdict == "worse"
    assert quality[april].n_compared == 2
    june = site.deliver("test-upsert", "2020-06-01.csv", csv_bytes(GOOD[:4]))
    late = site.receipt(june).rhythm
    assert late is not None and (late.verdict, late.days) == ("late", 31)


def test_lost_ledger_comes_back_with_what_its_receipts_say(site: Site) -> None:
    first = site.deliver("test-upsert", "2020-02-01.csv", FIRST)
    some = fixed(beside(site, first)["2020-02-01.to-fix.csv"], r10={"day": "2020-01-10"})
    second = site.deliver("test-upsert", "2020-02-01.to-fix.csv", some)
    told = {i: site.receipt(i) for i in (first, second)}
    site.clear(bucket=False)
    redo.rebuild(site.settings)
    assert opens(site, first) == {10: second, 11: None, 12: None}
    assert site.get(second).as_of == told[second].delivery.as_of
    for delivery_id, receipt in told.items():
        again = site.receipt(delivery_id)
        assert replace(again, delivery=receipt.delivery) == receipt
