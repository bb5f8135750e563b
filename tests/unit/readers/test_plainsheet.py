"""Sheets that are taken apart without calamine hold what calamine reads in them, whatever is written and however."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.unit.readers.hostile_files import MAIN, RELATIONS, xlsx
from tests.unit.readers.two_readings import alone, ours

from footprints.readers.plainsheet import read_plain
from footprints.readers.workbook import refuse_bomb

LIMIT = 2**30
STYLES = ["0", "14", "20", "22", "46", "10", "49", "170", "171"]
"""Number formats by index of style: plain, date, time, both, duration, per cent, text, and two of its own."""
STYLES_XML = (
    f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="170" formatCode="dd/mm/yyyy\\ hh:mm:ss"/>'
    '<numFmt numFmtId="171" formatCode="0.00&quot;d&quot;"/></numFmts><cellXfs>'
    + "".join(f'<xf numFmtId="{number}"/>' for number in STYLES)
    + "</cellXfs></styleSheet>"
)
STRINGS = (
    "<si><t>shared</t></si>",
    "<si><t/></si>",
    "<si><r><t>rich </t></r><r><rPr><b/></rPr><t>text</t></r></si>",
    '<si><t xml:space="preserve"> kept </t></si>',
    "<si><t> trimmed </t></si>",
    "<si><t>&lt;a&gt; &amp; _x0041_</t></si>",
    "<si><t>2020-01-01 00:00:00</t></si>",
)
STRINGS_XML = f'<sst xmlns="{MAIN}">{"".join(STRINGS)}</sst>'
RELATIONS_XML = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    + "".join(
        f'<Relationship Id="rId{i}" Type="{RELATIONS}/{kind}" Target="{target}"/>'
        for i, (kind, target) in enumerate(
            [("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml"), ("styles", "styles.xml")],
            start=1,
        )
    )
    + "</Relationships>"
)

letters = st.text(
    st.one_of(st.sampled_from(" abé0x_-\t\n\r\u00a0\u2003م😀"), st.characters(exclude_categories=["Cs", "Cc"])),
    max_size=8,
).map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
texts = st.one_of(
    letters,
    st.sampled_from(
        ["2020-01-01 00:00:00", "_x000D_", "&#233;&#xe9;", "true", "007", "1e5", "#N/A", "NA", "a_x0041_b"]
    ),
)
days = st.one_of(
    st.integers(-10, 80_000).map(str),
    st.floats(-1e6, 3e6).map(repr),
    st.integers(0, 10**6).map(lambda seconds: repr(seconds / 86400)),
)
numbers = st.one_of(
    days,
    st.integers(-(10**18), 10**18).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e6, 1e6).map(lambda number: f"{number:.4f}"),
    st.builds(lambda digits, power: f"{digits}e{power}", st.integers(-(10**17), 10**17), st.integers(-25, 2)),
    st.sampled_from(
        ["-0", "1E5", "1e-05", "0.00001", "1e15", "1e16", "123456789012345678", "29.020000000000003", "0.5"]
    ),
)
styles = st.sampled_from(["", *(f' s="{i}"' for i in range(len(STYLES)))])

undated = st.sampled_from(["", *(f' s="{STYLES.index(number)}"' for number in ("0", "10", "49", "171"))])


def _cell(style: str, kind: str, inner: str) -> str:
    return f"<c%s{style}{kind}>{inner}</c>"


cells = st.one_of(
    st.builds(_cell, styles, st.sampled_from(["", ' t="n"']), days.map(lambda number: f"<v>{number}</v>")),
    st.builds(_cell, undated, st.sampled_from(["", ' t="n"']), numbers.map(lambda number: f"<v>{number}</v>")),
    st.builds(_cell, styles, st.just(' t="s"'), st.integers(0, len(STRINGS) - 1).map(lambda i: f"<v>{i}</v>")),
    st.builds(_cell, styles, st.just(' t="str"'), texts.map(lambda text: f"<f>A1&amp;B1</f><v>{text}</v>")),
    st.builds(_cell, styles, st.just(' t="inlineStr"'), texts.map(lambda text: f"<is><t>{text}</t></is>")),
    st.builds(
        _cell,
        styles,
        st.just(' t="inlineStr"'),
        texts.map(lambda text: f'<is><t xml:space="preserve">{text}</t></is>'),
    ),
    st.builds(_cell, styles, st.just(' t="b"'), st.sampled_from(["<v>0</v>", "<v>1</v>"])),
    st.builds(_cell, styles, st.just(' t="e"'), st.sampled_from(["<v>#N/A</v>", "<v>#DIV/0!</v>"])),
    st.builds(
        _cell, styles, st.sampled_from(["", ' t="str"']), st.sampled_from(["", "<f>1</f><v></v>", "<v/>", "<f/>"])
    ),
    st.sampled_from(["<c%s/>", '<c%s s="1"/>', '<c%s t="inlineStr"><is><t/></is></c>']),
)
places = st.sets(st.tuples(st.integers(1, 40), st.integers(1, 30)), max_size=25)


@st.composite
def sheets(draw: st.DrawFn) -> str:
    """The rows of a sheet in the plain form, cells of all kinds at any place."""
    rows: dict[int, str] = {}
    for row, column in sorted(draw(places)):
        letter = chr(64 + column) if column <= 26 else "A" + chr(64 + column - 26)
        rows[row] = rows.get(row, "") + draw(cells).replace("%s", f' r="{letter}{row}"', 1)
    return "".join(f'<row r="{row}">{inner}</row>' for row, inner in rows.items()) + draw(
        st.sampled_from(["", '<row r="50" ht="15"/>', "\n"])
    )


def book(rows: str) -> bytes:
    parts = {"xl__styles_xml": STYLES_XML, "xl__sharedStrings_xml": STRINGS_XML}
    return xlsx(rows, **parts, **{"xl___rels__workbook_xml.rels": RELATIONS_XML})


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sheets(), st.integers(1, 30))
def test_a_plain_sheet_is_read_as_calamine_reads_it(tmp_path: Path, rows: str, width: int) -> None:
    path = tmp_path / "f.xlsx"
    path.write_bytes(book(rows))
    assert ours(path, width) == alone(path, width)
    names, _ = read_plain(path, refuse_bomb(path, LIMIT))
    assert names == ["data"], "it was left to calamine"


PIECES = ["", "<", ">", "/", '"', " ", "'", "r", "x", "9", "&", "=", "B", ' t="s"', ' s="3"', ' cm="1"']
TAGS = [
    *("<v>", "</v>", "<c>", "</c>", "<row>", "</row>", "<t>", "</t>", "<r>", "<f>", "<is>", "</is>"),
    *("<!---->", "</sheetData>", "<![CDATA[a]]>"),
]
damage = st.tuples(st.integers(0, 10**6), st.integers(0, 12), st.sampled_from(PIECES + TAGS))


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sheets(), st.lists(damage, min_size=1, max_size=3))
def test_a_damaged_sheet_is_not_read_otherwise_than_calamine_does(
    tmp_path: Path, rows: str, hits: list[tuple[int, int, str]]
) -> None:
    for at, n_bytes, instead in hits:
        place = at % (len(rows) + 1)
        rows = rows[:place] + instead + rows[place + n_bytes :]
    path = tmp_path / "f.xlsx"
    path.write_bytes(book(rows))
    try:
        expected = alone(path, 5)
    except BaseException as error:  # noqa: BLE001 - calamine panics
        assume(not error)
    found = ours(path, 5)
    if isinstance(found, dict) and isinstance(expected, dict):
        found = {name: found.get(name) for name in expected}  # a sheet that calamine refuses may be read
    assert found == expected


@pytest.mark.parametrize("system_1904", [False, True])
def test_cells_that_openpyxl_wrote_are_what_a_person_sees(tmp_path: Path, system_1904: bool) -> None:
    workbook = openpyxl.Workbook()
    if system_1904:
        workbook.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    sheet = workbook.active
    assert sheet is not None
    values = {
        "007": "007",
        "2020-01-01 00:00:00": "2020-01-01 00:00:00",
        " <b> & \u00a0": " <b> & \u00a0",
        7: "7",
        -9.7655: "-9.7655",
        1e300: "1e+300",
        dt.date(2020, 2, 29): "2020-02-29",
        dt.datetime(2020, 2, 29, 13, 5): "2020-02-29T13:05:00",
        dt.time(13, 5): "13:05:00",
        dt.timedelta(hours=30): "1 day, 6:00:00",
        "=1/0": "",
        True: "true",
    }
    for row, value in enumerate(values, start=4):
        sheet.cell(row, 3, value)  # type: ignore[arg-type]
    path = tmp_path / "f.xlsx"
    workbook.save(path)
    expected = [["", "", text] for text in values.values()]
    rows = {number: row for number, row in enumerate(expected, start=4) if row[2]}
    assert ours(path, 3) == {"Sheet": ([["", "", ""]] * 3 + expected, rows, [])}


def test_a_number_beyond_all_durations_is_a_number_or_its_sheet_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "f.xlsx"
    rows = '<row r="1"><c r="A1" s="4"><v>1e10</v></c><c r="B1" s="1"><v>-1e17</v></c></row>'
    path.write_bytes(book(rows))
    assert ours(path, 2) == {"data": ([["10000000000", "-1e+17"]], {1: ["10000000000", "-1e+17"]}, [])}
    path.write_bytes(book(rows + "<!-- not plain -->"))
    assert ours(path, 2) == "file.unreadable"


def test_a_sheet_that_is_not_plain_is_read_beside_one_that_is(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    for name in ("plain", "other"):
        workbook.create_sheet(name).append(["a", 1, dt.date(2020, 2, 29)])
    workbook.create_chartsheet("chart")
    workbook.save(tmp_path / "f.xlsx")
    path = tmp_path / "g.xlsx"
    with zipfile.ZipFile(tmp_path / "f.xlsx") as before, zipfile.ZipFile(path, "w") as after:
        for name in before.namelist():
            body = before.read(name)
            after.writestr(name, body.replace(b"<c r", b"<c  r") if name.endswith("sheet3.xml") else body)
    assert list(read_plain(path, refuse_bomb(path, LIMIT))[1]) == ["Sheet", "plain", "chart"]
    row = ["a", "1", "2020-02-29"]
    filled, blank = ([row], {1: row}, []), ([], {}, [])
    assert ours(path, 3) == {"Sheet": blank, "plain": filled, "other": filled, "chart": blank}


def test_a_sheet_of_many_blocks_is_whole(tmp_path: Path) -> None:
    """Rows that are cut by the end of a block, at every place where one may be."""
    path = tmp_path / "f.xlsx"
    line = "".join(f'<c r="{letter}%d" t="str"><v>{letter * 50}%d</v></c>' for letter in "ABCDEFGH")
    path.write_bytes(book("".join(f"<row>{line % ((i,) * 16)}</row>" for i in range(1, 7001))))
    found = ours(path, 8)
    assert found == alone(path, 8)
    assert read_plain(path, refuse_bomb(path, LIMIT))[0] == ["data"]


@pytest.mark.parametrize("bound", ["workbook.PLAIN_BYTES", "plainsheet.MAX_QUESTIONS"])
def test_a_workbook_that_is_too_large_to_be_taken_apart_is_left_to_calamine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    path = tmp_path / "f.xlsx"
    path.write_bytes(book('<row r="2"><c r="B2" t="s"><v>0</v></c></row>'))
    monkeypatch.setattr(f"footprints.readers.{bound}", 0)
    assert ours(path, 2) == {"data": ([["", ""], ["", "shared"]], {2: ["", "shared"]}, [])}
