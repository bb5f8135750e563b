"""The questionnaire: sound as an XLSForm, in three languages, and accepted by the compiler that Kobo uses."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from openpyxl import load_workbook

from footprints.errors import ContractError
from footprints.harmonise.survey import load_form
from footprints.samples.xlsform import SHEETS, form_dir, write_xlsform

LABELS = ("label::English (en)", "label::Français (fr)", "label::العربية (ar)")


def rows(name: str) -> list[dict[str, str]]:
    with (form_dir() / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_names_are_unique_and_legal() -> None:
    names = [r["name"] for r in rows("survey") if not r["type"].startswith("end_")]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


def test_lists_of_choices_exist_and_are_used() -> None:
    used = {r["type"].split()[1] for r in rows("survey") if r["type"].startswith("select_")}
    assert used == {r["list_name"] for r in rows("choices")}


def test_expressions_speak_of_questions_that_came_before() -> None:
    known: set[str] = set()
    for row in rows("survey"):
        for column in ("relevant", "constraint", "choice_filter"):
            assert set(re.findall(r"\$\{(\w+)\}", row[column])) <= known, row["name"]
        known.add(row["name"])


def test_choices_named_in_expressions_exist() -> None:
    lists = {r["name"]: r["type"].split()[1] for r in rows("survey") if r["type"].startswith("select_")}
    choices = {(r["list_name"], r["name"]) for r in rows("choices")}
    for row in rows("survey"):
        compared = re.findall(r"\$\{(\w+)\}\s*!?=\s*'(\w+)'", row["relevant"])
        compared += re.findall(r"selected\(\$\{(\w+)\}, '(\w+)'\)", row["relevant"])
        for question, choice in compared:
            assert (lists[question], choice) in choices, row["name"]


def test_groups_balance() -> None:
    open_groups: list[str] = []
    for row in rows("survey"):
        if row["type"].startswith("begin_"):
            open_groups.append(row["type"].removeprefix("begin_"))
        elif row["type"].startswith("end_"):
            assert open_groups.pop() == row["type"].removeprefix("end_")
    assert open_groups == []


def test_everything_people_read_is_in_three_languages() -> None:
    silent = {"start", "end", "today", "deviceid", "end_group", "end_repeat"}
    for row in [r for r in rows("survey") if r["type"] not in silent] + rows("choices"):
        assert all(row[label].strip() for label in LABELS), row["name"]
    for row in rows("survey"):
        assert bool(row["constraint"]) <= bool(row["constraint_message::العربية (ar)"]), row["name"]


def test_labels_tell_questions_apart_in_every_language() -> None:
    """Exports with labels as headers are read by them."""
    form = load_form(form_dir())
    for language in ("en", "fr", "ar"):
        labels = [q.labels[language] for q in form.questions.values() if q.labels]
        assert len(labels) == len(set(labels))


def test_every_question_with_choices_can_be_left_unanswered() -> None:
    form = load_form(form_dir())
    without = {"interview_place", "consent", "sex"}  # place and consent are the enumerator's; sex has "refused"
    for question in form.questions.values():
        if question.list_name is not None and question.question_code not in without:
            assert {"dont_know", "refused"} <= form.choices[question.list_name].keys(), question.question_code


def test_all_nine_themes_are_asked() -> None:
    themes = {q.theme for q in load_form(form_dir()).questions.values()} - {None}
    assert len(themes) == 9


def test_workbook_has_the_sheets_and_stays_the_same(tmp_path: Path) -> None:
    first, second = write_xlsform(tmp_path / "a.xlsx"), write_xlsform(tmp_path / "b.xlsx")
    assert first.read_bytes() == second.read_bytes()
    workbook = load_workbook(first, read_only=True)
    assert tuple(workbook.sheetnames) == SHEETS
    n_rows = sum(1 for _ in workbook["survey"].iter_rows())
    workbook.close()
    assert n_rows == len(rows("survey")) + 1


def test_pyxform_takes_it(tmp_path: Path) -> None:
    convert = pytest.importorskip("pyxform.xls2xform", reason="pyxform is not installed").convert
    result = convert(str(write_xlsform(tmp_path / "form.xlsx")))
    assert result.warnings == []
    assert "<h:title>MHub field survey on mixed migration</h:title>" in result.xform


@pytest.mark.parametrize(
    ("survey", "named"),
    [
        ("type,name\ntext,a\ntext,a\n", "row 3: name missing or used twice: a"),
        ("type,name\nselect_one colours,a\n", "row 2: no list of choices named colours"),
        ("type,name\nbegin_group,a\n", "begin_group a is never closed"),
        ("type,name\nend_repeat,\n", "row 2: end_repeat closes nothing"),
    ],
)
def test_a_broken_form_is_named_by_file_and_row(tmp_path: Path, survey: str, named: str) -> None:
    (tmp_path / "survey.csv").write_text(survey)
    (tmp_path / "choices.csv").write_text("list_name,name\nyes_no,yes\n")
    with pytest.raises(ContractError) as caught:
        load_form(tmp_path)
    assert "survey.csv" in caught.value.message
    assert named in caught.value.message
