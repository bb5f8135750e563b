"""What the mapper cannot read off a row alone: columns derived before it, sheet by sheet.

The rows of an XLSForm mean what the groups around them say; the values of a cleaning log may only be kept where the
survey keeps the answers that they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from footprints.contracts import Contract, Layout, find_contract
from footprints.errors import ContractError, NotFoundError
from footprints.harmonise import expressions, survey, xlsform
from footprints.harmonise.folding import fold
from footprints.model import Severity
from footprints.readers.table import Chunk, Header, OpenFile, Sheet, unique_names

TEXT = pa.large_string()
MAX_LISTS = 200_000
"""So many rows of choices are looked at for the names of lists."""


@dataclass
class Note:
    """What a derivation found: rule, severity, the partner's column, rows, and what the message needs."""

    rule: str
    severity: Severity
    column: str | None
    rows: list[int] = field(default_factory=list)
    parameters: dict[str, object] = field(default_factory=dict)


class Derivation(Protocol):
    """Adds columns to the chunks of a sheet, in order. `header` names all of them, `used` those that it has read."""

    header: Header
    used: frozenset[str]
    n_skipped: int
    notes: list[Note]

    def chunk(self, chunk: Chunk) -> Chunk:
        """The chunk with the derived columns, without rows that are no data."""

    def finish(self) -> None:
        """All chunks were seen."""


def derivation(contract: Contract, layout: Layout, header: Header, opened: OpenFile) -> Derivation | None:
    """What is to be derived for a sheet of this layout, if anything."""
    if layout.table in ("form_question", "form_choice"):
        return FormSheet(contract, layout, header, opened)
    if layout.table == "correction":
        return LogSheet(contract, layout, header)
    return None


def _extended(header: Header, names: Iterable[str]) -> Header:
    return replace(header, names=(*header.names, *names))


class FormSheet:
    """The sheet survey or choices of an XLSForm: for each target column of core, a column of its name with "_"."""

    def __init__(self, contract: Contract, layout: Layout, header: Header, opened: OpenFile) -> None:
        self.is_survey = layout.table == "form_question"
        self.targets = xlsform.QUESTION_COLUMNS if self.is_survey else xlsform.CHOICE_COLUMNS
        sheets = {fold(sheet.name): sheet for sheet in opened.sheets}
        self.settings = xlsform.settings_of(sheets["settings"].preview if "settings" in sheets else ())
        default = self.settings.get("default_language", "")
        self.language = xlsform.language_code(default, contract.partner.language)
        if len(self.language) > 3:  # a language that we have no code for; the bare labels are in it
            self.language = contract.partner.language
        self.header = _extended(header, (f"_{target}" for target in self.targets))
        labels = {name for name in header.names if xlsform.label_language(name, self.language) is not None}
        known = {name for name in header.names if fold(name) in xlsform.READ_HEADERS}
        self.used = frozenset({f"_{target}" for target in self.targets} | labels | known)
        if not self.is_survey:
            self.used |= frozenset(header.names)
        self.n_skipped = 0
        self.outline = xlsform.Outline(self.language)
        self.lists = _list_names(sheets["choices"]) if self.is_survey and "choices" in sheets else None
        self.notes: list[Note] = []
        self.found: dict[str, Note] = {}

    def chunk(self, chunk: Chunk) -> Chunk:
        """Each question or choice with its derived columns; groups and notes are no data."""
        cells = {name: column.to_pylist() for name, column in chunk.columns.items()}
        rows: list[Mapping[str, str | None]] = []
        kept: list[int] = []
        for i, number in enumerate(chunk.row_numbers.tolist()):
            row = {name: column[i] or "" for name, column in cells.items()}
            derived = self._question(row, number) if self.is_survey else self._choice(row)
            if derived is not None:
                rows.append(derived)
                kept.append(i)
        self.n_skipped += len(chunk.row_numbers) - len(kept)
        take = pa.array(kept, pa.int64())
        columns = {name: column.take(take) for name, column in chunk.columns.items()}
        columns |= {f"_{target}": pa.array([row[target] for row in rows], TEXT) for target in self.targets}
        return Chunk(chunk.sheet, chunk.row_numbers[np.array(kept, dtype=np.int64)], columns)

    def finish(self) -> None:
        """Says which groups were never closed, and whatever the rows had."""
        if self.outline.open:
            names = [name or kind for kind, name, _ in self.outline.open]
            self.notes.append(Note("form.group_open", "flag", "type", [], {"groups": names}))
        self.notes.extend(self.found.values())

    def _question(self, row: Mapping[str, str], number: int) -> dict[str, str | None] | None:
        entry = self.outline.read(row)
        if self.outline.closes_nothing:
            self._note("form.group_unopened", "flag", "type", number)
        if entry is None:
            return None
        if entry.kind in xlsform.SELECTS and self.lists is not None and entry.list_name not in self.lists:
            note = self._note("form.list_unknown", "flag", "type", number)
            names = note.parameters.setdefault("lists", [])
            if isinstance(names, list) and entry.list_name and entry.list_name not in names:
                names.append(entry.list_name)
        for condition in (*entry.group_relevant, entry.cell("relevant")):
            try:
                if condition is not None:
                    expressions.parse(condition)
            except expressions.UnknownExpressionError:
                self._note("form.condition_unknown", "note", "relevant", number)
                break
        return xlsform.question_cells(entry, self.settings)

    def _choice(self, row: Mapping[str, str]) -> dict[str, str | None] | None:
        return xlsform.choice_cells(row, self.settings, self.language)

    def _note(self, rule: str, severity: Severity, column: str, number: int) -> Note:
        note = self.found.setdefault(rule, Note(rule, severity, column))
        note.rows.append(number)
        return note


def _list_names(sheet: Sheet) -> frozenset[str] | None:
    """The names of lists on the sheet choices; None where it has no such column."""
    if not sheet.preview:
        return None
    header = Header(unique_names(sheet.preview[0]), 1)
    column = next((name for name in header.names if fold(name) in ("list_name", "list name")), None)
    if column is None:
        return None
    names: set[str] = set()
    n_rows = 0
    for chunk in sheet.chunks(header, 10_000, lambda row: None):
        names.update(name.strip() for name in chunk.columns[column].to_pylist() if name)
        n_rows += len(chunk.row_numbers)
        if n_rows > MAX_LISTS:
            return None
    return frozenset(names)


class LogSheet:
    """A cleaning log: old and new values of questions whose answers are never kept are not kept either."""

    def __init__(self, contract: Contract, layout: Layout, header: Header) -> None:
        assert layout.corrects is not None
        self.survey = corrected_contract(contract, layout)
        self.header = header
        self.used: frozenset[str] = frozenset()
        self.n_skipped = 0
        self.notes: list[Note] = []
        self.blanked = Note("log.value_private", "note", None)
        by_target = {column.target: column for column in layout.columns}
        headers = {fold(name): name for name in reversed(header.names)}

        def named(target: str) -> list[str]:
            column = by_target.get(target)
            names = () if column is None else (*column.source, *column.any_of)
            return [headers[fold(name)] for name in names if fold(name) in headers]

        self.question = next(iter(named("question_code")), None)
        self.values = [*named("old_value"), *named("new_value")]

    def chunk(self, chunk: Chunk) -> Chunk:
        """The chunk with the values of identifying questions blanked."""
        if self.question is None or not self.values:
            return chunk
        names = [(name or "").strip() for name in chunk.columns[self.question].to_pylist()]
        private = {name: name != "" and is_private(self.survey, name) for name in set(names)}
        mask = np.array([private[name] for name in names], dtype=bool)
        if not mask.any():
            return chunk
        self.blanked.rows += chunk.row_numbers[mask].tolist()
        blanks = pa.array(mask)
        columns = dict(chunk.columns)
        for name in self.values:
            columns[name] = pc.if_else(blanks, pa.scalar("", TEXT), columns[name])
        return Chunk(chunk.sheet, chunk.row_numbers, columns)

    def finish(self) -> None:
        """Says how many values were not kept."""
        if self.blanked.rows:
            self.blanked.column = self.question
            self.notes.append(self.blanked)


def corrected_contract(contract: Contract, layout: Layout) -> Contract:
    """The contract of the survey that a log corrects. Raises ContractError where there is none."""
    assert layout.corrects is not None
    try:
        return find_contract(contract.directory.parent, layout.corrects)
    except NotFoundError:
        raise ContractError(
            f"{contract.source}: layout {layout.name}: corrects: there is no source {layout.corrects!r}"
        ) from None


def is_private(contract: Contract, question: str) -> bool:
    """Whether a survey drops or hashes the answers to a question, by its contract, its form, or the question's name."""
    code = re.split(r"[/.]", question)[-1]
    for layout in contract.layouts:
        if layout.survey is None:
            continue
        if any(re.fullmatch(p, text, re.IGNORECASE) for p in (*layout.drop, *layout.hash) for text in (question, code)):
            return True
        form = survey.load_form(layout.survey.form) if layout.survey.form is not None else None
        known = form.questions.get(code) if form is not None else None
        if known is not None and known.is_sensitive:
            return True
        if known is None and xlsform.names_a_person(code):
            return True
    return False
