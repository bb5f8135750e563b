"""More than 2,000 generated bad files a run: each ends in a receipt, or is read; none crashes, hangs or fills memory.

Hypothesis draws them from tables in many dialects and encodings, from documents and archives, and then spoils them:
cut off, bits turned over, pieces swapped or repeated, hostile names. Files are small, so that a run takes seconds.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import struct
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.unit.readers.hostile_files import COLUMN, HEADER, ods, packed, row, xlsx

from footprints.check import check_file
from footprints.receipts import messages, write
from footprints.settings import Settings

SOURCE = "mhub-incidents"
PER_KIND = 300
"""Seven kinds of files, so many of each."""
LIMIT = 4 * 2**20
FAST = settings(
    max_examples=PER_KIND,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "cp1256", "mac_roman", "cp850", "latin-1")
NASTY = (
    "\0", "\ufeff", "\u202e", "\ud83d", "\x1a", '"', "'", "\\", "\r", "\n", "\t", ",", ";", "=1+1", "<script>", "é",
    "ليبيا", "2020-02-30", "0000-00-00", "-1", "1e999", "NaN", "#adm1", "x" * 3000, "", " ", "{", "[", "\u0301",
    "\U0010ffff",
)  # fmt: skip
STARTS = (
    b"", b"PK\x03\x04", b"\x1f\x8b\x08", b"PAR1", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"[", b"{", b"%PDF", b"\xff\xfe",
    HEADER.encode() + b"\n",
)  # fmt: skip
DONE: Counter[str] = Counter()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One source alone: that a file may be another source's is asked in other tests."""
    folder = tmp_path_factory.mktemp("platform") / "expectations"
    ours = Settings().expectations_dir
    for name in (SOURCE, "_tables"):
        shutil.copytree(ours / name, folder / name)
    for path in ours.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    return Settings(privacy_key=SecretStr("fixed"), max_unpacked_bytes=LIMIT, gx_rows=0, expectations_dir=folder)


def answered(body: bytes, name: str, folder: Path, platform: Settings, kind: str) -> None:
    """The file gets a valid receipt in three languages' words, whatever it is."""
    path = folder / name
    path.write_bytes(body)
    try:
        receipt = check_file(path, SOURCE, platform)
    finally:
        path.unlink()
    counts = receipt.delivery.counts
    assert receipt.delivery.state in ("loaded", "quarantined")
    held = [issue.rule for issue in receipt.issues if issue.severity == "hold"]
    assert bool(held) == (receipt.delivery.state == "quarantined")
    assert all(messages.is_known(issue.rule) for issue in receipt.issues)
    if not held:
        assert counts.rows_read == counts.rows_loaded + counts.rows_rejected + counts.rows_duplicate > 0
    document, page = write(receipt)
    assert json.loads(document)["state"] == receipt.delivery.state
    assert b"<script" not in page
    DONE[kind] += 1


texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=12))
cell_changes = st.dictionaries(st.sampled_from(sorted(COLUMN)), texts, max_size=4)
names = st.one_of(
    st.sampled_from(["f.csv", "f.xlsx", "f.json", "\u202evsc.exe", "=x.csv", "<b>.csv", "-rf", "a\nb"]),
    st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=30).filter(
        lambda name: name not in (".", "..")
    ),
)


@st.composite
def tables(draw: st.DrawFn) -> str:
    """A table of reports with some odd cells and lines, in some dialect."""
    lines = [HEADER] if draw(st.booleans()) else [*draw(st.lists(texts, max_size=3)), HEADER]
    for i in range(draw(st.integers(0, 8))):
        lines.append(row(i, **draw(cell_changes)) if draw(st.integers(0, 9)) else draw(texts))
    text = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n"])).join(lines)
    delimiter = draw(st.sampled_from(",,,;\t|^"))
    text = text.replace(",", delimiter)
    if draw(st.integers(0, 4)) == 0:
        text = text.replace('"', draw(st.sampled_from(["'", '\\"', "", '""'])))
    return text


@st.composite
def spoiled(draw: st.DrawFn, body: bytes) -> bytes:
    """The bytes, cut, turned over, repeated or with others between them; sometimes as they are."""
    raw = bytearray(body)
    for how in draw(st.lists(st.sampled_from(["cut", "flip", "insert", "repeat", "drop", "size"]), max_size=3)):
        if not raw:
            break
        at = draw(st.integers(0, len(raw) - 1))
        if how == "cut":
            del raw[at:]
        elif how == "flip":
            raw[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "insert":
            raw[at:at] = draw(st.binary(max_size=8))
        elif how == "repeat":
            raw[at:at] = raw[at : at + 64] * draw(st.integers(1, 20))
        elif how == "drop":
            del raw[at : at + draw(st.integers(1, 64))]
        else:
            raw[at : at + 4] = struct.pack("<i", draw(st.sampled_from([0, -1, 1, 2**31 - 1, -(2**31), 65535])))
    return bytes(raw)


@FAST
@given(st.data())
def test_text_in_any_dialect_and_encoding(tmp_path: Path, platform: Settings, data: st.DataObject) -> None:
    body = data.draw(tables()).encode(data.draw(st.sampled_from(ENCODINGS)), "replace")
    answered(data.draw(spoiled(body)), data.draw(names), tmp_path, platform, "text")


@FAST
@given(st.binary(max_size=400), st.sampled_from(STARTS), names)
def test_noise_under_any_beginning(tmp_path: Path, platform: Settings, body: bytes, start: bytes, name: str) -> None:
    answered(start + body, name, tmp_path, platform, "noise")


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
shapes = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["Point", "Polygon", "MultiPolygon", "LineString", "GeometryCollection", "x"]),
        "arcs": st.recursive(st.integers(-3, 3), lambda inner: st.lists(inner, max_size=3), max_leaves=6),
        "coordinates": values,
        "properties": values,
    }
)


@FAST
@given(st.data())
def test_documents(tmp_path: Path, platform: Settings, data: st.DataObject) -> None:
    reports = st.fixed_dictionaries(dict.fromkeys(sorted(COLUMN)[:6], texts), optional={"incident_id": values})
    document: Any = data.draw(
        st.one_of(
            values,
            st.lists(st.one_of(values, reports), max_size=4),
            st.fixed_dictionaries({"count": values, "results": st.lists(reports, max_size=4)}),
            st.fixed_dictionaries(
                {
                    "type": st.sampled_from(["Topology", "FeatureCollection"]),
                    "objects": st.dictionaries(texts, st.one_of(shapes, values), max_size=2),
                    "features": st.lists(st.one_of(values, shapes), max_size=3),
                    "arcs": st.lists(st.lists(st.lists(st.integers(-9, 9), max_size=3), max_size=3), max_size=3),
                    "transform": st.one_of(st.none(), values),
                }
            ),
        )
    )
    body = json.dumps(document, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
    answered(data.draw(spoiled(body)), data.draw(names), tmp_path, platform, "document")


@st.composite
def workbooks(draw: st.DrawFn) -> bytes:
    """A workbook that a library wrote, or one by its XML, with references and values of any kind."""
    if draw(st.booleans()):
        book = openpyxl.Workbook()
        sheet = book.worksheets[0]
        safe = st.text(st.characters(min_codepoint=32, blacklist_categories=["Cs"]), max_size=12)
        plain = st.one_of(st.none(), safe, st.integers(-(10**12), 10**12), st.booleans(), st.dates())
        for line in [HEADER.split(","), *draw(st.lists(st.lists(plain, max_size=25), max_size=4))]:
            sheet.append(line)
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()
    reference = st.one_of(
        st.from_regex(r"[A-Z]{0,4}-?[0-9]{0,8}", fullmatch=True), st.sampled_from(["XFD1048576", "A1", "a1", "$A$1"])
    )
    kind = st.sampled_from(["s", "n", "b", "e", "str", "inlineStr", "d", "x"])
    some = st.tuples(reference, kind, st.from_regex(r"[-0-9.eE]{0,12}|[a-z&;<>]{0,6}", fullmatch=True))
    xml = "".join(f'<row><c r="{r}" t="{k}"><v>{v}</v></c></row>' for r, k, v in draw(st.lists(some, max_size=5)))
    return xlsx(xml)


@FAST
@given(st.data())
def test_workbooks(tmp_path: Path, platform: Settings, data: st.DataObject) -> None:
    body = data.draw(workbooks())
    answered(data.draw(spoiled(body)), data.draw(names), tmp_path, platform, "workbook")


@FAST
@given(st.data())
def test_archives(tmp_path: Path, platform: Settings, data: st.DataObject) -> None:
    inner = st.one_of(tables().map(lambda text: text.encode("utf-8", "replace")), st.binary(max_size=60))
    member = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=20)
    members = data.draw(st.dictionaries(st.one_of(member, st.just("../../x.csv")), inner, max_size=3))
    method = data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]))
    body = packed(members, method)
    if data.draw(st.integers(0, 3)) == 0:
        body = gzip.compress(data.draw(inner) if data.draw(st.booleans()) else body)
    answered(data.draw(spoiled(body)), data.draw(names), tmp_path, platform, "archive")


@FAST
@given(st.integers(0, 3), st.sampled_from(["zip", "gzip", "workbook", "strings"]), st.booleans(), st.data())
def test_bombs(tmp_path: Path, platform: Settings, size: int, form: str, is_lying: bool, data: st.DataObject) -> None:
    n = LIMIT // 2 + size * LIMIT // 2
    filling = bytes([data.draw(st.sampled_from(b"0 <\n,"))]) * n
    if form == "gzip":
        body = gzip.compress(filling, 1)
    elif form == "zip":
        body = packed({"a.csv": filling})
    else:
        part = "xl__worksheets__sheet1_xml" if form == "workbook" else "xl__sharedStrings_xml"
        body = xlsx("", **{part: filling})
    if is_lying:
        body = body.replace(struct.pack("<I", n), struct.pack("<I", data.draw(st.integers(0, 2**32 - 1))))
    answered(body, "f", tmp_path, platform, "bomb")


@FAST
@given(st.data())
def test_columns_and_repeats(tmp_path: Path, platform: Settings, data: st.DataObject) -> None:
    lists = st.lists(texts.map(lambda text: text.encode("utf-8", "replace").decode()), min_size=2, max_size=2)
    columns = data.draw(st.dictionaries(st.sampled_from(sorted(COLUMN)), lists, max_size=4))
    if data.draw(st.integers(0, 3)):
        out = io.BytesIO()
        pq.write_table(pa.table(columns), out)
        body = out.getvalue()
    else:
        times = data.draw(st.sampled_from([0, 1, 5, 1048576, -1, 10**20]))
        text = data.draw(st.from_regex(r"[a-z&]{0,8}", fullmatch=True))
        body = ods(
            f'<table:table table:name="a"><table:table-row table:number-rows-repeated="{times}">'
            f"<table:table-cell><text:p>{text}</text:p></table:table-cell></table:table-row></table:table>"
        )
        body = body if data.draw(st.integers(0, 9)) == 0 else b"PAR1" + body[4:]
    answered(data.draw(spoiled(body)), data.draw(names), tmp_path, platform, "columns")


def test_they_were_more_than_two_thousand() -> None:
    assert sum(DONE.values()) >= 2000, DONE
