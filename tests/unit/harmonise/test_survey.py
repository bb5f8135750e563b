"""Rows of an export in, answers and stops out; three rows where three will do."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from footprints.harmonise.survey import Form, age_group, assemble, is_label_row, load_form, normalise, rename_headers
from footprints.samples.xlsform import form_dir

SPEC: dict[str, Any] = {
    "consent": {"column": "consent", "yes": ["yes"]},
    "repeats": {"stops": {"sheet": "stops", "parent": "_parent_index", "index": "_index"}},
}


@pytest.fixture(scope="module")
def form() -> Form:
    return load_form(form_dir())


def answers(form: Form, rows: list[dict[str, str | None]], mapped: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    frame = pd.DataFrame([{"consent": "yes", **row} for row in rows])
    return [json.loads(text) for text in assemble(frame, {}, form, SPEC, {"consent", *mapped}).frame["answers"]]


def test_headers_are_known_by_name_with_groups_or_by_label(form: Form) -> None:
    headers = ["protection/felt_unsafe", "age", "Besoin X", "Vous êtes-vous senti en insécurité pendant ce voyage ?"]
    assert rename_headers(headers, form) == ["felt_unsafe", "age", "Besoin X", headers[3]]
    assert rename_headers(headers[3:], form) == ["felt_unsafe"]
    assert rename_headers(["الجنس", "\ufeffSEX "], form) == ["sex", "\ufeffSEX "]


def test_a_choice_named_like_a_question_stays_a_choice(form: Form) -> None:
    headers = ["profile/education", "needs_group/needs/shelter", "conditions/shelter", "drivers/new_reason"]
    assert rename_headers(headers, form) == ["education", "needs/shelter", "shelter", "drivers/new_reason"]


def test_label_row_is_told_from_a_row_of_data(form: Form) -> None:
    assert is_label_row({"start": "", "sex": "Sex", "age": "Age in years", "_uuid": ""}, form)
    assert not is_label_row({"sex": "female", "age": "31"}, form)
    assert not is_label_row({}, form)


def test_choices_come_out_as_codes_whatever_the_export_shows(form: Form) -> None:
    rows = [{"detained": "no"}, {"detained": "Non"}, {"detained": "لا"}, {"detained": None}]
    assert answers(form, rows) == [{"detained": "no"}] * 3 + [{}]


def test_several_choices_from_text_or_flags_are_the_same(form: Form) -> None:
    codes = ["needs", "needs/cash", "needs/food", "needs/health"]
    rows: list[dict[str, str | None]] = [
        dict(zip(codes, cells, strict=True))
        for cells in (("health cash", None, None, None), (None, "1", "0", "1"), ("health cash", "1", "0", "1"))
    ]
    assert answers(form, rows) == [{"needs": ["cash", "health"]}] * 3


def test_no_flag_set_is_no_answer(form: Form) -> None:
    assert answers(form, [{"needs/cash": "0", "needs/food": "0"}, {"needs/cash": None, "needs/food": None}]) == [{}, {}]


def test_unknown_codes_are_flagged_and_left_out(form: Form) -> None:
    frame = pd.DataFrame({
        "consent": ["yes"] * 3, "detained": ["yes", "sometimes", "no"], "needs": ["cash gold", "food", "cash"],
        "hungry_days": ["3", "2.0", "some"],
    })  # fmt: skip
    survey = assemble(frame, {}, form, SPEC, {"consent"})
    assert {i.column: (i.rule, i.mask.tolist()) for i in survey.issues} == {
        "detained": ("code.unknown", [False, True, False]),
        "needs": ("code.unknown", [True, False, False]),
        "hungry_days": ("type.integer", [False, False, True]),
    }
    assert [json.loads(t) for t in survey.frame["answers"]] == [
        {"detained": "yes", "needs": ["cash"], "hungry_days": 3},
        {"needs": ["food"], "hungry_days": 2},
        {"detained": "no", "needs": ["cash"]},
    ]


def test_sensitive_text_and_mapped_questions_are_no_answers(form: Form) -> None:
    row: dict[str, str | None] = {
        "comments": "Call me",
        "sex": "male",
        "enumerator_id": "E101",
        "nationality_other": "X",
    }
    assert answers(form, [row], ("sex",)) == [{"nationality_other": "X"}]


def test_nothing_is_kept_without_consent(form: Form) -> None:
    frame = pd.DataFrame(
        {"consent": ["yes", "no", None], "age": ["30"] * 3, "detained": ["yes"] * 3, "_index": ["1", "2", "3"]}
    )
    stops = pd.DataFrame({"stop_country": ["NER", "LBY"], "_parent_index": ["2", "1"]})
    survey = assemble(frame, {"stops": stops}, form, SPEC)
    assert survey.no_consent.tolist() == [False, True, True]
    assert survey.frame["answers"].tolist()[1:] == ["{}", "{}"]
    assert survey.frame["stops"].tolist() == ['[{"stop_country":"LBY"}]', "[]", "[]"]
    assert survey.frame["age_group"].tolist() == ["25-34", "unknown", "unknown"]


def test_a_file_without_the_consent_column_gives_nothing(form: Form) -> None:
    assert assemble(pd.DataFrame({"age": ["30"]}), {}, form, SPEC).no_consent.all()


def test_stops_follow_their_interview_in_order(form: Form) -> None:
    frame = pd.DataFrame({"consent": ["yes", "yes"], "_index": ["1", "2"]})
    stops = pd.DataFrame({
        "journey/stops/stop_country": ["NER", "MLI", "LBY", "TCD"],
        "journey/stops/stop_days": ["3", "10", None, "1"],
        "_parent_index": ["2.0", "1.0", "2.0", "9.0"],
    })  # fmt: skip
    survey = assemble(frame, {"stops": stops}, form, SPEC)
    assert [json.loads(t) for t in survey.frame["stops"]] == [
        [{"stop_country": "MLI", "stop_days": 10}],
        [{"stop_country": "NER", "stop_days": 3}, {"stop_country": "LBY"}],
    ]


def test_answers_do_not_depend_on_the_order_of_columns(form: Form) -> None:
    row = {"detained": "yes", "needs": "food cash", "hungry_days": "1", "route": "other"}
    turned = dict(reversed(row.items()))
    texts = [
        assemble(pd.DataFrame([{"consent": "yes", **r}]), {}, form, SPEC).frame["answers"][0] for r in (row, turned)
    ]
    assert texts[0] == texts[1]


def test_the_frames_index_is_kept(form: Form) -> None:
    frame = pd.DataFrame({"consent": ["yes", "yes"]}, index=[7, 9])
    assert assemble(frame, {}, form, SPEC).frame.index.tolist() == [7, 9]
    assert normalise(frame, form).index.tolist() == [7, 9]


@pytest.mark.parametrize(
    ("age", "group"),
    [(0, "0-11"), (11, "0-11"), (12, "12-17"), (17, "12-17"), (18, "18-24"), (34, "25-34"), (49, "35-49"),
     (50, "50+"), (120, "50+"), (121, "unknown"), (998, "unknown"), (-1, "unknown"), (None, "unknown")],
)  # fmt: skip
def test_age_groups(age: int | None, group: str) -> None:
    assert age_group(age) == group
