"""The partner's own file back, failing cells marked, and a file of only the rows to fix.

A workbook comes back as the same workbook where openpyxl can keep it, else written anew from the cells as we read them.
CSV comes back as CSV, which has no colours, and as a workbook. Rejects and flags differ in colour, in border and in the
mark of the column with the reasons, so that they differ in print too. Nothing in these files can run: no formula, no
macro, no link. `readers.returned` reads them again when the partner sends them.
"""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from footprints.examine import Examination, Part
from footprints.harmonise import survey
from footprints.harmonise.folding import fold
from footprints.model import MAX_MARKS, Issue, Language, Mark
from footprints.readers import Header, RaggedRow, Sheet
from footprints.readers.returned import (
    MARKED,
    REASONS,
    REASONS_OF_PART,
    REFERENCE,
    REFERENCE_OF_PART,
    SIGNS,
    TO_FIX,
    escape,
    original_name,
    reference,
)
from footprints.receipts import messages
from footprints.receipts.page import fix_of

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"
NOT_TO_FIX = ("consent.none",)
"""Rules whose rows nobody can put right."""
MAX_COMMENTS = 2_000
"""So many cells of a workbook get a comment; the column with the reasons says the same of all."""
MAX_REASONS = 2_000
"""Characters of the reasons of a row."""
MAX_NAME = 120
"""Characters of the partner's file name that a copy's name keeps; S3 allows 1,024 bytes for the whole key."""
FORMATS = ("csv", "xlsx", "xls", "ods")
"""Formats of tables that come back marked."""
MAX_ROWS = 1_000_000
"""A sheet of a workbook has room for little more."""
SLICE = 5_000

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?")
_DAY = re.compile(r"(19|20)\d\d-\d\d-\d\d")
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "＝", "＋", "－", "＠")
_DATED = re.compile(r"\d+(?:[-/.:]\d+)+")
"""Figures that Arabic letters before them would turn around: 2024-10-27 would be seen as 27-10-2024."""
_SPECIAL = (*_RISKY, "#")
"""Beginnings of a text that openpyxl, or a spreadsheet, would take for a formula or an error."""
_SAFE_RANGE = re.compile(r"=?('[^'\[\]]+'|[\w.]+)?!?\$?[A-Za-z]{0,3}\$?\d*(:\$?[A-Za-z]{0,3}\$?\d*)?")
_SAFE_LIST = re.compile(r'"[^"]*"')

Kind = Literal["marked", "to_fix"]


@dataclass(frozen=True)
class Copy:
    """A file for the partner, still on disk: `name` is that beside the receipt."""

    kind: Kind
    name: str
    content_type: str
    path: Path


@dataclass
class _Marks:
    """The marks of one sheet: by row the reasons, and by column position the gravest severity and what to say of it."""

    by_row: dict[int, list[Mark]] = field(default_factory=dict)
    columns: Mapping[str, int] = field(default_factory=dict)
    texts: dict[tuple[int, str, str, str | None], str] = field(default_factory=dict)

    def to_fix(self) -> set[int]:
        """Numbers of the rejected rows that can be put right."""
        return {
            number
            for number, marks in self.by_row.items()
            if any(mark.severity == "reject" and mark.rule not in NOT_TO_FIX for mark in marks)
        }

    def cells(self, number: int) -> dict[int, Mark]:
        """The failing cells of a row, by position: of several marks the gravest."""
        cells: dict[int, Mark] = {}
        for mark in sorted(self.by_row.get(number, ()), key=lambda one: one.severity != "reject"):
            for position in self._positions(mark.column):
                cells.setdefault(position, mark)
        return cells

    def _positions(self, column: str | None) -> list[int]:
        if column is None:
            return []
        if column in self.columns:
            return [self.columns[column]]
        parts = re.split(r", | \+ | / ", column)
        return [self.columns[part] for part in parts if part in self.columns]

    def say(self, mark: Mark, language: Language) -> str:
        """What one mark says: sign, column, rule, and what to do."""
        key = (id(mark.parameters), mark.severity, mark.rule, mark.column)
        if key not in self.texts:
            name = messages.message(mark.rule, language, mark.parameters).name
            what = f"{mark.column}: {name}" if mark.column else name
            issue = Issue(mark.rule, mark.severity, mark.column, 1, (), dict(mark.parameters))
            said = f"{SIGNS[mark.severity]} {messages.text(f'severity.{mark.severity}', language)} – {what}. "
            text = _printable(messages.visible(said + fix_of(issue, language)))
            self.texts[key] = _DATED.sub("\u200e\\g<0>\u200e", text) if language == "ar" else text
        return self.texts[key]

    def reasons(self, number: int, language: Language, between: str) -> str:
        """The reasons of a row, rejects first."""
        marks = sorted(self.by_row.get(number, ()), key=lambda one: one.severity != "reject")
        return between.join(dict.fromkeys(self.say(mark, language) for mark in marks))[:MAX_REASONS]


def mark(
    examination: Examination,
    path: Path,
    folder: Path,
    *,
    file_name: str,
    delivery_id: int,
    language: Language,
    is_held: bool,
    max_bytes: int,
) -> list[Copy]:
    """Writes the copies for the partner into a folder: the marked file, and the rows to fix where some were loaded.

    Empty where nothing is to be marked, and for files that are no table. A file that unpacks to more than `max_bytes`
    gets no marked copy. Of a file that is held as a whole, all has to be sent again, so there are no rows to fix alone.
    """
    opened = examination.opened
    if opened is None or not examination.marks or opened.format not in FORMATS:
        return []
    marks = _by_sheet(examination)
    stem, suffix = _name_parts(file_name)
    is_csv = opened.format == "csv"
    writer = _Writer(examination, marks, delivery_id, language)
    copies = []
    ragged = [m for m in examination.marks if m.rule == "row.ragged"]
    is_complete = examination.n_marks <= MAX_MARKS or not ragged  # wider rows beyond the marks could not be copied
    n_bytes = unpacked_bytes(path)
    if is_csv and n_bytes <= max_bytes and is_complete:
        target = folder / "marked.csv"
        writer.csv(target, rows_to_fix=False)
        copies.append(Copy("marked", f"{stem}{MARKED}.{suffix}", CSV, target))
    # A workbook's XML is about eight times the CSV of its cells.
    if n_bytes * (8 if is_csv else 1) <= max_bytes and is_complete and examination.rows_read < MAX_ROWS:
        target = folder / "marked.xlsx"
        if is_csv or opened.returned is not None or not writer.same_workbook(path, target):
            writer.workbook(target, rows_to_fix=False)
        copies.append(Copy("marked", f"{stem}{MARKED}.xlsx", XLSX, target))
    if not is_held and any(sheet.to_fix() for sheet in marks.values()):
        target = folder / ("to-fix.csv" if is_csv else "to-fix.xlsx")
        if is_csv:
            writer.csv(target, rows_to_fix=True)
            copies.append(Copy("to_fix", f"{stem}{TO_FIX}.{suffix}", CSV, target))
        else:
            writer.workbook(target, rows_to_fix=True)
            copies.append(Copy("to_fix", f"{stem}{TO_FIX}.xlsx", XLSX, target))
    return copies


def _name_parts(file_name: str) -> tuple[str, str]:
    """The partner's own name of a file as our copies keep it, and the suffix of those that are CSV."""
    name = messages.visible(original_name(file_name)).replace("/", "_").replace("\\", "_")
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem or suffix.lower() not in ("csv", "tsv", "txt", "dat"):
        return (stem if dot and stem and len(suffix) <= 5 else name)[:MAX_NAME], "csv"
    return stem[:MAX_NAME], suffix


def unpacked_bytes(path: Path) -> int:
    """The size of a file once it is unpacked, by what it declares."""
    if not zipfile.is_zipfile(path):
        return path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        return sum(info.file_size for info in archive.infolist())


def _by_sheet(examination: Examination) -> dict[str, _Marks]:
    marks = {part.sheet.name: _Marks(columns=_positions(part)) for part in examination.parts}
    for one in examination.marks:
        if one.sheet in marks:
            marks[one.sheet].by_row.setdefault(one.row_number, []).append(one)
    return marks


def _positions(part: Part) -> dict[str, int]:
    """Position of each header (from 0), by the partner's name and by the form's name for it."""
    names = part.header.names
    positions = {name: i for i, name in enumerate(names)}
    if part.layout.survey is not None:
        renamed = survey.rename_headers(names, survey.form_for(part.layout.survey.form, names))
        positions = {name: i for i, name in enumerate(renamed)} | positions
    return positions


def _header_row(part: Part) -> int:
    """The row (from 1) that holds most of the header's names; 0 where the file has no header."""
    best, most = 0, 0
    for number, row in enumerate(part.sheet.preview[: part.header.rows_before_data], start=1):
        cells = {cell.replace("\ufeff", "").strip() for cell in row} - {""}
        n = sum(name in cells or name.rsplit("|", 1)[-1] in cells for name in part.header.names)
        if n > most:
            best, most = number, n
    return best or part.header.rows_before_data


class _Writer:
    """Writes the copies of one file."""

    def __init__(
        self, examination: Examination, marks: Mapping[str, _Marks], delivery_id: int, language: Language
    ) -> None:
        self.examination = examination
        self.marks = marks
        self.delivery_id = delivery_id
        self.language: Language = language

    def csv(self, target: Path, *, rows_to_fix: bool) -> None:
        """A CSV in the file's own encoding and delimiter; in UTF-8 where that encoding lacks our letters."""
        assert self.examination.opened is not None
        detected = self.examination.opened.detected
        delimiter = {"tab": "\t"}.get(detected.get("delimiter", ","), detected.get("delimiter", ","))
        for encoding in dict.fromkeys((detected.get("encoding") or "utf-8", "utf-8-sig")):
            try:
                with target.open("w", encoding=encoding, newline="") as file:
                    # All quoted: no apostrophe of a cell can be taken for the file's quote when it comes back.
                    out = csv.writer(file, delimiter=delimiter, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
                    for part in self.examination.parts:
                        for _, cells, reasons, ref in self._rows(part, rows_to_fix, " / "):
                            out.writerow([escape(cell) for cell in (*cells, reasons, ref)])
                return
            except UnicodeEncodeError:
                if encoding == "utf-8-sig":  # a lone surrogate has no encoding at all
                    raise
        raise AssertionError("unreachable")

    def _reference(self, sheet: str, number: int) -> str:
        """What names a row of the delivery; a file that was only checked is no delivery."""
        return reference(self.delivery_id, sheet, number) if self.delivery_id else ""

    def _width(self, part: Part) -> int:
        """Columns of a sheet: those of the header, and those that rows with surplus cells reach."""
        marks = self.marks[part.sheet.name]
        found = [
            int(one.parameters["found"]) for row in marks.by_row.values() for one in row if one.rule == "row.ragged"
        ]
        return max(len(part.header.names), *found) if found else len(part.header.names)

    def _rows(self, part: Part, rows_to_fix: bool, between: str) -> Iterator[tuple[int, list[str], str, str]]:
        """Number, cells, reasons and reference of each row that a copy is to have."""
        marks, sheet, before = self.marks[part.sheet.name], part.sheet, part.header.rows_before_data
        wanted = marks.to_fix() if rows_to_fix else None
        if wanted is not None and not wanted:
            return
        keep = None if wanted is None else np.array([*range(1, before + 1), *sorted(wanted)], np.int64)
        width, header_row, last = self._width(part), _header_row(part), 0
        titles = (
            (REASONS_OF_PART[self.language], REFERENCE_OF_PART) if rows_to_fix else (REASONS[self.language], REFERENCE)
        )
        for number, cells in read_rows(sheet, width, keep):
            # Blank rows stay, so that numbers do; of rows to fix those above the data, where a header has its number.
            while last + 1 < (number if wanted is None else min(number, before + 1)):
                last += 1
                yield last, [""] * width, "", ""
            last = number
            if number <= before:
                yield number, cells, *(titles if number == header_row else ("", ""))
            else:
                ref = self._reference(sheet.name, number) if number in marks.by_row else ""
                yield number, cells, marks.reasons(number, self.language, between), ref

    def workbook(self, target: Path, *, rows_to_fix: bool) -> None:
        """A workbook written anew from the cells as we read them."""
        from openpyxl import Workbook

        opened = self.examination.opened
        assert opened is not None
        book = Workbook(write_only=True)
        book.properties.creator = "Footprints"
        parts = {part.sheet.name: part for part in self.examination.parts}
        beside = self._repeats() if rows_to_fix else {}
        style = _Style()
        for sheet in opened.sheets:
            if sheet.name in parts:
                if not rows_to_fix or self.marks[sheet.name].to_fix():
                    self._write_part(book, parts[sheet.name], rows_to_fix, style, as_text=opened.format == "csv")
            elif not rows_to_fix:
                _write_plain(book, sheet, read_rows(sheet, full_width(sheet)))
            elif sheet.name in beside:
                _write_plain(book, sheet, beside[sheet.name])
        book.save(target)

    def _write_part(self, book: Any, part: Part, rows_to_fix: bool, style: _Style, *, as_text: bool) -> None:
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.utils import get_column_letter

        marks, width = self.marks[part.sheet.name], self._width(part)
        page = book.create_sheet(part.sheet.name or "Sheet1")
        page.sheet_view.rightToLeft = self.language == "ar"
        for position in range(width):
            page.column_dimensions[get_column_letter(position + 1)].width = 16
        page.column_dimensions[get_column_letter(width + 1)].width = 70
        page.column_dimensions[get_column_letter(width + 2)].width = 22
        header_row = _header_row(part)
        if header_row and rows_to_fix:
            page.freeze_panes = f"A{part.header.rows_before_data + 1}"
        n_comments = 0
        for number, cells, reasons, ref in self._rows(part, rows_to_fix, "\n"):
            values: list[Any] = [cell if as_text else _typed(cell) for cell in cells]
            row = [_harmless(page, value) for value in values]
            if number <= part.header.rows_before_data:
                ours = [_harmless(page, reasons), _harmless(page, ref)]
                if number == header_row:
                    ours = [WriteOnlyCell(page, text) for text in (reasons, ref)]
                    for cell in ours:
                        style.title(cell)
            else:
                failing = marks.cells(number)
                for position, one in failing.items():
                    cell = _as_cell(page, row[position])
                    style.failing(cell, one.severity)
                    if as_text:
                        cell.number_format = "@"
                    if n_comments < MAX_COMMENTS:
                        style.comment(cell, marks.say(one, self.language))
                        n_comments += 1
                    row[position] = cell
                ours = [_as_cell(page, _harmless(page, reasons)), _harmless(page, ref)]
                if reasons:
                    style.reasons(ours[0], _gravest(marks.by_row[number]))
            page.append([*row, *ours])

    def _repeats(self) -> dict[str, list[tuple[int, list[str]]]]:
        """Rows of a survey's other sheets that belong to the interviews to fix: without them they would lack these."""
        assert self.examination.opened is not None
        sheets = {fold(sheet.name): sheet for sheet in self.examination.opened.sheets}
        beside: dict[str, list[tuple[int, list[str]]]] = {}
        for part in self.examination.parts:
            wanted = self.marks[part.sheet.name].to_fix()
            for where in part.layout.survey.repeats.values() if part.layout.survey and wanted else ():
                sheet = sheets.get(fold(where["sheet"]))
                index = _positions(part).get(where.get("index", "_index"))
                if sheet is None or index is None or not sheet.preview:
                    continue
                parents = {
                    cells[index].strip()
                    for _, cells in read_rows(part.sheet, self._width(part), np.array(sorted(wanted)))
                }
                rows = read_rows(sheet, full_width(sheet))
                header = next(rows, (0, []))
                names = [cell.strip() for cell in header[1]]
                parent = where.get("parent", "_parent_index")
                if parent in names:
                    place = names.index(parent)
                    beside[sheet.name] = [header, *(row for row in rows if row[1][place].strip() in parents)]
        return beside

    def same_workbook(self, path: Path, target: Path) -> bool:
        """The partner's own workbook, marked; False where openpyxl cannot open or keep it."""
        from openpyxl import load_workbook

        if not zipfile.is_zipfile(path):
            return False
        try:
            with path.open("rb") as file:  # by its content: openpyxl refuses a path without a suffix it knows
                book = load_workbook(file, data_only=True, keep_links=False, keep_vba=False)
            if any(part.sheet.name not in book.sheetnames for part in self.examination.parts):
                return False
            _disarm(book)
            style = _Style()
            for part in self.examination.parts:
                if not self._mark_in_place(book[part.sheet.name], part, style):
                    return False
            book.save(target)
        except Exception:  # noqa: BLE001 - openpyxl fails in many ways on what others open; it is written anew then
            return False
        return True

    def _mark_in_place(self, page: Any, part: Part, style: _Style) -> bool:
        from openpyxl.utils import get_column_letter

        marks = self.marks[part.sheet.name]
        filled = max((place[1] for place, cell in page._cells.items() if cell.value is not None), default=0)
        ours = max(filled, self._width(part)) + 1
        if ours > 16_000:
            return False
        page.sheet_view.rightToLeft = page.sheet_view.rightToLeft or self.language == "ar"
        page.column_dimensions[get_column_letter(ours)].width = 70
        page.column_dimensions[get_column_letter(ours + 1)].width = 30
        if header_row := _header_row(part):
            for place, title in ((ours, REASONS[self.language]), (ours + 1, REFERENCE)):
                style.title(page.cell(header_row, place, title))
        n_comments = 0
        for number in sorted(marks.by_row):
            for position, one in marks.cells(number).items():
                cell = page.cell(number, position + 1)
                if type(cell).__name__ == "MergedCell":
                    continue
                style.failing(cell, one.severity)
                if n_comments < MAX_COMMENTS:
                    theirs = f"{cell.comment.text}\n\n" if cell.comment is not None else ""
                    style.comment(cell, theirs + marks.say(one, self.language))
                    n_comments += 1
            reasons = page.cell(number, ours, marks.reasons(number, self.language, "\n"))
            style.reasons(reasons, _gravest(marks.by_row[number]))
            page.cell(number, ours + 1, self._reference(part.sheet.name, number) or None)
        return True


def read_rows(sheet: Sheet, width: int, keep: np.ndarray | None = None) -> Iterator[tuple[int, list[str]]]:
    """The rows of a sheet (all, or those of the numbers in `keep`) in order, each with `width` cells as text.

    Blank rows are left out. Wider rows are too: give a width that holds them.
    """
    names = tuple(f"c{i}" for i in range(width))
    numbers: list[np.ndarray] = []
    tables: list[pa.Table] = []
    for chunk in sheet.chunks(Header(names, 0), 20_000, lambda row: None):
        table = pa.table({name: chunk.columns[name] for name in names})
        wanted = np.ones(len(chunk.row_numbers), bool) if keep is None else np.isin(chunk.row_numbers, keep)
        numbers.append(chunk.row_numbers[wanted])
        tables.append(table.filter(pa.array(wanted)))
    if not tables:
        return
    # A reader may give short rows before the others of their block.
    order = np.argsort(np.concatenate(numbers), kind="stable")
    ordered = np.concatenate(numbers)[order]
    whole = pa.concat_tables(tables)
    for start in range(0, len(order), SLICE):
        part = whole.take(pa.array(order[start : start + SLICE]))
        columns = [column.to_pylist() for column in part.columns]
        for i, number in enumerate(ordered[start : start + SLICE].tolist()):
            yield number, [column[i] or "" for column in columns]


def full_width(sheet: Sheet) -> int:
    """The number of columns that holds every row of a sheet."""
    width = max((len(row) for row in sheet.preview), default=1) or 1
    found = width

    def note(row: RaggedRow) -> None:
        nonlocal found
        found = max(found, row.found)

    for _ in sheet.chunks(Header(tuple(f"c{i}" for i in range(width)), 0), 20_000, note):
        pass
    return found


def _write_plain(book: Any, sheet: Sheet, rows: Iterable[tuple[int, list[str]]]) -> None:
    page = book.create_sheet(sheet.name or "Sheet")
    for _, cells in rows:
        page.append([_harmless(page, _typed(cell)) for cell in cells])


def _typed(cell: str) -> Any:
    """A cell of a workbook as a spreadsheet keeps it, where its text is read back the same: a number or a day."""
    if _NUMBER.fullmatch(cell):
        number = float(cell)
        if "." not in cell:
            return int(cell) if cell != "-0" else cell
        return number if repr(number) == cell and not number.is_integer() else cell
    if _DAY.fullmatch(cell):
        try:
            return date.fromisoformat(cell)
        except ValueError:
            return cell
    return cell


def _harmless(page: Any, value: Any) -> Any:
    """A value that openpyxl writes as what it is: text stays text, also where it looks like a formula."""
    if isinstance(value, str):
        if not value:
            return None
        value = _printable(value)
        if not value.startswith(_SPECIAL):
            return value
    elif not isinstance(value, date):
        return value
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(page, value)
    if isinstance(value, date):
        cell.number_format = "yyyy-mm-dd"
        return cell
    cell.data_type = "s"
    cell.quotePrefix = True
    return cell


def _as_cell(page: Any, value: Any) -> Any:
    from openpyxl.cell import Cell, WriteOnlyCell

    return value if isinstance(value, Cell) else WriteOnlyCell(page, value)


def _printable(text: str) -> str:
    """A text without what XML cannot hold."""
    return _UNPRINTABLE.sub("\ufffd", text)


def _gravest(marks: Iterable[Mark]) -> str:
    return "reject" if any(one.severity == "reject" for one in marks) else "flag"


class _Style:
    """How marked cells look: colour and border, the border so that a print without colours tells them apart."""

    def __init__(self) -> None:
        from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

        def box(line: str, colour: str) -> Any:
            side = Side(style=line, color=colour)
            return Border(left=side, right=side, top=side, bottom=side)

        self._fills = {
            "reject": PatternFill("solid", fgColor="FFF8B4B4"),
            "flag": PatternFill("solid", fgColor="FFFFE699"),
        }
        self._boxes = {"reject": box("medium", "FF9C1C1C"), "flag": box("dashed", "FF7A4A00")}
        self._pale = {
            "reject": PatternFill("solid", fgColor="FFFDECEA"),
            "flag": PatternFill("solid", fgColor="FFFFF8E5"),
        }
        self._bold = Font(bold=True)
        self._grey = PatternFill("solid", fgColor="FFE3E8EE")
        self._wrapped = Alignment(wrap_text=True, vertical="top")

    def failing(self, cell: Any, severity: str) -> None:
        """A cell that a rule hit."""
        cell.fill, cell.border = self._fills[severity], self._boxes[severity]

    def reasons(self, cell: Any, severity: str) -> None:
        """The reasons of a row."""
        cell.fill, cell.alignment = self._pale[severity], self._wrapped

    def title(self, cell: Any) -> None:
        """A header of ours."""
        cell.fill, cell.font, cell.alignment = self._grey, self._bold, self._wrapped

    def comment(self, cell: Any, text: str) -> None:
        """A comment on a cell."""
        from openpyxl.comments import Comment

        cell.comment = Comment(text[:MAX_REASONS], "Footprints", height=120, width=320)


def _disarm(book: Any) -> None:
    """Takes out of a workbook all that could run, reach outside, or hide our colours. Formulas are values already."""
    from openpyxl.formatting.formatting import ConditionalFormattingList
    from openpyxl.packaging.custom import CustomPropertyList

    for sheet in book.chartsheets:
        book.remove(sheet)
    book._external_links = []
    book.vba_archive = None
    book.custom_doc_props = CustomPropertyList()
    _keep_ranges(book.defined_names)
    for page in book.worksheets:
        page._images, page._charts, page._pivots = [], [], []
        page._hyperlinks = []
        page.conditional_formatting = ConditionalFormattingList()
        _keep_ranges(page.defined_names)
        validations = page.data_validations.dataValidation
        page.data_validations.dataValidation = [one for one in validations if _is_harmless_validation(one)]
        for table in page.tables.values():
            for column in table.tableColumns:
                column.calculatedColumnFormula = column.totalsRowFormula = None
        for cell in page._cells.values():
            if cell.hyperlink is not None:
                cell.hyperlink = None
            if isinstance(cell.value, str):
                if cell.data_type == "f":
                    cell.data_type = "s"
                if cell.value.startswith(_RISKY):
                    cell.quotePrefix = True


def _keep_ranges(names: Any) -> None:
    for name in [name for name, one in names.items() if not _SAFE_RANGE.fullmatch(one.attr_text or "")]:
        del names[name]


def _is_harmless_validation(one: Any) -> bool:
    """Whether a drop-down or a limit of the partner's refers to a list, a range or a number only."""
    return all(
        formula is None or _SAFE_LIST.fullmatch(formula) or _SAFE_RANGE.fullmatch(formula) or _NUMBER.fullmatch(formula)
        for formula in (one.formula1, one.formula2)
    )
