"""XLSForms as people write them, and interviews held against them; three rows where three will do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from footprints.errors import ContractError
from footprints.harmonise import skiplogic, xlsform
from footprints.harmonise.survey import Form, assemble, load_form, open_form, rename_headers


def entries(*rows: dict[str, str], language: str = "en") -> list[xlsform.Entry]:
    outline = xlsform.Outline(language)
    return [entry for row in rows if (entry := outline.read(row)) is not None]


def test_groups_and_repeats_are_known_around_a_question() -> None:
    found = entries(
        {"type": "begin group", "name": "household", "relevant": "${consent} = 'yes'"},
        {"type": "begin_repeat", "name": "members"},
        {"type": "Select One  sexes", "name": "sex", "relevant": "${age} > 3"},
        {"type": "end repeat"},
        {"type": "end_group"},
        {"type": "note", "name": "thanks"},
        {"type": "select_multiple needs or_other", "name": "needs"},
    )
    assert [(e.kind, e.list_name, e.name, e.groups, e.repeat) for e in found] == [
        ("select_one", "sexes", "sex", ("household", "members"), "members"),
        ("select_multiple", "needs", "needs", (), None),
    ]
    assert found[0].group_relevant == ("${consent} = 'yes'",)
    assert xlsform.question_cells(found[0], {})["group_path"] == "household/members"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("label", "fr"),
        ("label::English (en)", "en"),
        ("label::french", "fr"),
        ("label: Français", "fr"),
        ("LABEL::العربية (ar)", "ar"),
        ("label::Tamasheq", "Tamasheq"),
        ("labelReport", None),
        ("hint::english", None),
    ],
)
def test_the_language_of_a_label(header: str, language: str | None) -> None:
    assert xlsform.label_language(header, "fr") == language


@pytest.mark.parametrize(
    ("kind", "name", "said", "expected"),
    [
        ("geopoint", "where", "", True),
        ("text", "EnumeratorName", "", True),
        ("text", "UNHCRCaseNo", "", True),
        ("integer", "phone_number", "", True),
        ("text", "case_list", "remove", True),
        ("text", "reason", "no", False),
        ("select_one", "has_phone", "", False),
        ("integer", "household_size", "", False),
        ("text", "surnames_of_rivers", "", False),
    ],
)
def test_what_identifies_a_person_is_sensitive(kind: str, name: str, said: str, expected: bool) -> None:
    assert xlsform.is_sensitive(kind, name, said) is expected


TYPES = st.sampled_from(
    ["begin group", "end_group", "begin_repeat", "end repeat", "text", "select_one x", "note", "", "a b c"]
)


@given(st.lists(st.fixed_dictionaries({"type": TYPES, "name": st.text(max_size=5)}), max_size=20), st.text(max_size=40))
def test_any_rows_are_read(rows: list[dict[str, str]], text: str) -> None:
    outline = xlsform.Outline()
    depth = 0
    for row in rows:
        entry = outline.read(row)
        opens, closes = row["type"].startswith("begin"), row["type"].startswith("end")
        depth += opens - (closes and not outline.closes_nothing)
        assert len(outline.open) == depth >= 0
        assert entry is None or len(entry.groups) == depth
    assert isinstance(xlsform.kind_of(text)[0], str)
    xlsform.label_language(text, "en")
    xlsform.names_a_person(text)


def workbook(
    path: Path, survey: list[list[str]], choices: list[list[str]], settings: list[list[str]] | None = None
) -> Path:
    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for name, rows in (("survey", survey), ("choices", choices), ("settings", settings or [])):
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


SURVEY = [
    ["planning", "type", "name", "label", "required", "relevant"],
    ["", "select_one yn", "consent", "Accord", "yes", ""],
    ["x", "begin group", "about", "", "", "${consent} = 'oui'"],
    ["", "integer", "age", "Âge", "true", ""],
    ["", "select_multiple needs", "needs", "Besoins", "", "${age} >= 18"],
    ["", "text", "needs_other", "Lesquels", "yes", "selected(${needs}, 'other')"],
    ["", "text", "why", "Pourquoi", "", "regex(${age}, '1')"],
    ["", "end group", "", "", "", ""],
    ["", "select_one yn", "consent", "Encore", "", ""],
]
CHOICES = [["list_name", "name", "label"], ["yn", "oui", "Oui"], ["yn", "non", "Non"], ["needs", "food", "Vivres"],
           ["needs", "other", "Autre"], ["needs", "other", "Autre"]]  # fmt: skip


@pytest.fixture(scope="module")
def form(tmp_path_factory: pytest.TempPathFactory) -> Form:
    settings = [["form_id", "default_language"], ["f", "Français"]]
    return load_form(workbook(tmp_path_factory.mktemp("form") / "form.xlsx", SURVEY, CHOICES, settings))


def test_a_workbook_is_a_form_too(form: Form) -> None:
    assert list(form.questions) == ["consent", "age", "needs", "needs_other", "why"]
    assert form.questions["age"].labels == {"fr": "Âge"}
    assert form.questions["age"].is_required
    assert form.choices["needs"] == {"food": {"fr": "Vivres"}, "other": {"fr": "Autre"}}


def test_a_workbook_without_its_sheets_is_told(tmp_path: Path) -> None:
    book = Workbook()
    book.save(tmp_path / "form.xlsx")
    with pytest.raises(ContractError, match="no sheet survey"):
        load_form(tmp_path / "form.xlsx")
    with pytest.raises(ContractError, match="is missing"):
        load_form(tmp_path / "none.xlsx")


def checked(form: Form, rows: list[dict[str, str | None]]) -> dict[tuple[str, str], list[bool]]:
    columns = list(rows[0])
    logic = skiplogic.SkipLogic.of(form, {None: rename_headers(columns, form)})
    spec: dict[str, Any] = {"consent": {"column": "consent", "yes": ["oui"]}}
    found = assemble(pd.DataFrame(rows, dtype=object), {}, form, spec, {"consent"}, logic)
    return {(i.rule, i.column): i.mask.tolist() for i in found.issues if i.rule.startswith("answer.")}


def test_interviews_are_held_against_the_form(form: Form) -> None:
    rows: list[dict[str, str | None]] = [
        {"consent": "oui", "age": "20", "needs": "food other", "needs_other": "tea"},
        {"consent": "Oui", "age": "17", "needs": "Vivres", "needs_other": None},
        {"consent": "oui", "age": None, "needs": None, "needs_other": "tea"},
        {"consent": "oui", "age": "30", "needs": "other", "needs_other": None},
        {"consent": "non", "age": "30", "needs": "other", "needs_other": None},
    ]
    assert checked(form, rows) == {
        ("answer.irrelevant", "needs"): [False, True, False, False, False],
        ("answer.irrelevant", "needs_other"): [False, False, True, False, False],
        ("answer.missing", "needs_other"): [False, False, False, True, False],
        ("answer.missing", "age"): [False, False, True, False, False],
    }


def test_what_cannot_be_worked_out_is_said_and_not_judged(form: Form) -> None:
    everything = skiplogic.SkipLogic.of(form, {None: ["consent", "age", "needs", "needs_other", "why"]})
    assert everything.unknown == ("why",)
    without = skiplogic.SkipLogic.of(form, {None: ["consent", "needs"]})
    assert without.unknown == ("needs",)
    hashed = skiplogic.SkipLogic.of(form, {None: ["consent", "age", "needs"]}, {"age"})
    assert hashed.unknown == ("needs",)


def test_headers_alone_tell_of_questions_and_choices() -> None:
    headers = ["start", "grp.needs", "needs", "needs/food", "needs/cash", "hh/size", "EnumeratorName", "_uuid"]
    form = open_form(headers)
    assert form.is_open
    assert form.questions["grp.needs"].question_type == "text"  # its last part is the name of another column
    kinds = {code: question.question_type for code, question in open_form(headers[2:]).questions.items()}
    assert kinds == {"needs": "select_multiple", "size": "text", "EnumeratorName": "text"}
    assert not open_form(headers[2:]).questions["EnumeratorName"].has_answer
    assert rename_headers(["hh/size", "needs/food"], open_form(headers[2:])) == ["size", "needs/food"]
