"""CSV as partners send it: row numbers are those of a spreadsheet, whatever stands in the cells."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprints.errors import DeliveryError
from footprints.readers import Header, RaggedRow, open_file
from footprints.readers.hxl import is_tag_row
from footprints.readers.table import unique_names

LIMIT = 2**30


def read(path: Path, width: int = 3, before: int = 1) -> tuple[list[tuple[int, list[str]]], list[RaggedRow]]:
    """All rows (number, cells) of a CSV whose header stands above them, and its ragged rows."""
    opened = open_file(path, LIMIT)
    ragged: list[RaggedRow] = []
    rows = []
    header = Header(tuple(f"h{i}" for i in range(width)), before)
    for chunk in opened.sheets[0].chunks(header, 2, ragged.append):
        cells = [column.to_pylist() for column in chunk.columns.values()]
        rows += list(zip(chunk.row_numbers.tolist(), map(list, zip(*cells, strict=True)), strict=True))
    return sorted(rows), ragged


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_blank_lines_and_quoted_newlines_keep_the_numbers_of_a_spreadsheet(tmp_path: Path) -> None:
    path = write(tmp_path / "f", 'a,b,c\n1,2,3\n\n"x\ny",5,6\n7,8,9\n')
    assert read(path)[0] == [(2, ["1", "2", "3"]), (4, ["x\ny", "5", "6"]), (5, ["7", "8", "9"])]


def test_short_rows_are_padded_and_long_ones_told(tmp_path: Path) -> None:
    rows, ragged = read(write(tmp_path / "f", "a,b,c\n1,2\n1,2,3,4\n1,2,3,,\n"))
    assert rows == [(2, ["1", "2", ""]), (4, ["1", "2", "3"])]
    assert ragged == [RaggedRow(3, 3, 4)]


@pytest.mark.parametrize(
    ("body", "encoding", "delimiter"),
    [
        ("é;b;c\n1;2;3\n".encode("cp1252"), "cp1252", ";"),
        (b"\xef\xbb\xbf\xc3\xa9\tb\tc\n1\t2\t3\n", "utf-8-sig", "tab"),
        ("é|b|c\n1|2|3\n".encode("utf-16"), "utf-16", "|"),
        ("é,b,c\r\n1,2,3\r\n".encode("utf-16-le"), "utf-16-le", ","),
        ("é,b,c\r\n1,2,3\r\n".encode("utf-16-be"), "utf-16-be", ","),
        ("é,b,c\r\n1,2,3\r\n".encode("utf-32"), "utf-32", ","),
        ("é,b,c\r\n1,2,3\r\n".encode(), "utf-8", ","),
        ("é^b^c\r1^2^3\r".encode(), "utf-8", "^"),
        ("é\x1fb\x1fc\n1\x1f2\x1f3\n".encode(), "utf-8", "\x1f"),
    ],
)
def test_encoding_and_delimiter_are_detected(tmp_path: Path, body: bytes, encoding: str, delimiter: str) -> None:
    path = write(tmp_path / "f", body)
    opened = open_file(path, LIMIT)
    assert opened.detected == {"encoding": encoding, "delimiter": delimiter}
    assert opened.sheets[0].preview[0] == ["é", "b", "c"]
    assert read(path)[0] == [(2, ["1", "2", "3"])]


FRENCH = "pays;période;région\nSénégal;l’été dernier;où l’on a été reçu à Gao\nTchad;août;Ménaka, forêt\n"
ARABIC = "البلد;الفترة;المنطقة\nليبيا;الصيف الماضي;سبها\nمالي;أغسطس;غاو والمناطق القريبة\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "cp1252"),
        (FRENCH, "mac_roman"),
        (FRENCH.replace("’", "'"), "cp850"),
        (ARABIC, "cp1256"),
        (ARABIC, "iso8859_6"),
        (ARABIC, "utf-8"),
        (ARABIC, "utf-16-le"),
    ],
)
def test_letters_tell_the_encoding(tmp_path: Path, text: str, encoding: str) -> None:
    path = write(tmp_path / "f", text.encode(encoding))
    opened = open_file(path, LIMIT)
    assert opened.detected["encoding"] == encoding
    rows = [row for _, row in read(path)[0]]
    assert rows == [line.split(";") for line in text.splitlines()[1:]]


def test_a_broken_letter_or_two_do_not_make_utf8_something_else(tmp_path: Path) -> None:
    path = write(tmp_path / "f", FRENCH.encode() * 10 + b"x;\xe9;y\n")
    assert open_file(path, LIMIT).detected["encoding"] == "utf-8"
    assert read(path)[0][-1] == (31, ["x", "�", "y"])


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ('a,b,c\n1,"x, ""y""",3\n', '"'),
        ('a,b,c\n1,"x, \\"y\\"",3\n', '\\"'),
        ("a,b,c\n'1','x, \"y\"','3'\n'4','it''s','6'\n", "'"),
        ("a,b,c\n1,it's 'quoted',3\n", None),
        ('a,b,c\n1,"C:\\data\\",3\n', '"'),
    ],
)
def test_quoting_is_detected(tmp_path: Path, text: str, quote: str | None) -> None:
    path = write(tmp_path / "f", text)
    assert open_file(path, LIMIT).detected.get("quote") == quote
    first = read(path)[0][0][1]
    assert first[0], first[2] == ("1", "3")
    assert first[1] in ('x, "y"', "it's 'quoted'", "C:\\data\\")


def test_what_the_contract_says_of_quotes_wins(tmp_path: Path) -> None:
    path = write(tmp_path / "f", 'a,b,c\n1,"2,3\n4,5",6\n')
    [sheet] = open_file(path, LIMIT, quote="").sheets
    [chunk] = sheet.chunks(Header(("a", "b", "c"), 1), 10, lambda row: pytest.fail("ragged"))
    assert chunk.columns["b"].to_pylist() == ['"2', '5"']


def test_zero_bytes_are_left_out_and_told(tmp_path: Path) -> None:
    path = write(tmp_path / "f", b"a,b,c\n1,x\0y,3\n")
    assert open_file(path, LIMIT).notes == (("text.nul_removed", {}),)
    assert read(path)[0] == [(2, ["1", "xy", "3"])]


def test_the_line_that_tells_excel_the_separator_is_heeded(tmp_path: Path) -> None:
    path = write(tmp_path / "f", "sep=;\na;b;c\n1;2,5;3\n")
    assert open_file(path, LIMIT).detected["delimiter"] == ";"
    assert read(path, before=2)[0] == [(3, ["1", "2,5", "3"])]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_newline_ends_a_row(tmp_path: Path, newline: str) -> None:
    path = write(tmp_path / "f", newline.join(["a,b,c", "1,2,3", "", "4,5,6", ""]))
    assert read(path)[0] == [(2, ["1", "2", "3"]), (4, ["4", "5", "6"])]


def test_more_columns_than_a_spreadsheet_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError) as caught:
        open_file(write(tmp_path / "f", "a," * 20_000 + "b\n1\n"), LIMIT)
    assert caught.value.rule == "file.too_many_columns"


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"", "file.empty"),
        (b" \n\n", "file.empty"),
        (b"%PDF-1.7 text", "file.no_table"),
        (b"a\x00b\x00c" * 100, "file.format_unknown"),
        (b"PK\x03\x04 no archive", "file.unreadable"),
        (b'{"broken": ', "file.unreadable"),
        (b'{"no": "records"}', "file.empty"),
    ],
)
def test_what_is_no_table_is_refused_by_rule(tmp_path: Path, body: bytes, rule: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        open_file(write(tmp_path / "f", body), LIMIT)
    assert caught.value.rule == rule


def test_a_workbook_that_would_unpack_to_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "x")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 5_000_000)
    with pytest.raises(DeliveryError) as caught:
        open_file(path, 1_000_000)
    assert caught.value.rule == "file.too_large"


def test_json_records_are_found_below_a_wrapper_and_null_is_no_cell(tmp_path: Path) -> None:
    path = write(tmp_path / "f.json", '{"result": [{"a": 1, "b": null}, {"a": 2.0, "c": true}], "ok": true}')
    [sheet] = open_file(path, LIMIT).sheets
    assert sheet.name == "result"
    [chunk] = sheet.chunks(Header(("a", "b", "c"), 0), 10, lambda row: None)
    assert {name: cells.to_pylist() for name, cells in chunk.columns.items()} == {
        "a": ["1", "2"],
        "b": [None, None],
        "c": [None, "true"],
    }


def test_header_names_are_told_apart() -> None:
    assert unique_names(["a", " a ", "", "\ufeffb"]) == ("a", "a #2", "c3", "b")


def test_a_row_of_hxl_tags_is_known_by_its_tags_only() -> None:
    assert is_tag_row(["#country+name", "", " #affected +f "])
    assert not is_tag_row(["#country", "Mali"])
    assert not is_tag_row(["", ""])


cells = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufeff"), max_size=12)


@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=8))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, table: list[list[str]]) -> None:
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["first", "second", "third"], *table])
    path = write(tmp_path_factory.mktemp("csv") / "f.csv", text.getvalue())
    rows, ragged = read(path)
    assert ragged == []
    assert rows == [(i, row) for i, row in enumerate(table, start=2) if any(cell.strip() for cell in row)]
