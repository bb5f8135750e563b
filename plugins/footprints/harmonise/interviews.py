"""What the checks of the field need to know of an interview: how long, at what hour, how many refusals, by which way.

These columns stand beside the records (their names begin with "_"): suites read them, no table holds them. Of an
interview without consent all are null, so that nothing of it is judged, nor compared with others.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from footprints.contracts import Survey
from footprints.harmonise.survey import Form, Question
from footprints.harmonise.xlsform import META_TYPES

TEXT = pa.large_string()
NUMBERS = ("integer", "decimal", "range")
COLUMNS = (
    "_enumerator",
    "_interview",
    "_minutes",
    "_start_hour",
    "_n_answered",
    "_n_dont_know",
    "_n_refused",
    "_n_other",
    "_n_alike",
    "_stop_countries",
    "_route_countries",
    "_fingerprint",
)
"""Columns that every interview has, null where the file does not tell. Of each question for a number `n` a form adds
`_q.n` (the answer) and `_log.n` (the logarithm of the answer plus one)."""

_NO_ANSWER = "-"


def column_names(form: Form | None) -> tuple[str, ...]:
    """The columns that `derive` gives for interviews of a form, or of no form that we know."""
    if form is None:
        return COLUMNS
    numbers = [q.question_code for q in _questions(form) if q.question_type in NUMBERS]
    return (*COLUMNS, *(f"_q.{code}" for code in numbers), *(f"_log.{code}" for code in numbers))


def derive(
    records: Mapping[str, pa.Array],
    key: pa.Array,
    texts: Mapping[str, pa.Array],
    no_consent: npt.NDArray[np.bool_],
    form: Form | None,
    survey: Survey | None,
) -> dict[str, pa.Array]:
    """The columns of `column_names`, one value for each interview.

    `records` are the columns of the core table, `key` the records' keys, `texts` the cells by the form's names (for
    questions that have a column of their own, and so no place among the answers).
    """
    n = len(key)
    keep = ~no_consent
    out: dict[str, pa.Array] = {
        "_enumerator": _kept(records.get("enumerator_hash"), keep),
        "_interview": _kept(key, keep),
        **_times(records, keep),
    }
    if form is None or survey is None or "answers" not in records:
        empty = pa.nulls(n, pa.int64())
        out |= {name: empty for name in COLUMNS if name.startswith("_n_")}
        out |= {name: pa.nulls(n, TEXT) for name in ("_stop_countries", "_route_countries", "_fingerprint")}
        return out
    answers = [json.loads(text) if kept and text else {} for text, kept in _zip(records["answers"], keep)]
    questions = _questions(form)
    mapped = [q for q in questions if q.question_code in texts and q.question_type == "select_one"]
    numbers = [q for q in questions if q.question_type in NUMBERS]
    for question in [*mapped, *numbers]:
        if question.question_code in texts:
            for answer, text in zip(answers, texts[question.question_code].to_pylist(), strict=True):
                if text and question.question_code not in answer:
                    answer[question.question_code] = _number(text) if question in numbers else text
    nested = [
        [json.loads(text) if kept and text else [] for text, kept in _zip(records[name], keep)]
        for name in survey.repeats
        if name in records
    ]
    together = [
        [answer, *(item for stops in nested for item in stops[i])] if keep[i] else []
        for i, answer in enumerate(answers)
    ]
    out |= _counts(together, survey, keep)
    out["_n_alike"] = _nullable([_alike(answer, questions) for answer in answers], keep)
    out |= _ways(records, answers, survey, keep)
    out["_fingerprint"] = _texts(
        [_fingerprint(a, [s[i] for s in nested], questions) for i, a in enumerate(answers)], keep
    )
    for question in numbers:
        code = question.question_code
        values = [a.get(code) if isinstance(a.get(code), int | float) else None for a in answers]
        array = pa.array(values, pa.float64())
        out[f"_q.{code}"] = array
        given = np.array([np.nan if v is None or v < 0 else v for v in values], dtype=float)
        out[f"_log.{code}"] = pa.array(np.log1p(given), from_pandas=True)
    return out


def _questions(form: Form) -> list[Question]:
    """What is asked once in an interview: no meta fields, nothing of a repeat, nothing sensitive."""
    return [
        q
        for q in form.questions.values()
        if q.repeat is None and q.has_answer and q.question_type not in META_TYPES and q.question_type != "calculate"
    ]


def _times(records: Mapping[str, pa.Array], keep: npt.NDArray[np.bool_]) -> dict[str, pa.Array]:
    """Minutes from start to end, and the hour of the start on the clocks of the country of the interview (9.5: 9:30).

    An interview that ends before it starts has no minutes. A country with several zones is taken at the one that
    stands first in the time zone database.
    """
    n = len(keep)
    starts, ends = records.get("started_at"), records.get("ended_at")
    minutes = hours = pa.nulls(n, pa.float64())
    if starts is not None:
        started = _seconds(starts)
        if ends is not None:
            lasted = (_seconds(ends) - started) / 60
            minutes = pa.array(np.where(keep & (lasted >= 0), lasted, np.nan), from_pandas=True)
        countries = records.get("interview_country_code")
        zones: Sequence[Any] = countries.to_pylist() if countries is not None else [None] * n
        local = [
            _hour(second, country) if kept and second == second and country else None  # NaN equals nothing
            for second, country, kept in zip(started.tolist(), zones, keep.tolist(), strict=True)
        ]
        hours = pa.array(local, pa.float64())
    return {"_minutes": minutes, "_start_hour": hours}


def _seconds(moments: pa.Array) -> npt.NDArray[np.float64]:
    numbers = moments.cast(pa.timestamp("s", tz=moments.type.tz)).cast(pa.int64())
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=float)


def _hour(second: float, country: str) -> float | None:
    zone = _zones().get(country)
    if zone is None:
        return None
    local = datetime.fromtimestamp(second, UTC).astimezone(zone)
    return local.hour + local.minute / 60 + local.second / 3600


@cache
def _zones() -> Mapping[str, ZoneInfo]:
    """The first time zone of each country, by ISO 3166 alpha-3 code."""
    import pycountry

    zones: dict[str, ZoneInfo] = {}
    table = resources.files("tzdata").joinpath("zoneinfo/zone.tab").read_text("utf-8")
    for line in table.splitlines():
        if line and not line.startswith("#"):
            iso2, _, name = line.split("\t")[:3]
            country = pycountry.countries.get(alpha_2=iso2)
            if country is not None:
                zones.setdefault(country.alpha_3, ZoneInfo(name))
    return zones


def _counts(together: Sequence[Sequence[Any]], survey: Survey, keep: npt.NDArray[np.bool_]) -> dict[str, pa.Array]:
    """Answered questions, and of them those answered with "don't know", "refused" and "other", stops included."""
    kinds = {code: kind for kind, codes in survey.codes.items() for code in codes}
    counted: dict[str, list[int]] = {"answered": [], "dont_know": [], "refused": [], "other": []}
    for items in together:
        tally: Counter[str] = Counter()
        for item in items:
            tally["answered"] += len(item)
            for answer in item.values():
                chosen = answer if isinstance(answer, list) else [answer]
                tally.update({kinds[code] for code in chosen if isinstance(code, str) and code in kinds})
        for kind, values in counted.items():
            values.append(tally[kind])
    return {f"_n_{kind}": _nullable(values, keep) for kind, values in counted.items()}


def _alike(answers: Mapping[str, Any], questions: Sequence[Question]) -> int:
    """Straight-lining: how many questions with the same choices got one and the same answer, if all of them did.

    Only choices that at least two questions share count; the highest number of any list.
    """
    by_list: dict[str, list[Any]] = {}
    for question in questions:
        if question.question_type == "select_one" and question.list_name and question.question_code in answers:
            by_list.setdefault(question.list_name, []).append(answers[question.question_code])
    return max((len(given) for given in by_list.values() if len(given) > 1 and len(set(given)) == 1), default=0)


def _ways(
    records: Mapping[str, pa.Array], answers: Sequence[Mapping[str, Any]], survey: Survey, keep: npt.NDArray[np.bool_]
) -> dict[str, pa.Array]:
    """Countries of the stops, and those where the stated route allows one; null where no route is stated."""
    route = survey.route
    if route is None or route.repeat not in records:
        return {name: pa.nulls(len(keep), TEXT) for name in ("_stop_countries", "_route_countries")}
    ends = [
        records[name].to_pylist() if name in records else [None] * len(keep)
        for name in ("interview_country_code", "departure_country_code")
    ]
    stops: list[str | None] = []
    ways: list[str | None] = []
    for i, text in enumerate(records[route.repeat].to_pylist()):
        passed = {item.get(route.stop_country) for item in json.loads(text or "[]")}
        stops.append(" ".join(sorted(c for c in passed if isinstance(c, str) and re.fullmatch("[A-Z]{3}", c))) or None)
        way = route.countries.get(str(answers[i].get(route.question)))
        ways.append(None if way is None else " ".join(sorted({*way, *(str(e[i]) for e in ends if e[i])})))
    return {"_stop_countries": _texts(stops, keep), "_route_countries": _texts(ways, keep)}


def _fingerprint(answers: Mapping[str, Any], nested: Sequence[Any], questions: Sequence[Question]) -> str:
    """One character for each question, and one for each repeat as a whole: equal answers, equal characters.

    Two different answers share a character once in 50,000 times.
    """
    given = [answers.get(q.question_code) for q in questions]
    return "".join(_NO_ANSWER if value in (None, []) else _character(value) for value in [*given, *nested])


def _character(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return chr(0x100 + zlib.crc32(text.encode()) % 0xD000)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _zip(array: pa.Array, keep: npt.NDArray[np.bool_]) -> Collection[tuple[Any, bool]]:
    return list(zip(array.to_pylist(), keep.tolist(), strict=True))


def _kept(array: pa.Array | None, keep: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.nulls(len(keep), TEXT) if array is None else _texts(array.to_pylist(), keep)


def _texts(values: Sequence[str | None], keep: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array([value if kept else None for value, kept in zip(values, keep.tolist(), strict=True)], TEXT)


def _nullable(values: Sequence[int], keep: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array([value if kept else None for value, kept in zip(values, keep.tolist(), strict=True)], pa.int64())
