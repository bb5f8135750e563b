"""The template as a workbook: the sheet to fill in, a codebook in three languages, and the lists behind its choices."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

import yaml
from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from footprints.contracts import Contract
from footprints.model import Language
from footprints.templates.fields import (
    LANGUAGES,
    NUMERIC,
    Choice,
    Field,
    Template,
    dropped_headers,
    group_of,
    wording,
)

ROWS = 10_000
"""Rows of the sheet that have lists and limits; further rows may be filled, and are checked on arrival."""
LISTED = 60
"""Values that the codebook spells out; a longer list says how many there are."""
LISTS = "Lists"
REQUIRED, OPTIONAL = PatternFill("solid", fgColor="174F86"), PatternFill("solid", fgColor="DCE6F1")
EDGE = Border(bottom=Side("thin", color="8794A3"))
MOMENT = datetime(2024, 1, 1)  # noqa: DTZ001 - the same template gives the same workbook, whenever it is made
MAX_PROMPT = 250
"""Excel refuses a workbook whose prompts or errors are longer than 255 characters."""
DATES = ("date", "month")
PICTURES = {"%Y": "2024", "%y": "24", "%m": "05", "%d": "31", "%b": "May", "%B": "May", "%H": "14", "%M": "30",
            "%S": "00", "%f": "000", "%z": "+00:00", "%a": "Fri", "%A": "Friday"}  # fmt: skip


@cache
def _words() -> Mapping[str, Mapping[Language, str]]:
    words: Mapping[str, Mapping[Language, str]] = yaml.safe_load(
        resources.files(__package__).joinpath("texts.yaml").read_text("utf-8")
    )
    return words


def text(name: str, language: Language, **values: object) -> str:
    """A text of `texts.yaml`, filled in."""
    return _words()[name][language].format(**values)


@cache
def own_sheets() -> frozenset[str]:
    """The sheets of a template that nobody fills in: the codebooks, and the lists behind its choices."""
    return frozenset({LISTS, *(text("codebook", language) for language in LANGUAGES)})


def write(template: Template, contract: Contract, language: Language) -> bytes:
    """The template as the bytes of an XLSX workbook whose first sheet and notes are in `language`."""
    workbook = Workbook()
    workbook.properties.creator = "Footprints"
    workbook.properties.created = workbook.properties.modified = MOMENT
    lists = _Lists(workbook, contract, language)
    data = workbook.active
    data.title = (template.layout.match.sheet or text("data", language))[:31]
    _fill_sheet(data, template.fields, template.layout.read.header_row, template.layout.read.header_rows, lists)
    for name, fields in template.repeats.items():
        _fill_sheet(workbook.create_sheet(name[:31]), fields, None, (), lists)
    for one in (language, *(other for other in LANGUAGES if other != language)):
        _write_codebook(workbook.create_sheet(text("codebook", one)), template, contract, one)
    lists.finish()
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


class _Lists:
    """The hidden sheet of lists; equal lists are written once. Its heads are numbers, so that no layout fits it."""

    def __init__(self, workbook: Workbook, contract: Contract, language: Language) -> None:
        self.workbook, self.contract, self.language = workbook, contract, language
        self.known: dict[tuple[str, ...], str] = {}
        self.columns: list[tuple[str, ...]] = []

    def reference(self, field: Field) -> str:
        """The range of a field's choices, as a list validation names it."""
        values = tuple(written(field, self.contract, self.language))
        if values not in self.known:
            self.columns.append(values)
            letter = get_column_letter(len(self.columns))
            self.known[values] = f"={LISTS}!${letter}$1:${letter}${len(values)}"
        return self.known[values]

    def finish(self) -> None:
        """Writes the sheet, where there are lists."""
        if not self.columns:
            return
        sheet = self.workbook.create_sheet(LISTS)
        sheet.sheet_state = "hidden"
        for column, values in enumerate(self.columns, start=1):
            for row, value in enumerate(values, start=1):
                _put(sheet, row, column, value)


def written(field: Field, contract: Contract, language: Language) -> list[str]:
    """The values of a field's list as they are to be written: countries by name, in order; codes as they are."""
    if field.kind == "country":
        return sorted({wording(choice, language, contract) for choice in field.choices})
    return [choice.value for choice in field.choices]


def _put(sheet: Worksheet, row: int, column: int, value: str) -> Any:
    """A cell of text: never a formula, whatever a contract has for a header."""
    cell = sheet.cell(row, column, value)
    cell.data_type = "s"
    return cell


# ------------------------------------------------------------------------------------------------- the sheet to fill


def _fill_sheet(
    sheet: Worksheet, fields: Sequence[Field], header_row: Any, header_rows: Sequence[int], lists: _Lists
) -> None:
    language = lists.language
    top, row = (header_rows[0], header_rows[-1]) if header_rows else (None, header_row or 1)
    sheet.sheet_view.rightToLeft = language == "ar"
    for column, field in enumerate(fields, start=1):
        letter = get_column_letter(column)
        group = group_of(field.header) if top else ""
        cells = [_put(sheet, row, column, field.header.removeprefix(f"{group}|"))]
        if top and group:
            cells.append(_put(sheet, top, column, group))
        for cell in cells:
            cell.fill = REQUIRED if field.required else OPTIONAL
            cell.font = Font(bold=True, color="FFFFFF" if field.required else "1B2430")
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            cell.border = EDGE
        note = Comment(_note(field, language), "Footprints", height=150, width=320)
        cells[0].comment = note
        sheet.column_dimensions[letter].width = max(12, min(34, len(field.header) + 4))
        sheet.column_dimensions[letter].number_format = _number_format(field)
        validation = _validation(field, lists)
        if validation is not None:
            validation.add(f"{letter}{row + 1}:{letter}{row + ROWS}")
            sheet.add_data_validation(validation)
    sheet.freeze_panes = sheet.cell(row + 1, 1)


def _number_format(field: Field) -> str:
    """Texts stay texts: a spreadsheet would take the zeros off a code, and make a date of 3-4."""
    if field.kind in DATES:
        return "yyyy-mm-dd"
    return "General" if field.kind in NUMERIC and not field.withheld else "@"


def _validation(field: Field, lists: _Lists) -> DataValidation | None:
    language = lists.language
    error, style = None, "stop"
    validation: DataValidation | None = None
    if field.choices and field.kind != "codes":
        validation = DataValidation(type="list", formula1=lists.reference(field), allow_blank=True)
        error, style = "error.list", "stop" if field.is_strict and not field.unknown else "warning"
    elif field.kind in DATES:
        low, high = (_as_date(bound, limit) for bound, limit in ((field.low, "1900-01-01"), (field.high, "2100-12-31")))
        validation = DataValidation(type="date", operator="between", formula1=low, formula2=high, allow_blank=True)
        # A date as the contract writes it is text, and is read as well.
        error, style = "error.date", "warning"
    elif field.kind in NUMERIC:
        number, fallback = ("decimal", 1e15) if field.kind == "number" else ("whole", 2**31 - 1)
        low, high = _bounds(field, fallback)
        validation = DataValidation(type=number, operator="between", formula1=low, formula2=high, allow_blank=True)
        # What stands for unknown or withheld may be a word or a star.
        error, style = "error.number", "warning" if field.unknown or field.withheld else "stop"
    if validation is not None and error is not None:
        validation.errorStyle = style
        validation.errorTitle = text("error.title", language)[:32]
        validation.error = text(error, language)[:MAX_PROMPT]
        validation.promptTitle = field.header[:32]
        validation.prompt = _shortened(_note(field, language))
        validation.showErrorMessage = validation.showInputMessage = True
    return validation


def _as_date(bound: object, otherwise: str) -> str:
    year, month, day = (int(part) for part in str(bound or otherwise)[:10].split("-"))
    return f"DATE({year},{month},{day})"


def _bounds(field: Field, fallback: float) -> tuple[str, str]:
    low: float = field.low if isinstance(field.low, int | float) else (1900 if field.kind == "year" else -fallback)
    high: float = field.high if isinstance(field.high, int | float) else (2100 if field.kind == "year" else fallback)
    numbers = [float(one) for one in field.unknown if one.lstrip("-").isdigit()]
    return tuple(f"{value:.15g}" for value in (min(low, *numbers, low), max(high, *numbers, high)))  # type: ignore[return-value]


def _shortened(words: str) -> str:
    return words if len(words) <= MAX_PROMPT else words[: MAX_PROMPT - 1] + "…"


def _note(field: Field, language: Language) -> str:
    """What the note at a column's head says."""
    lines = [meaning(field, language), kind_of(field, language), how(field, language)]
    if field.required:
        lines.append(text("required", language))
    if field.is_hashed:
        lines.append(text("privacy.hashed", language))
    return "\n".join(line for line in lines if line)


# ------------------------------------------------------------------------------------------------- the codebook


def meaning(field: Field, language: Language) -> str:
    """What a column means; English where nobody has said it in the language."""
    if "text" in field.meanings:
        return text(field.meanings["text"], language)
    return field.meanings.get(language) or field.meanings.get("en", "")


def kind_of(field: Field, language: Language) -> str:
    """The type of a column in words."""
    kind = "code" if field.choices and field.kind == "text" else {"count": "integer"}.get(field.kind, field.kind)
    return text(f"type.{kind}", language)


def how(field: Field, language: Language) -> str:
    """How values are to be written: form, limits, what stands for unknown or withheld."""
    said: list[str] = []
    example = next((_example(form) for form in field.formats if form != "iso"), "2024-05-31")
    if field.kind in DATES:
        said.append(text("format.date", language, example=example))
    elif field.kind == "datetime":
        said.append(text("format.datetime", language, example=example))
    elif field.kind in ("country", "country_list"):
        said.append(text("format.country", language))
    if field.kind in (*NUMERIC, *DATES):
        said += _limits_said(field, language)
    if field.separator:
        separator = field.separator
        said.append(
            text("format.space", language)
            if separator == " "
            else text("format.separator", language, separator=separator)
        )
    if field.decimal == "," and field.kind == "number":
        said.append(text("format.decimal_comma", language))
    if field.pattern:
        said.append(text("format.pattern", language, pattern=field.pattern))
    if unknown := [one for one in field.unknown if one]:
        said.append(text("format.unknown", language, values=", ".join(unknown)))
    if field.withheld:
        low, high = field.interval
        said.append(text("format.withheld", language, values=", ".join(field.withheld), low=low, high=high))
    return "; ".join(said) if language != "ar" else "؛ ".join(said)


def _example(form: str) -> str:
    """31 May 2024, 14:30, in a form of strptime."""
    for directive, picture in PICTURES.items():
        form = form.replace(directive, picture)
    return form


def _limits_said(field: Field, language: Language) -> list[str]:
    high = None if isinstance(field.high, int | float) and field.high >= 2**31 - 1 else field.high
    if field.low is not None and high is not None:
        return [text("format.range", language, low=field.low, high=high)]
    return [] if field.low is None else [text("format.at_least", language, low=field.low)]


def allowed(field: Field, contract: Contract, language: Language) -> str:
    """The values of a list with their labels; of countries only that they are chosen from the list."""
    if not field.choices:
        return ""
    if field.kind == "country":
        return text("format.list", language)
    lines = [_labelled(choice, language) for choice in field.choices[:LISTED]]
    if len(field.choices) > LISTED:
        lines.append(f"… (+ {len(field.choices) - LISTED})")
    return "\n".join(lines)


def _labelled(choice: Choice, language: Language) -> str:
    label = choice.labels.get(language, "")
    return f"{choice.value} = {label}" if label and label != choice.value else choice.value


HEADS = ("column", "meaning", "type", "required", "allowed", "format", "privacy")
WIDTHS = (28, 44, 18, 12, 46, 44, 30)


def _write_codebook(sheet: Worksheet, template: Template, contract: Contract, language: Language) -> None:
    sheet.sheet_view.rightToLeft = language == "ar"
    lines = [text("title", language, title=template.titles[language]), text("note.fill", language)]
    if template.layout.match.file:
        lines.append(text("note.file", language, pattern=template.layout.match.file))
    if template.pattern:
        lines.append(text("note.pattern", language, pattern=template.pattern))
    if dropped := list(dropped_headers(template)):
        lines.append(text("privacy.dropped", language, columns=", ".join(dropped)))
    for row, line in enumerate(lines, start=1):
        cell = _put(sheet, row, 1, line)
        cell.font = Font(bold=row == 1, size=14 if row == 1 else 11)
    row = len(lines) + 2
    for column, (name, width) in enumerate(zip(HEADS, WIDTHS, strict=True), start=1):
        cell = _put(sheet, row, column, text(name, language))
        cell.font, cell.fill, cell.border = Font(bold=True), OPTIONAL, EDGE
        sheet.column_dimensions[get_column_letter(column)].width = width
    sheet.freeze_panes = sheet.cell(row + 1, 2)
    sheets = {"": template.fields, **template.repeats}
    for name, fields in sheets.items():
        for field in fields:
            row += 1
            values = (
                f"{name}: {field.header}" if name else field.header,
                meaning(field, language),
                kind_of(field, language),
                text("yes" if field.required else "no", language),
                allowed(field, contract, language),
                how(field, language),
                text("privacy.hashed" if field.is_hashed else "privacy.kept", language),
            )
            for column, value in enumerate(values, start=1):
                _put(sheet, row, column, value).alignment = Alignment(wrap_text=True, vertical="top")
