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
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from footprints.errors import ContractError

LANGUAGES = ("en", "fr", "ar")
META_TYPES = frozenset({"start", "end", "today", "deviceid", "username", "phonenumber", "audit", "background-audio"})
STRUCTURE_TYPES = frozenset({"begin_group", "end_group", "begin_repeat", "end_repeat", "note"})
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

    @property
    def has_answer(self) -> bool:
        """Whether an answer of this question may stand among the answers of an interview."""
        return self.question_type not in META_TYPES and not self.is_sensitive


@dataclass(frozen=True)
class Form:
    """Questions in the order of the form, and for each list its choices: code → language → label."""

    questions: Mapping[str, Question]
    choices: Mapping[str, Mapping[str, Mapping[str, str]]]

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


def load_form(directory: Path) -> Form:
    """The form whose `survey.csv` and `choices.csv` (sheets of an XLSForm as CSV) stand in `directory`.

    Raises ContractError, naming file and row, where a name is used twice, a list is missing or groups do not balance.
    """
    choices: dict[str, dict[str, dict[str, str]]] = {}
    for number, row in _rows(directory / "choices.csv"):
        options = choices.setdefault(row["list_name"], {})
        if row["name"] in options:
            raise ContractError(f"{directory / 'choices.csv'}, row {number}: choice named twice: {row['name']}")
        options[row["name"]] = _labels(row)
    questions: dict[str, Question] = {}
    groups: list[tuple[str, str]] = []
    names: set[str] = set()
    path = directory / "survey.csv"
    for number, row in _rows(path):
        kind, _, list_name = row["type"].strip().partition(" ")
        name = row["name"].strip()
        if kind.startswith("end_"):
            if not groups or groups.pop()[0] != kind.replace("end_", "begin_"):
                raise ContractError(f"{path}, row {number}: {kind} closes nothing")
            continue
        if name in names or not name:
            raise ContractError(f"{path}, row {number}: name missing or used twice: {name}")
        names.add(name)
        if kind.startswith("begin_"):
            groups.append((kind, name))
            continue
        if kind in STRUCTURE_TYPES:
            continue
        list_name = list_name.strip()
        if kind in ("select_one", "select_multiple") and list_name not in choices:
            raise ContractError(f"{path}, row {number}: no list of choices named {list_name}")
        questions[name] = Question(
            question_code=name,
            question_type=kind,
            list_name=list_name or None,
            theme=row.get("theme") or None,
            labels=_labels(row),
            relevant=row.get("relevant") or None,
            groups=tuple(g for _, g in groups),
            repeat=next((g for k, g in reversed(groups) if k == "begin_repeat"), None),
            is_sensitive=(row.get("sensitive") or "").strip().lower() == "true",
        )
    if groups:
        raise ContractError(f"{path}: {groups[-1][0]} {groups[-1][1]} is never closed")
    return Form(questions, choices)


def rename_headers(headers: Sequence[str], form: Form) -> list[str]:
    """The headers of a sheet by the names of the form: `question`, or `question/choice` for a 0/1 column.

    A header may carry its groups (`group/question`) and may be a label in any language of the form. A header that
    the form does not know stays as it is.
    """
    lookup = _lookup(form)
    taken: set[str] = set()
    renamed: list[str] = []
    for header in headers:
        segments = [s.strip() for s in str(header).split("/")]
        found = None
        for start in range(len(segments)):
            key = fold("/".join(segments[start:]))
            if key in lookup:
                found = lookup[key]
                break
            parent = lookup.get(fold(segments[start]))
            if start == len(segments) - 2 and parent is not None and form.multiple(parent):
                found = f"{parent}/{segments[-1]}"  # a choice that the form does not have
                break
        if found is None or found in taken:
            found = str(header)
        taken.add(found)
        renamed.append(found)
    return renamed


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
            codes = _codes(form, question.list_name)
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
) -> SurveyFrame:
    """Answers, repeats and age group of the interviews in `main`, a frame of text with the headers of the file.

    `repeats` holds, by the name of the repeat, its whole sheet; `spec` is the `survey:` part of the contract's layout;
    `mapped` names the questions that go to columns of their own and so do not stand among the answers.
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

    for name, where in dict(spec.get("repeats") or {}).items():
        nested: list[list[dict[str, Any]]] = [[] for _ in range(n)]
        sheet = repeats.get(name)
        index_column, parent_column = (where.get("index", "_index"), where.get("parent", "_parent_index"))
        if sheet is not None and index_column in main.columns and parent_column in sheet.columns:
            position = {_whole(v): i for i, v in enumerate(main[index_column].to_list()) if _text(v) is not None}
            parents = [position.get(_whole(v), -1) for v in sheet[parent_column].to_list()]
            owner = np.array(parents, dtype=np.int64)
            mine = sheet[owner >= 0]
            owner = owner[owner >= 0]
            items: list[dict[str, Any]] = [{} for _ in range(len(mine))]
            inside = [q for q in form.questions.values() if q.repeat == name]
            _answer(normalise(mine, form), inside, form, items, keep[owner], issues, owner, n)
            for i, item in zip(owner, items, strict=True):
                if item:
                    nested[i].append(item)
        columns[name] = [_json(items_of_one) for items_of_one in nested]

    ages = main[spec.get("age", "age")].to_list() if spec.get("age", "age") in main.columns else [None] * n
    columns["age_group"] = [age_group(_number(t)) if keep[i] else NO_AGE for i, t in enumerate(ages)]
    frame = pd.DataFrame({c: pd.Series(v, index=main.index, dtype="str") for c, v in columns.items()}, index=main.index)
    return SurveyFrame(frame, no_consent, issues)


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
            choices = form.choices[question.list_name] if question.list_name is not None else None
            for i, value in enumerate(frame[code].to_list()):
                text = _text(value)
                if text is None or not keep[i]:
                    continue
                answer: Any = text
                if choices is not None:
                    answer = text if text in choices else None
                elif question.question_type in ("integer", "decimal", "range"):
                    number = _number(text)
                    if question.question_type == "integer" and number is not None:
                        number = int(number) if number == int(number) else None
                    answer = number
                if answer is None:
                    wrong[owner[i]] = True
                else:
                    answers[i][code] = answer
        if wrong.any():
            rule = "code.unknown" if question.list_name is not None else "type.integer"
            issues.append(SurveyIssue(rule, code, wrong))


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
    codes = _codes(form, list_name)
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


def _codes(form: Form, list_name: str) -> dict[str, str]:
    """Folded code or label of a choice → its code."""
    found: dict[str, str] = {}
    for choice, labels in form.choices[list_name].items():
        for label in labels.values():
            if label:
                found.setdefault(fold(label), choice)
    return found | {fold(choice): choice for choice in form.choices[list_name]}


def _labels(row: Mapping[str, str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for header, text in row.items():
        match = re.fullmatch(r"label::.*\((\w+)\)", header or "")
        if match and match[1] in LANGUAGES and text:
            labels[match[1]] = text
    return labels


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
