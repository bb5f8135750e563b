"""ZIP, gzip and Parquet: each file is read as if it had been sent by itself, and receipts say which row is where."""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from footprints.check import check_file
from footprints.errors import DeliveryError
from footprints.model import MEMBER_ROWS, Receipt
from footprints.readers import Header, open_file
from footprints.receipts import write
from footprints.samples.incidents import small_csv
from footprints.settings import Settings

SOURCE = "mhub-incidents"


def packed(path: Path, members: Mapping[str, bytes | Path]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body.read_bytes() if isinstance(body, Path) else body)
    return path


def issue(receipt: Receipt, rule: str) -> dict[str, object]:
    [found] = [one for one in receipt.issues if one.rule == rule]
    return dict(found.parameters)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(privacy_key=SecretStr("fixed"))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "r.csv"
    small_csv(path, 60, 0.1, seed=4)
    return path


def workbook(path: Path, csv: Path) -> bytes:
    """The same table as a workbook, every cell a text."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "incidents"
    import csv as module

    for row in module.reader(csv.open(encoding="utf-8", newline="")):
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_file_packed_alone_is_read_as_if_it_were_not(tmp_path: Path, settings: Settings, report: Path) -> None:
    plain = check_file(report, SOURCE, settings)
    (tmp_path / "r.csv.gz").write_bytes(gzip.compress(report.read_bytes()))
    packed(tmp_path / "r.zip", {"any name.csv": report, "__MACOSX/._any name.csv": b"\0\5\x16\7"})
    for name in ("r.csv.gz", "r.zip"):
        receipt = check_file(tmp_path / name, SOURCE, settings)
        assert receipt.delivery.counts == plain.delivery.counts
        assert receipt.rejects == plain.rejects
        assert [i.rule for i in receipt.issues] == [i.rule for i in plain.issues]
    assert plain.rejects


def test_several_files_of_one_layout_are_read_together_and_rows_name_their_file(
    tmp_path: Path, settings: Settings, report: Path
) -> None:
    other = tmp_path / "other.csv"
    small_csv(other, 40, 0.1, seed=5)
    lines = other.read_text("utf-8").splitlines(keepends=True)
    lines.insert(2, lines[1].rstrip("\r\n") + ",one,too,many\n")
    other.write_text("".join(lines).replace("\nINC", "\nZZ"), "utf-8")
    receipts = [check_file(path, SOURCE, settings) for path in (report, other)]
    members = {"2024/a.csv": report, "2024/b.csv": other, "lisez-moi.txt": b"Bonjour", "plan.pdf": b"%PDF-1.7"}
    path = packed(tmp_path / "f.zip", members)
    receipt = check_file(path, SOURCE, settings)
    assert receipt.delivery.counts.rows_read == 101
    assert issue(receipt, "archive.read") == {"files": ["2024/a.csv", "2024/b.csv"]}
    assert issue(receipt, "archive.unread") == {"files": ["lisez-moi.txt", "plan.pdf"]}
    where = {(reject.sheet, reject.row_number) for reject in receipt.rejects}
    expected = {(f"2024/{n}.csv", one.row_number) for n, r in zip("ab", receipts, strict=True) for one in r.rejects}
    assert where == expected
    [ragged] = [one for one in receipt.issues if one.rule == "row.ragged"]
    assert ragged.example_rows == (MEMBER_ROWS + 3,)
    assert "2024/b.csv: 3" in write(receipt)[1].decode()


def test_a_record_that_two_files_state_is_counted_once(tmp_path: Path, settings: Settings, report: Path) -> None:
    path = packed(tmp_path / "f.zip", {"a.csv": report, "again.xlsx": workbook(tmp_path, report)})
    receipt = check_file(path, SOURCE, settings)
    alone = check_file(report, SOURCE, settings).delivery.counts
    assert receipt.delivery.counts.rows_read == 120
    assert receipt.delivery.counts.records_added == alone.records_added
    assert {reject.sheet for reject in receipt.rejects} == {"a.csv", "again.xlsx/incidents"}


@pytest.mark.parametrize(
    ("members", "rule", "file"),
    [
        ({"folder/": b""}, "file.empty", None),
        ({"a.csv": b"x,y\n1,2\n", "b.gz": gzip.compress(b"x")}, "archive.nested", "b.gz"),
        ({"a.csv": b"x,y\n1,2\n", "b.json": b'[{"a": '}, "archive.file_unreadable", "b.json"),
        ({"plan.pdf": b"%PDF-1.7"}, "file.no_table", None),
        ({"a.pdf": b"%PDF-1.7", "b.png": b"\x89PNG\r\n"}, "file.empty", None),
        ({f"{i}.csv": b"x" for i in range(201)}, "archive.too_many_files", None),
    ],
)
def test_what_an_archive_must_not_hold(tmp_path: Path, members: dict[str, bytes], rule: str, file: str | None) -> None:
    with pytest.raises(DeliveryError) as caught:
        open_file(packed(tmp_path / "f.zip", members), 2**30)
    assert caught.value.rule == rule
    assert caught.value.parameters.get("file") == file


def test_names_that_lead_elsewhere_are_only_names(tmp_path: Path) -> None:
    members = {"../../evil.csv": b"a,b\n1,2\n", "/etc/passwd": b"a,b\n3,4\n", "C:\\x.csv": b"a,b\n5,6\n"}
    opened = open_file(packed(tmp_path / "f.zip", members), 2**30)
    assert sorted(sheet.title for sheet in opened.sheets) == ["../../evil.csv", "/etc/passwd", "C:\\x.csv"]
    assert {chunk.columns["a"][0].as_py() for s in opened.sheets for chunk in s.chunks(Header(("a", "b"), 1), 9, print)}
    assert [path.name for path in tmp_path.iterdir()] == ["f.zip"]


def test_what_was_unpacked_goes_with_the_sheets(tmp_path: Path) -> None:
    from footprints import scratch

    def folders() -> set[Path]:
        return set(Path(scratch.tempfile.gettempdir()).glob(f"{scratch.PREFIX}*"))

    before = folders()
    opened = open_file(packed(tmp_path / "f.zip", {"a.csv": b"a,b\n1,2\n"}), 2**30)
    [sheet] = opened.sheets
    del opened
    assert len(list(sheet.chunks(Header(("a", "b"), 1), 9, print))) == 1
    assert len(folders() - before) == 1
    del sheet
    assert not folders() - before


def test_odks_files_beside_each_other_are_an_interview_and_its_stops(tmp_path: Path) -> None:
    members = {
        "form.csv": b"SubmissionDate,consent,KEY\n2024-01-02,yes,uuid:a\n",
        "form-stops.csv": b"place,PARENT_KEY,KEY\nGao,uuid:a,uuid:a/stops[1]\n",
    }
    opened = open_file(packed(tmp_path / "f.zip", members), 2**30)
    assert [(sheet.name, sheet.format) for sheet in opened.sheets] == [("form", "csv"), ("form-stops", "csv")]


def test_a_header_that_lies_about_the_size_is_not_believed(tmp_path: Path) -> None:
    path = packed(tmp_path / "f.zip", {"a.csv": b"a,b\n" + b"0,0\n" * 500_000})
    raw = path.read_bytes()
    size = (2_000_004).to_bytes(4, "little")
    assert raw.count(size) == 2
    path.write_bytes(raw.replace(size, (100).to_bytes(4, "little")))
    with pytest.raises(DeliveryError) as caught:
        open_file(path, 2**30)
    assert caught.value.rule == "archive.size_is_false"


@pytest.mark.parametrize("form", ["zip", "gzip"])
def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path, form: str) -> None:
    body = b"0" * 30_000_000
    path = tmp_path / "bomb"
    if form == "zip":
        packed(path, {"a.csv": body})
    else:
        path.write_bytes(gzip.compress(body))
    with pytest.raises(DeliveryError) as caught:
        open_file(path, 1_000_000)
    assert caught.value.rule == "file.too_large"


def test_parquet_is_read_as_a_spreadsheet_would_show_it(tmp_path: Path) -> None:
    moment = dt.datetime(2020, 2, 29, 13, 5)
    table = pa.table(
        {
            "text": pa.array(["007", None, "x\0y"]),
            "whole": pa.array([7, None, -1]),
            "number": pa.array([7.5, float("nan"), 3.0]),
            "is": pa.array([True, None, False]),
            "day": pa.array([moment.date(), None, dt.date(1899, 12, 31)]),
            "moment": pa.array([moment, None, dt.datetime(2020, 1, 1)]),
            "money": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("-0.05")]),
            "list": pa.array([[1, 2], None, []]),
            "bytes": pa.array([b"\xff", None, b"x"]),
        }
    )
    pq.write_table(table, tmp_path / "f")
    opened = open_file(tmp_path / "f", 2**30)
    [sheet] = opened.sheets
    assert (opened.format, sheet.preview) == ("parquet", [table.column_names])
    chunks = list(sheet.chunks(Header(tuple(table.column_names), 1), 2, lambda row: pytest.fail("ragged")))
    assert [number for chunk in chunks for number in chunk.row_numbers.tolist()] == [1, 2, 3]
    rows = [row for chunk in chunks for row in zip(*(c.to_pylist() for c in chunk.columns.values()), strict=True)]
    assert rows == [
        ("007", "7", "7.5", "true", "2020-02-29", "2020-02-29T13:05:00", "1.50", "[1, 2]", "�"),
        (None,) * 9,
        ("xy", "-1", "3", "false", "1899-12-31", "2020-01-01", "-0.05", "[]", "x"),
    ]


def test_parquet_of_one_long_text_that_all_rows_name_is_refused(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array(["x" * 100_000] * 3000).dictionary_encode().cast(pa.string())})
    pq.write_table(table, tmp_path / "f", compression="zstd")
    assert (tmp_path / "f").stat().st_size < 1_000_000
    [sheet] = open_file(tmp_path / "f", 2**27).sheets
    with pytest.raises(DeliveryError) as caught:
        list(sheet.chunks(Header(("a",), 1), 50_000, print))
    assert caught.value.rule == "file.too_large"
