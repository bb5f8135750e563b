"""Interviews of an XLSForm survey, as Kobo and ODK export them, to answers and stops.

One row of the main sheet is one interview. Columns are found by name or label, never by position; choices come out as
the codes of the form, whatever the export shows (codes, labels in any language of the form, 0/1 columns); the rows of
a repeat's sheet become a list in the interview's row. Nothing of an interview without consent is kept.
"""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from footprints.errors import ContractError, DeliveryError
from footprints.harmonise import skiplogic, xlsform
from footprints.harmonise.xlsform import META_TYPES

if TYPE_CHECKING:
    from footprints.readers.table import Sheet

LANGUAGES = ("en", "fr", "ar")
AGE_GROUPS = ((0, 11), (12, 17), (18, 24), (25, 34), (35, 49))
OLDEST = 50
NO_AGE = "unknown"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Question:
    """A question of the form. `repeat` names the repeat group that holds it, `list_name` its list of choices."""

    question_code: str
    question_type: str
    list_name: str | None
    theme: str | None
    labels: Mapping[str, str]
    relevant: str | None
    groups: tuple[str, ...]
    repeat: str | None
    is_sensitive: bool
    group_relevant: tuple[str, ...] = ()
    is_required: bool = False

    @property
    def has_answer(self) -> bool:
        """Whether an answer of this question may stand among the answers of an interview."""
        return self.question_type not in META_TYPES and not self.is_sensitive


@dataclass(frozen=True)
class Form:
    """Questions in the order of the form, and for each list its choices: code → language → label."""

    questions: Mapping[str, Question]
    choices: Mapping[str, Mapping[str, Mapping[str, str]]]
    is_open: bool = False
    """Whether it is only what the headers of an export tell (`open_form`)."""

    def multiple(self, code: str) -> bool:
        """Whether a question of that code exists and takes several choices."""
        return code in self.questions and self.questions[code].question_type == "select_multiple"


@dataclass(frozen=True)
class SurveyIssue:
    """What is wrong with the answers to one question: the rule, the question, and which rows of the main sheet."""

    rule: str
    column: str
    mask: Mask
    severity: str = "flag"


@dataclass(frozen=True)
class SurveyFrame:
    """What `assemble` makes of the rows of the main sheet, in their order and with their index.

    `frame` has the columns `answers`, `stops` (or what the repeats are called; JSON text, keys sorted) and `age_group`.
    `no_consent` marks the rows that must not be loaded: their answers and repeats are empty.
    """

    frame: pd.DataFrame
    no_consent: Mask
    issues: list[SurveyIssue] = field(default_factory=list)


def fold(text: str) -> str:
    """Text for comparison: NFKC, no accents, no BOM, one space, lower case, straight apostrophes."""
    text = unicodedata.normalize("NFKD", text.replace("\ufeff", "").replace("’", "'").replace("‘", "'"))
    text = "".join(c for c in text if not unicodedata.combining(c))
    return re.sub(r"\s+", " ", text).strip().casefold()


MAX_FORM_BYTES = 200 * 1024 * 1024
"""A form in a contract's folder unpacks to no more."""


def load_form(path: Path) -> Form:
    """A form: a folder with `survey.csv` and `choices.csv` (the sheets of an XLSForm), or an XLSForm as it is.

    Our own folders are read strictly. In an XLSForm as people make them a name may stand twice: its first use counts.

    Raises ContractError, naming file and row, where a name is used twice, a list is missing or groups do not balance.
    """
    strict = path.is_dir()
    tables = _csv_tables(path) if strict else _workbook_tables(path)
    (survey_name, survey_rows), (choices_name, choice_rows), language = tables
    choices: dict[str, dict[str, dict[str, str]]] = {}
    for number, row in choice_rows:
        list_name = (row.get("list_name") or row.get("list name") or "").strip()
        code = (row.get("name") or row.get("value") or "").strip()
        if not list_name and not code:
            continue
        options = choices.setdefault(list_name, {})
        if code in options:
            if strict:
                raise ContractError(f"{choices_name}, row {number}: choice named twice: {code}")
            continue
        options[code] = xlsform.labels_of(row, language)
    questions: dict[str, Question] = {}
    outline = xlsform.Outline(language)
    names: set[str] = set()
    for number, row in survey_rows:
        kind, _ = xlsform.kind_of(row.get("type") or "")
        entry = outline.read(row)
        if outline.closes_nothing:
            raise ContractError(f"{survey_name}, row {number}: {kind} closes nothing")
        name = (row.get("name") or "").strip()
        if kind and not kind.startswith("end_"):
            if strict and (name in names or not name):
                raise ContractError(f"{survey_name}, row {number}: name missing or used twice: {name}")
            names.add(name)
        if entry is None or not name or name in questions:
            continue
        if entry.kind in xlsform.SELECTS and entry.list_name not in choices:
            raise ContractError(f"{survey_name}, row {number}: no list of choices named {entry.list_name}")
        questions[name] = Question(
            question_code=name,
            question_type=entry.kind,
            list_name=entry.list_name,
            theme=entry.cell("theme") or entry.cell("chapter"),
            labels=entry.labels,
            relevant=entry.cell("relevant"),
            groups=entry.groups,
            repeat=entry.repeat,
            is_sensitive=entry.is_sensitive,
            group_relevant=entry.group_relevant,
            is_required=xlsform.is_true(entry.cell("required") or ""),
        )
    if outline.open:
        raise ContractError(f"{survey_name}: {outline.open[-1][0]} {outline.open[-1][1]} is never closed")
    return Form(questions, choices)


def form_for(path: Path | None, headers: Iterable[str]) -> Form:
    """The form that a contract keeps, else what the headers of an export tell."""
    return load_form(path) if path is not None else open_form(headers)


Rows = Iterable[tuple[int, Mapping[str, str]]]


def _csv_tables(directory: Path) -> tuple[tuple[str, Rows], tuple[str, Rows], str]:
    tables = [(str(directory / name), _rows(directory / name)) for name in ("survey.csv", "choices.csv")]
    return tables[0], tables[1], "en"


def _workbook_tables(path: Path) -> tuple[tuple[str, Rows], tuple[str, Rows], str]:
    """The two sheets of an XLSForm, and the language of labels without one."""
    from footprints.readers.workbook import open_workbook

    if not path.is_file():
        raise ContractError(f"{path} is missing", "a form is a folder with survey.csv and choices.csv, or an XLSForm")
    try:
        sheets = {fold(sheet.name): sheet for sheet in open_workbook(path, MAX_FORM_BYTES).sheets}
    except DeliveryError as error:
        raise ContractError(f"{path}: {error.rule}") from None
    for name in ("survey", "choices"):
        if name not in sheets or not sheets[name].preview:
            raise ContractError(f"{path}: no sheet {name}", "is it an XLSForm?")
    settings = xlsform.settings_of(sheets["settings"].preview if "settings" in sheets else ())
    language = xlsform.language_code(settings.get("default_language", ""), "en")
    survey, choices = ((f"{path}, {name}", _sheet_rows(sheets[name])) for name in ("survey", "choices"))
    return survey, choices, language


def _sheet_rows(sheet: Sheet) -> Rows:
    """Row numbers and cells, by header, of a sheet with its header on top."""
    from footprints.readers.table import Header, unique_names

    header = Header(unique_names(sheet.preview[0]), 1)
    for chunk in sheet.chunks(header, 10_000, lambda row: None):
        columns = {name: cells.to_pylist() for name, cells in chunk.columns.items()}
        for i, number in enumerate(chunk.row_numbers.tolist()):
            yield number, {name: cells[i] or "" for name, cells in columns.items()}


def open_form(headers: Iterable[str], repeat: str | None = None) -> Form:
    """The form that the headers of an export tell of, where no form is known: every column a question of free answer.

    Columns `question/choice` beside a column `question` are the choices of a select_multiple. A question is named by
    the last part of its header (`group/question`, `Group.question`), by all of it where another has that name. Columns
    that a name gives away as identifying (`xlsform.names_a_person`) are sensitive; those of Kobo itself, which begin
    with "_", are no questions.
    """
    headers = [str(header) for header in headers]
    there = set(headers)
    choices: dict[str, dict[str, dict[str, str]]] = {}
    several: dict[str, str] = {}
    for header in headers:
        parent, slash, choice = header.rpartition("/")
        if slash and parent in there:
            several[header] = parent
            choices.setdefault(parent, {})[choice] = {}
    questions: dict[str, Question] = {}
    for header in headers:
        if header in several:
            continue
        code = re.split(r"[/.]", header)[-1].strip()
        code = header if not code or code in questions or (code != header and code in there) else code
        if code.startswith("_") or header.startswith("_"):
            continue
        kind = "select_multiple" if header in choices else code if code in META_TYPES else "text"
        questions[code] = Question(
            question_code=code,
            question_type=kind,
            list_name=code if header in choices else None,
            theme=None,
            labels={},
            relevant=None,
            groups=(),
            repeat=repeat,
            is_sensitive=xlsform.is_sensitive(kind, code),
        )
        if header in choices and code != header:
            choices[code] = choices.pop(header)
    return Form(questions, choices, is_open=True)


def rename_headers(headers: Sequence[str], form: Form) -> list[str]:
    """The headers of a sheet by the names of the form: `question`, or `question/choice` for a 0/1 column.

    A header may carry its groups (`group/question`) and may be a label in any language of the form. A header that
    the form does not know stays as it is.
    """
    lookup = _lookup(form)
    taken: set[str] = set()
    renamed: list[str] = []
    for header in headers:
        found = lookup.get(fold(str(header))) or _by_path(str(header).split("/"), lookup, form)
        if found is None and "." in str(header):  # R's read.csv and UNHCR's tools write group.question
            found = _by_path(str(header).split("."), lookup, form)
        if found is None or found in taken:
            found = str(header)
        taken.add(found)
        renamed.append(found)
    return renamed


def _by_path(path: Sequence[str], lookup: Mapping[str, str], form: Form) -> str | None:
    """The form's name of a header by the longest end of its path that the form knows."""
    segments = [segment.strip() for segment in path]
    for start in range(len(segments)):
        key = fold("/".join(segments[start:]))
        if key in lookup:
            return lookup[key]
        parent = lookup.get(fold(segments[start]))
        if start == len(segments) - 2 and parent is not None and form.multiple(parent):
            return f"{parent}/{segments[-1]}"  # a choice that the form does not have
    return None


def is_label_row(row: Mapping[str, str], form: Form) -> bool:
    """Whether a row (by the form's names) is Kobo's row of labels under the header: most of its cells are labels."""
    seen = hits = 0
    for column, value in row.items():
        text = _text(value)
        question = form.questions.get(column)
        if text is None or question is None:
            continue
        seen += 1
        hits += fold(text) in {fold(label) for label in question.labels.values()}
    return hits > 0 and hits * 2 > seen


def normalise(frame: pd.DataFrame, form: Form) -> pd.DataFrame:
    """A sheet with the form's names as headers and the form's codes for choices of one; unknown texts stay.

    Ordinary columns of a contract (`from: sex`, `from: nationality`) are mapped from this frame. Texts are trimmed and
    NFC-normalised; an empty cell is None.
    """
    texts: dict[str, list[str | None]] = {}
    for column, header in zip(frame.columns, rename_headers([str(c) for c in frame.columns], form), strict=True):
        cells = [_text(value) for value in frame[column].to_list()]
        question = form.questions.get(header)
        if question is not None and question.question_type == "select_one" and question.list_name is not None:
            codes = codes_of(form, question.list_name)
            cells = [None if cell is None else codes.get(fold(cell), cell) for cell in cells]
        texts[header] = cells
    return pd.DataFrame(texts, index=frame.index, dtype=object)


def age_group(age: float | None) -> str:
    """The age group of an age in years: `0-11` … `35-49`, `50+`, or `unknown`."""
    if age is None or not 0 <= age <= 120:
        return NO_AGE
    for low, high in AGE_GROUPS:
        if age <= high:
            return f"{low}-{high}"
    return f"{OLDEST}+"


def assemble(
    main: pd.DataFrame,
    repeats: Mapping[str, pd.DataFrame],
    form: Form,
    spec: Mapping[str, Any],
    mapped: Collection[str] = (),
    logic: skiplogic.SkipLogic | None = None,
    own_columns: Collection[str] = ("stops",),
) -> SurveyFrame:
    """Answers, repeats and age group of the interviews in `main`, a frame of text with the headers of the file.

    `repeats` holds, by the name of the repeat, its whole sheet; `spec` is the `survey:` part of the contract's layout;
    `mapped` names the questions that go to columns of their own and so do not stand among the answers. `logic` are the
    rules of the form that answers are held against. Repeats of `own_columns` have a column of their own, others stand
    by name in `repeats`.
    """
    main = normalise(main, form)
    n = len(main)
    issues: list[SurveyIssue] = []
    no_consent = _no_consent(main, form, spec)
    keep = ~no_consent

    answers: list[dict[str, Any]] = [{} for _ in range(n)]
    questions = [q for q in form.questions.values() if q.repeat is None and q.question_code not in mapped]
    _answer(main, questions, form, answers, keep, issues, np.arange(n), n)
    columns: dict[str, list[str]] = {"answers": [_json(a) for a in answers]}
    outer = skiplogic.Sheet(main, answers)
    if logic is not None:
        for rule, code, mask in skiplogic.check(logic.rules.get(None, ()), outer):
            if (mask & keep).any():
                issues.append(SurveyIssue(rule, code, mask & keep))

    others: list[dict[str, list[dict[str, Any]]]] = [{} for _ in range(n)]
    for name, where in dict(spec.get("repeats") or {}).items():
        nested = _nested(name, where, outer, repeats.get(name), form, keep, issues, logic)
        if name in own_columns:
            columns[name] = [_json(items) for items in nested]
        else:
            for one, items in zip(others, nested, strict=True):
                if items:
                    one[name] = items
    if set(spec.get("repeats") or {}) - set(own_columns):
        columns["repeats"] = [_json(one) for one in others]

    ages = main[spec.get("age", "age")].to_list() if spec.get("age", "age") in main.columns else [None] * n
    columns["age_group"] = [age_group(_number(t)) if keep[i] else NO_AGE for i, t in enumerate(ages)]
    frame = pd.DataFrame({c: pd.Series(v, index=main.index, dtype="str") for c, v in columns.items()}, index=main.index)
    return SurveyFrame(frame, no_consent, issues)


def _nested(
    name: str,
    where: Mapping[str, str],
    outer: skiplogic.Sheet,
    sheet: pd.DataFrame | None,
    form: Form,
    keep: Mask,
    issues: list[SurveyIssue],
    logic: skiplogic.SkipLogic | None,
) -> list[list[dict[str, Any]]]:
    """For each interview of the main sheet (`outer`) the members of one repeat, in the order of its sheet."""
    main = outer.frame
    n = len(main)
    nested: list[list[dict[str, Any]]] = [[] for _ in range(n)]
    index_column, parent_column = where.get("index", "_index"), where.get("parent", "_parent_index")
    if sheet is None or index_column not in main.columns or parent_column not in sheet.columns:
        return nested
    position = {_whole(v): i for i, v in enumerate(main[index_column].to_list()) if _text(v) is not None}
    parents = [position.get(_whole(v), -1) for v in sheet[parent_column].to_list()]
    owner = np.array(parents, dtype=np.int64)
    mine = sheet[owner >= 0]
    owner = owner[owner >= 0]
    items: list[dict[str, Any]] = [{} for _ in range(len(mine))]
    of_sheet = open_form(mine.columns, name) if form.is_open else form
    cells = normalise(mine, of_sheet)
    joins = {parent_column, index_column}
    inside = [q for q in of_sheet.questions.values() if q.repeat == name and q.question_code not in joins]
    _answer(cells, inside, of_sheet, items, keep[owner], issues, owner, n)
    if logic is not None:
        members = skiplogic.Sheet(cells, items, outer, owner)
        for rule, code, mask in skiplogic.check(logic.rules.get(name, ()), members):
            wrong = np.zeros(n, dtype=bool)
            wrong[owner[mask]] = True
            if (wrong & keep).any():
                issues.append(SurveyIssue(rule, code, wrong & keep))
    for i, item in zip(owner, items, strict=True):
        if item:
            nested[i].append(item)
    return nested


def _answer(
    frame: pd.DataFrame,
    questions: Iterable[Question],
    form: Form,
    answers: list[dict[str, Any]],
    keep: Mask,
    issues: list[SurveyIssue],
    owner: npt.NDArray[np.int64],
    n: int,
) -> None:
    """Put the answers of `frame` into `answers`; faults are marked on the owners, rows of the main sheet."""
    for question in questions:
        if not question.has_answer:
            continue
        code = question.question_code
        wrong = np.zeros(n, dtype=bool)
        if question.question_type == "select_multiple":
            _answer_multiple(frame, question, form, answers, keep, wrong, owner)
        elif code in frame.columns:
            choices = form.choices.get(question.list_name) if question.list_name is not None else None
            for i, value in enumerate(frame[code].to_list()):
                text = _text(value)
                if text is None or not keep[i]:
                    continue
                answer = _single(question, choices, text)
                if answer is None:
                    wrong[owner[i]] = True
                else:
                    answers[i][code] = answer
        if wrong.any():
            rule = "code.unknown" if question.list_name is not None else "type.integer"
            issues.append(SurveyIssue(rule, code, wrong))


def _single(question: Question, choices: Mapping[str, Any] | None, text: str) -> Any:
    """The one answer that a text is; None where it is no answer to the question."""
    if choices is not None:
        return text if text in choices else None
    if question.question_type in ("integer", "decimal", "range"):
        number = _number(text)
        if question.question_type == "integer" and number is not None:
            return int(number) if number == int(number) else None
        return number
    return text


def read_answer(form: Form, question: Question, text: str) -> Any:
    """A text as it stands among the answers of an interview; None where it is no answer to the question."""
    if question.question_type == "select_multiple":
        codes = codes_of(form, question.list_name or "")
        whole = codes.get(fold(text))
        chosen = {whole} if whole is not None else {codes.get(fold(token), token) for token in text.split()}
        ranks = {choice: i for i, choice in enumerate(form.choices[question.list_name or ""])}
        return sorted(chosen, key=ranks.__getitem__) if chosen and chosen <= ranks.keys() else None
    choices = form.choices.get(question.list_name) if question.list_name is not None else None
    if choices is not None:
        text = codes_of(form, question.list_name or "").get(fold(text), text)
    return _single(question, choices, text)


def _answer_multiple(
    frame: pd.DataFrame,
    question: Question,
    form: Form,
    answers: list[dict[str, Any]],
    keep: Mask,
    wrong: Mask,
    owner: npt.NDArray[np.int64],
) -> None:
    """Choices of a select_multiple, in the order of the form: from its text column, else from its 0/1 columns."""
    code, list_name = question.question_code, question.list_name or ""
    choices = form.choices[list_name]
    rank = {choice: i for i, choice in enumerate(choices)}
    codes = codes_of(form, list_name)
    flags = {c.split("/", 1)[1]: frame[c].to_list() for c in frame.columns if c.startswith(f"{code}/")}
    texts = frame[code].to_list() if code in frame.columns else [None] * len(frame)
    for i, value in enumerate(texts):
        if not keep[i]:
            continue
        text = _text(value)
        chosen: set[str] = set()
        states = {choice: _flag(column[i]) for choice, column in flags.items()}
        answered = any(s is not None for s in states.values())
        if answered:
            chosen = {choice for choice, state in states.items() if state}
        elif text is not None:
            answered = True
            if fold(text) in codes:
                chosen = {codes[fold(text)]}
            else:
                chosen = {codes.get(fold(token), token) for token in text.split()}
        known = chosen & rank.keys()
        if chosen - known:
            wrong[owner[i]] = True
        if answered and known:
            answers[i][code] = sorted(known, key=rank.__getitem__)


def _no_consent(main: pd.DataFrame, form: Form, spec: Mapping[str, Any]) -> Mask:
    consent = spec.get("consent")
    if not consent:
        return np.zeros(len(main), dtype=bool)
    if consent["column"] not in main.columns:
        return np.ones(len(main), dtype=bool)
    yes = {fold(str(v)) for v in consent["yes"]}
    return np.array([fold(_text(v) or "") not in yes for v in main[consent["column"]].to_list()], dtype=bool)


def _lookup(form: Form) -> dict[str, str]:
    """Folded header → the form's name; a label that two questions share names neither."""
    exact: dict[str, str] = {}
    labels: dict[str, set[str]] = {}
    for code, question in form.questions.items():
        exact[fold(code)] = code
        names = {fold(code), *(fold(label) for label in question.labels.values() if label)}
        for name in names:
            labels.setdefault(name, set()).add(code)
        if question.question_type == "select_multiple" and question.list_name is not None:
            for choice, texts in form.choices[question.list_name].items():
                for name in names:
                    for tail in {fold(choice), *(fold(t) for t in texts.values() if t)}:
                        labels.setdefault(f"{name}/{tail}", set()).add(f"{code}/{choice}")
    found = {name: next(iter(codes)) for name, codes in labels.items() if len(codes) == 1}
    return found | exact


def codes_of(form: Form, list_name: str) -> dict[str, str]:
    """Folded code or label of a choice → its code."""
    found: dict[str, str] = {}
    for choice, labels in form.choices[list_name].items():
        for label in labels.values():
            if label:
                found.setdefault(fold(label), choice)
    return found | {fold(choice): choice for choice in form.choices[list_name]}


def _rows(path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from enumerate(csv.DictReader(file), start=2)
    except FileNotFoundError:
        raise ContractError(f"{path} is missing", "a form is a folder with survey.csv and choices.csv") from None


def _text(value: object) -> str | None:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    text = unicodedata.normalize("NFC", str(value)).strip()
    return text or None


def _whole(value: object) -> str | None:
    """The text of an index: a workbook may show 7 as 7.0."""
    text = _text(value)
    return text.removesuffix(".0") if text is not None else None


def _flag(value: object) -> bool | None:
    text = _text(value)
    if text is None:
        return None
    return text.casefold() in ("1", "1.0", "true", "yes")


def _number(value: object) -> float | None:
    text = _text(value)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
