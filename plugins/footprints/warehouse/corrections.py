"""Cleaning logs applied: what their entries make of the interviews that they name.

Nothing is changed in core.interview, which keeps what was delivered. What corrections make of an interview is a patch
beside it (core.interview_patch), and core.interview_current shows the interviews as corrected. Patches and the outcome
of every entry are computed from what stands in core, so that they do not depend on what came first: a log waits for its
interviews, and an interview that comes again is corrected again.

An entry applies only where the answer is the log's old value. Entries about one interview apply in the order of their
deliveries' versions, then of their rows, each to what the ones before it made of the answer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa

from footprints.contracts import Column, Contract, Layout, find_contract
from footprints.harmonise import survey
from footprints.harmonise.derive import is_private
from footprints.harmonise.folding import fold
from footprints.harmonise.values import parse_column
from footprints.model import Issue, Severity
from footprints.trends import TOUCH, TrendTable, load_trends
from footprints.warehouse.tables import TABLES

TEXT = pa.large_string()
MAX_AGE = 120
SEVERITIES: Mapping[str, Severity] = {
    "applied": "note",
    "already": "note",
    "differs": "flag",
    "absent": "flag",
    "unknown_question": "flag",
    "invalid": "flag",
    "none": "note",
    "unclear": "flag",
}
"""By outcome, in the order in which they are told."""


class _InvalidError(Exception):
    """A value is no answer to its question."""


class _UnknownQuestionError(Exception):
    """The interviews have no such question, or its answers are not kept as answers."""


@dataclass(frozen=True)
class Entry:
    """An entry of a cleaning log."""

    source_id: str
    record_key: str
    delivery_id: int
    interview_key: str
    question_code: str | None
    old_value: str | None
    new_value: str | None
    action_code: str


@dataclass
class State:
    """An interview while entries are applied to it: columns of core.interview as JSON values, and what was changed."""

    delivery_id: int
    columns: dict[str, Any]
    questions: Questions
    changed: dict[str, Any] = field(default_factory=dict)
    is_deleted: bool = False


@dataclass(frozen=True)
class Questions:
    """What the questions of a survey's layout are in core.interview."""

    contract: Contract
    layout: Layout
    form: survey.Form | None

    def current(self, columns: Mapping[str, Any], question: str) -> dict[str, Any]:
        """What an interview has for a question, by column of core or, within the answers, by `answers/<question>`.

        Raises _UnknownQuestionError where it has nothing that could be corrected.
        """
        if is_private(self.contract, question):
            raise _UnknownQuestionError
        fed = self.fed_by(question)
        if fed:
            return {column.target: columns.get(column.target) for column in fed}
        known = self.form.questions.get(question) if self.form is not None else None
        answers = columns["answers"]
        if (known is None or known.repeat is not None or not known.has_answer) and question not in answers:
            raise _UnknownQuestionError
        return {f"answers/{question}": answers.get(question)}

    def fed_by(self, question: str) -> list[Column]:
        """The columns of core that are read from a question. Raises _UnknownQuestionError for those of the key."""
        wanted = fold(question)
        fed = [c for c in self.layout.columns if wanted in {fold(name) for name in (*c.source, *c.any_of)}]
        if any(column.target.startswith("_") for column in fed):
            raise _UnknownQuestionError
        return fed

    def values(self, question: str, text: str | None, like: Mapping[str, Any]) -> dict[str, Any]:
        """What a text of the log is for each place of `current`. Raises _InvalidError where it is no answer."""
        by_target = {column.target: column for column in self.layout.columns}
        text = self.coded(question, text)
        out: dict[str, Any] = {}
        for place, present in like.items():
            if place.startswith("answers/"):
                out[place] = self.answer(question, text, present)
            else:
                out[place] = self.parsed(by_target[place], text)
        return out

    def coded(self, question: str, text: str | None) -> str | None:
        """The code of a choice that the log writes as its label."""
        if text is None or not text.strip() or text.strip() in self.layout.read.null_values:
            return None
        known = self.form.questions.get(question) if self.form is not None else None
        if self.form is None or known is None or known.question_type != "select_one" or known.list_name is None:
            return text.strip()
        return survey.codes_of(self.form, known.list_name).get(survey.fold(text), text.strip())

    def answer(self, question: str, text: str | None, present: Any) -> Any:
        """A text as it stands among the answers. Raises _InvalidError."""
        if text is None:
            return None
        if self.form is None or question not in self.form.questions:
            return sorted(text.split()) if isinstance(present, list) else text
        value = survey.read_answer(self.form, self.form.questions[question], text)
        if value is None:
            raise _InvalidError
        return value

    def parsed(self, column: Column, text: str | None) -> Any:
        """A text as the value of a column of core, as JSON. Raises _InvalidError."""
        table = TABLES["interview"]
        parsed = parse_column(pa.array([text], TEXT), column, self.layout.read.null_values, self.contract.countries)
        value = parsed.values[0].as_py()
        if parsed.bad.any() or (value is None and column.target in table.required):
            raise _InvalidError
        if column.target == "age" and value is not None and not 0 <= value <= MAX_AGE:
            raise _InvalidError
        if isinstance(value, datetime):
            if table.columns[column.target] == "date":
                return value.date().isoformat()
            return value.replace(tzinfo=UTC).isoformat() if value.tzinfo is None else value.astimezone(UTC).isoformat()
        return value.isoformat() if isinstance(value, date) else value


def apply(entry: Entry, state: State | None) -> str:
    """The outcome of an entry; where it is `applied`, the interview is changed."""
    if state is None or (state.is_deleted and entry.action_code != "delete"):
        return "absent"
    if entry.action_code in ("none", "unclear"):
        return entry.action_code
    if state.is_deleted:
        return "already"
    question = entry.question_code
    if question is None:
        if entry.action_code != "delete":
            return "unknown_question"
        state.is_deleted = True
        return "applied"
    try:
        return _correct(entry, state, question)
    except _UnknownQuestionError:
        return "unknown_question"
    except _InvalidError:
        return "invalid"


def _correct(entry: Entry, state: State, question: str) -> str:
    """The outcome of an entry about a question. Raises _UnknownQuestionError, _InvalidError for the new value."""
    present = state.questions.current(state.columns, question)
    loose = {column.target for column in state.questions.layout.columns if column.any_of}
    new: dict[str, Any] = {}
    if entry.action_code != "delete":
        if entry.action_code == "change" and entry.new_value is None:
            raise _InvalidError
        new_value = entry.new_value if entry.action_code == "change" else None
        new = state.questions.values(question, new_value, present)
        if _equal(present, new, loose):
            return "already"
    old = dict.fromkeys(present)
    if entry.old_value is not None:
        try:
            old = state.questions.values(question, entry.old_value, present)
        except _InvalidError:
            return "differs"
    if not _equal(present, old, loose):
        return "differs"
    if entry.action_code == "delete":
        state.is_deleted = True
    else:
        # A column that reads the first of several questions has the answer to another one, where it differs.
        _change(state, {place: new[place] for place in new if _same(present[place], old[place])})
    return "applied"


def _change(state: State, values: Mapping[str, Any]) -> None:
    for place, value in values.items():
        column, _, question = place.partition("/")
        if question:
            answers = {**state.columns["answers"], question: value}
            value = {code: answer for code, answer in answers.items() if answer is not None}
        state.columns[column] = state.changed[column] = value
        if column == "age":
            state.columns["age_group"] = state.changed["age_group"] = survey.age_group(value)


def _equal(present: Mapping[str, Any], other: Mapping[str, Any], loose: Iterable[str]) -> bool:
    """Whether two readings of a question are the same.

    Columns that may stem from another question (`loose`) decide only where there are no others.
    """
    places = [place for place in present if place not in loose] or list(present)
    return all(_same(present[place], other[place]) for place in places)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return sorted(map(str, a)) == sorted(map(str, b))
    if isinstance(a, str) and isinstance(b, str) and a != b:
        try:
            return datetime.fromisoformat(a) == datetime.fromisoformat(b)
        except (ValueError, TypeError):
            return False
    return bool(a == b)


def settle(
    connection: psycopg.Connection,
    contract: Contract,
    trends: Iterable[TrendTable],
    because_of: int | None,
) -> None:
    """Computes the patches and outcomes of a survey anew, from the logs and interviews that stand now.

    `contract` is that of the survey; the caller holds its lock. Partitions whose figures change are noted for
    `because_of`; for nobody where it is None, and trend tables are refreshed in full anyway.
    """
    survey_id = contract.source
    entries = _entries(connection, survey_id)
    states = _states(connection, contract, sorted({entry.interview_key for entry in entries}))
    outcomes = {
        (entry.source_id, entry.record_key): (entry.delivery_id, apply(entry, states.get(entry.interview_key)))
        for entry in entries
    }
    patches = {
        key: (state.delivery_id, state.changed, state.is_deleted)
        for key, state in states.items()
        if state.changed or state.is_deleted
    }
    _write_outcomes(connection, survey_id, outcomes)
    _write_patches(connection, survey_id, patches, [t for t in trends if t.core_table == "interview"], because_of)


def _entries(connection: psycopg.Connection, survey_id: str) -> list[Entry]:
    rows = connection.execute(
        "SELECT c.source_id, c.record_key, c.delivery_id, c.interview_key, c.question_code, c.old_value, c.new_value,"
        " c.action_code FROM core.correction c JOIN meta.delivery d ON d.delivery_id = c.delivery_id"
        " WHERE c.corrects_source = %s ORDER BY d.as_of, d.delivery_id, c.row_number, c.record_key",
        [survey_id],
    ).fetchall()
    return [Entry(*row) for row in rows]


def _states(connection: psycopg.Connection, contract: Contract, keys: Sequence[str]) -> dict[str, State]:
    """The interviews that logs name, as delivered."""
    layouts = [layout for layout in contract.layouts if layout.table == "interview"]
    if not keys or not layouts:
        return {}
    forms = {
        layout.name: Questions(
            contract,
            layout,
            survey.load_form(layout.survey.form)
            if layout.survey is not None and layout.survey.form is not None
            else None,
        )
        for layout in layouts
    }
    rows = connection.execute(
        "SELECT i.record_key, i.delivery_id, to_jsonb(i), d.layout FROM core.interview i"
        " JOIN meta.delivery d ON d.delivery_id = i.delivery_id"
        " WHERE i.source_id = %s AND i.record_key = ANY(%s)",
        [contract.source, list(keys)],
    ).fetchall()
    states = {}
    for key, delivery_id, columns, read_by in rows:
        name = next((part for part in (read_by or "").split("+") if part in forms), layouts[0].name)
        states[key] = State(delivery_id, columns, forms[name])
    return states


def _write_outcomes(
    connection: psycopg.Connection, survey_id: str, outcomes: Mapping[tuple[str, str], tuple[int, str]]
) -> None:
    before = {
        (row[0], row[1]): (row[2], row[3])
        for row in connection.execute(
            "SELECT source_id, record_key, delivery_id, outcome_code FROM core.correction_outcome"
            " WHERE corrects_source = %s",
            [survey_id],
        ).fetchall()
    }
    gone = [key for key in before if key not in outcomes]
    new = [(*key, value[0], survey_id, value[1]) for key, value in outcomes.items() if before.get(key) != value]
    with connection.cursor() as cursor:
        cursor.executemany("DELETE FROM core.correction_outcome WHERE source_id = %s AND record_key = %s", gone)
        cursor.executemany(
            "INSERT INTO core.correction_outcome (source_id, record_key, delivery_id, corrects_source, outcome_code)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (source_id, record_key) DO UPDATE SET"
            " delivery_id = excluded.delivery_id, corrects_source = excluded.corrects_source,"
            " outcome_code = excluded.outcome_code",
            new,
        )


def _write_patches(
    connection: psycopg.Connection,
    survey_id: str,
    patches: Mapping[str, tuple[int, Mapping[str, Any], bool]],
    trends: Sequence[TrendTable],
    because_of: int | None,
) -> None:
    before = {
        row[0]: (row[1], row[2], row[3])
        for row in connection.execute(
            "SELECT record_key, delivery_id, patch, is_deleted FROM core.interview_patch WHERE source_id = %s",
            [survey_id],
        ).fetchall()
    }
    gone = [key for key in before if key not in patches]
    new = [key for key, patch in patches.items() if before.get(key) != patch]
    affected = [*gone, *new]
    if not affected:
        return
    _touch(connection, survey_id, affected, trends, because_of)
    connection.execute(
        "DELETE FROM core.interview_patch WHERE source_id = %s AND record_key = ANY(%s)", [survey_id, affected]
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO core.interview_patch (source_id, record_key, delivery_id, patch, is_deleted)"
            " VALUES (%s, %s, %s, %s, %s)",
            [
                (survey_id, key, patches[key][0], json.dumps(patches[key][1], ensure_ascii=False), patches[key][2])
                for key in new
            ],
        )
    _touch(connection, survey_id, affected, trends, because_of)


def _touch(
    connection: psycopg.Connection,
    survey_id: str,
    keys: Sequence[str],
    trends: Sequence[TrendTable],
    because_of: int | None,
) -> None:
    """Notes the partitions that interviews are in, as delivered, as corrected, and as a patch alone would have it."""
    if because_of is None:
        return
    places = (
        "core.interview",
        "core.interview_current",
        "(SELECT p.source_id AS survey, p.record_key AS interview,"
        " (jsonb_populate_record(NULL::core.interview, p.patch)).* FROM core.interview_patch p) patched",
    )
    for trend in trends:
        for place in places:
            source, key = ("survey", "interview") if place.startswith("(") else ("source_id", "record_key")
            select = (
                f"SELECT DISTINCT '{trend.name}', {trend.partition}, %(because)s::bigint FROM {place}"
                f" WHERE {source} = %(survey)s AND {key} = ANY(%(keys)s) AND ({trend.partition}) IS NOT NULL"
            )
            connection.execute(
                TOUCH.format(select=select).encode(),
                {"because": because_of, "survey": survey_id, "keys": list(keys)},
            )


def told_of_log(connection: psycopg.Connection, delivery_id: int) -> list[Issue]:
    """What became of the entries of a log, for its receipt."""
    counts: dict[str, int] = dict(
        connection.execute(
            "SELECT outcome_code, count(*) FROM core.correction_outcome WHERE delivery_id = %s GROUP BY 1",
            [delivery_id],
        ).fetchall()
    )
    return [
        Issue(f"correction.{outcome}", severity, parameters={"n": counts[outcome]})
        for outcome, severity in SEVERITIES.items()
        if outcome in counts
    ]


def told_of_survey(connection: psycopg.Connection, survey_id: str) -> list[Issue]:
    """Which corrections hold for the interviews of a survey, for the receipt of its interviews."""
    counts: Counter[str] = Counter(
        dict(
            connection.execute(
                "SELECT outcome_code, count(*) FROM core.correction_outcome WHERE corrects_source = %s GROUP BY 1",
                [survey_id],
            ).fetchall()
        )
    )
    if not counts["applied"] and not counts["differs"]:
        return []
    parameters = {"n": counts["applied"], "n_differs": counts["differs"]}
    return [Issue("correction.kept", "note", parameters=parameters)]


def surveys_corrected_by(contract: Contract) -> set[str]:
    """The surveys that the logs of a source speak of."""
    return {layout.corrects for layout in contract.layouts if layout.corrects is not None}


def drop_items_without_consent(connection: psycopg.Connection, source_id: str) -> None:
    """Removes members of repeats, delivered as files of their own, whose interview was refused."""
    connection.execute(
        "DELETE FROM core.interview_item t USING meta.refused_consent r"
        " WHERE t.source_id = %(source)s AND r.source_id = %(source)s AND r.core_table = 'interview'"
        " AND r.key_sha256 = encode(sha256(convert_to(t.interview_key, 'UTF8')), 'hex')"
        " AND NOT EXISTS ("
        "SELECT FROM core.interview i WHERE i.source_id = t.source_id AND i.record_key = t.interview_key)",
        {"source": source_id},
    )


def settle_all(
    connection: psycopg.Connection,
    contract: Contract,
    sql_dir: Path,
    because_of: int | None,
    also: Iterable[str] = (),
) -> None:
    """Settles whatever a change of a source may have changed: the source itself, and the surveys that its logs correct.

    `also` are surveys that its logs corrected before. The caller holds the locks of all of them.
    """
    known = [layout.table for layout in contract.layouts]
    if "interview_item" in known:
        drop_items_without_consent(connection, contract.source)
    trends = load_trends(sql_dir)
    for survey_id in sorted({contract.source, *surveys_corrected_by(contract), *also}):
        if survey_id != contract.source or _is_corrected(connection, survey_id):
            settle(connection, find_contract(contract.directory.parent, survey_id), trends, because_of)


def _is_corrected(connection: psycopg.Connection, survey_id: str) -> bool:
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM core.correction WHERE corrects_source = %(survey)s)"
        " OR EXISTS (SELECT FROM core.correction_outcome WHERE corrects_source = %(survey)s)"
        " OR EXISTS (SELECT FROM core.interview_patch WHERE source_id = %(survey)s)",
        {"survey": survey_id},
    ).fetchone()
    return row == (True,)
