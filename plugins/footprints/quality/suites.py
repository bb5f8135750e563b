"""Suites of expectations, read from Great Expectations' own JSON without importing Great Expectations.

A suite file is what `ExpectationSuite.to_json_dict()` writes, so GX itself can load it. Importing GX takes seconds, and
a typo in a suite should not wait for that: the file is checked here against a table of the expectation types that both
our engines evaluate. What is not in the table is refused, so that the two engines never differ silently.

`meta: {"rule": "<name>"}` of an expectation names the rule in receipts. `{"$PARAMETER": "today"}`, GX's own form,
stands for a date that is known when a delivery is checked (see `PARAMETERS`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast

from footprints.errors import ContractError
from footprints.model import ExpectationSeverity, Severity

Level = Literal["row", "delivery"]

PARAMETERS: Mapping[str, Callable[[date], Any]] = {
    "today": lambda today: today.isoformat(),
    "tomorrow": lambda today: (today + timedelta(days=1)).isoformat(),
    "this_year": lambda today: today.year,
    "next_year": lambda today: today.year + 1,
}
"""What `{"$PARAMETER": …}` may name, from the day of the check in UTC. Partners east of us write tomorrow's date."""

SEVERITIES: tuple[ExpectationSeverity, ...] = ("critical", "warning", "info")

_ENTRY_KEYS = ("type", "kwargs", "severity", "meta", "id", "notes", "description", "rendered_content")

# GX keeps datetimes in nanoseconds: a bound outside their range cannot be compared there.
_FIRST_DAY, _LAST_DAY = "1678-01-01", "2262-01-01"


@dataclass(frozen=True)
class _Type:
    """What the loader knows of an expectation type: level, kwargs (name → what is wrong with a value, or None)."""

    level: Level
    kwargs: Mapping[str, Callable[[Any], str | None]]
    required: tuple[str, ...] = ()
    bounds: bool = False
    across: bool = False  # judged over all rows of the delivery, yet naming rows (uniqueness)
    late: bool = False  # and a row that it rejects is taken out again, where uniqueness holds the delivery


def _column(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "is not the name of a column"


def _columns(value: Any) -> str | None:
    good = isinstance(value, list) and len(value) > 1 and all(isinstance(v, str) and v for v in value)
    return None if good and len(set(value)) == len(value) else "is not a list of two or more different columns"


def _columns_named(n: int) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        return None if _columns(value) is None and len(value) == n else f"is not a list of {n} different columns"

    return check


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "is not true or false"


def _number(value: Any) -> str | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return None if good else "is not a number"


def _length(value: Any) -> str | None:
    good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return None if good else "is not a whole number ≥ 0"


def _share(value: Any) -> str | None:
    return None if _number(value) is None and 0 <= value <= 1 else "is not a share from 0 to 1"


def _bound(value: Any) -> str | None:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return "is neither a number nor a date (2016-05-31)"
        if moment.tzinfo is not None:
            return "has a time zone; write it in UTC, without one"
        return None if _FIRST_DAY <= moment.isoformat() < _LAST_DAY else "is a date outside 1678 to 2261"
    return "is neither a number nor a date (2016-05-31)" if _number(value) else None


def _regex(value: Any) -> str | None:
    if not isinstance(value, str):
        return "is not a regular expression"
    try:
        re.compile(value)
    except re.error as error:
        return f"is not a regular expression ({error.msg})"
    return None


def _regexes(value: Any) -> str | None:
    if not isinstance(value, list) or not value:
        return "is not a list of regular expressions"
    return next((problem for problem in map(_regex, value) if problem), None)


def _values(value: Any) -> str | None:
    if not isinstance(value, list) or not value:
        return "is not a list of values"
    kinds = {"text" if isinstance(v, str) else "number" if _number(v) is None else "other" for v in value}
    return None if kinds in ({"text"}, {"number"}) else "must hold texts only, or numbers only"


def _one_of(*choices: str) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        return None if value in choices else f"must be one of: {', '.join(choices)}"

    return check


_RANGE: dict[str, Callable[[Any], str | None]] = {
    "min_value": _bound,
    "max_value": _bound,
    "strict_min": _flag,
    "strict_max": _flag,
}
_NUMBER_RANGE = {**_RANGE, "min_value": _number, "max_value": _number}
_SHARE_RANGE = {**_RANGE, "min_value": _share, "max_value": _share}
_COLUMN = {"column": _column}
_MAP = {"column": _column, "mostly": _share}
_COMPARED: dict[str, Callable[[Any], str | None]] = {
    "mostly": _share,
    "ignore_row_if": _one_of("any_value_is_missing"),
}
# With a value missing, GX's answer to a comparison depends on the dtype (NaN fails, NA passes): such rows are left out.
_PAIR = {
    "column_A": _column,
    "column_B": _column,
    "mostly": _share,
    "ignore_row_if": _one_of("either_value_is_missing"),
}


def _on(
    level: Level,
    kwargs: Mapping[str, Callable[[Any], str | None]],
    *required: str,
    bounds: bool = False,
    across: bool = False,
    late: bool = False,
) -> _Type:
    return _Type(level, kwargs, required, bounds, across, late)


TYPES: Mapping[str, _Type] = {
    "expect_column_values_to_not_be_null": _on("row", _MAP, "column"),
    "expect_column_values_to_be_null": _on("row", _MAP, "column"),
    "expect_column_values_to_be_between": _on("row", _MAP | _RANGE, "column", bounds=True),
    "expect_column_values_to_be_in_set": _on("row", _MAP | {"value_set": _values}, "column", "value_set"),
    "expect_column_values_to_not_be_in_set": _on("row", _MAP | {"value_set": _values}, "column", "value_set"),
    "expect_column_values_to_match_regex": _on("row", _MAP | {"regex": _regex}, "column", "regex"),
    "expect_column_values_to_not_match_regex": _on("row", _MAP | {"regex": _regex}, "column", "regex"),
    "expect_column_values_to_match_regex_list": _on(
        "row", _MAP | {"regex_list": _regexes, "match_on": _one_of("any", "all")}, "column", "regex_list"
    ),
    "expect_column_values_to_not_match_regex_list": _on("row", _MAP | {"regex_list": _regexes}, "column", "regex_list"),
    "expect_column_value_lengths_to_be_between": _on(
        "row", _MAP | _RANGE | {"min_value": _length, "max_value": _length}, "column", bounds=True
    ),
    "expect_column_value_lengths_to_equal": _on("row", _MAP | {"value": _length}, "column", "value"),
    "expect_column_values_to_be_unique": _on("row", _MAP, "column", across=True),
    "expect_column_pair_values_a_to_be_greater_than_b": _on(
        "row", _PAIR | {"or_equal": _flag}, "column_A", "column_B", "ignore_row_if"
    ),
    "expect_column_pair_values_to_be_equal": _on("row", _PAIR, "column_A", "column_B", "ignore_row_if"),
    "expect_compound_columns_to_be_unique": _on(
        "row",
        {
            "column_list": _columns,
            "mostly": _share,
            "ignore_row_if": _one_of("all_values_are_missing", "any_value_is_missing", "never"),
        },
        "column_list",
        across=True,
    ),
    "expect_column_pair_values_to_differ": _on("row", _PAIR, "column_A", "column_B", "ignore_row_if"),
    "expect_column_pair_lists_a_to_be_within_b": _on("row", _PAIR, "column_A", "column_B", "ignore_row_if"),
    "expect_column_value_z_scores_to_be_less_than": _on(
        "row",
        _MAP | {"threshold": _number, "double_sided": _flag},
        "column",
        "threshold",
        "double_sided",
        across=True,
        late=True,
    ),
    "expect_interviews_to_be_apart": _on(
        "row",
        _COMPARED | {"column_list": _columns_named(4), "min_minutes": _number},
        "column_list",
        "ignore_row_if",
        across=True,
        late=True,
    ),
    "expect_interviews_to_differ": _on(
        "row",
        _COMPARED | {"column_list": _columns_named(3), "max_differing": _length},
        "column_list",
        "ignore_row_if",
        across=True,
        late=True,
    ),
    "expect_multicolumn_sum_to_equal": _on(
        "row",
        {
            "column_list": _columns,
            "sum_total": _number,
            "mostly": _share,
            "ignore_row_if": _one_of("any_value_is_missing"),
        },
        "column_list",
        "sum_total",
        "ignore_row_if",
    ),
    "expect_table_row_count_to_be_between": _on("delivery", {"min_value": _length, "max_value": _length}, bounds=True),
    "expect_table_row_count_to_equal": _on("delivery", {"value": _length}, "value"),
    "expect_column_min_to_be_between": _on("delivery", _COLUMN | _RANGE, "column", bounds=True),
    "expect_column_max_to_be_between": _on("delivery", _COLUMN | _RANGE, "column", bounds=True),
    "expect_column_sum_to_be_between": _on("delivery", _COLUMN | _NUMBER_RANGE, "column", bounds=True),
    "expect_column_mean_to_be_between": _on("delivery", _COLUMN | _NUMBER_RANGE, "column", bounds=True),
    "expect_column_median_to_be_between": _on("delivery", _COLUMN | _NUMBER_RANGE, "column", bounds=True),
    "expect_column_unique_value_count_to_be_between": _on(
        "delivery", _COLUMN | _RANGE | {"min_value": _length, "max_value": _length}, "column", bounds=True
    ),
    "expect_column_proportion_of_unique_values_to_be_between": _on(
        "delivery", _COLUMN | _SHARE_RANGE, "column", bounds=True
    ),
    "expect_column_proportion_of_non_null_values_to_be_between": _on(
        "delivery", _COLUMN | _SHARE_RANGE, "column", bounds=True
    ),
    "expect_column_distinct_values_to_be_in_set": _on(
        "delivery", _COLUMN | {"value_set": _values}, "column", "value_set"
    ),
    "expect_column_distinct_values_to_contain_set": _on(
        "delivery", _COLUMN | {"value_set": _values}, "column", "value_set"
    ),
    "expect_column_distinct_values_to_equal_set": _on(
        "delivery", _COLUMN | {"value_set": _values}, "column", "value_set"
    ),
}
"""The expectation types that a suite may use. `row`: names failing rows. `delivery`: one verdict over all rows."""


@dataclass(frozen=True)
class Expectation:
    """One expectation of a suite. `kwargs` are GX's own; `index` is its place in the file."""

    index: int
    type: str
    kwargs: Mapping[str, Any]
    severity: ExpectationSeverity
    rule: str
    named: bool = False
    """Whether the suite names the rule: a source's suite may then say it otherwise than the table's."""

    @property
    def level(self) -> Level:
        """`row` where failing rows are named, `delivery` where the verdict is about all rows together."""
        return TYPES[self.type].level

    @property
    def across(self) -> bool:
        """Whether rows are named only once all rows were seen (uniqueness)."""
        return TYPES[self.type].across

    @property
    def late(self) -> bool:
        """Whether a row that it rejects is taken out of what was staged (comparisons with other rows)."""
        return TYPES[self.type].late

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""
        if "column" in self.kwargs:
            return (self.kwargs["column"],)
        if "column_A" in self.kwargs:
            return (self.kwargs["column_A"], self.kwargs["column_B"])
        return tuple(self.kwargs.get("column_list", ()))

    @property
    def column(self) -> str | None:
        """The column it is about: the first it reads; None where it is about the table."""
        return self.columns[0] if self.columns else None

    @property
    def mostly(self) -> float:
        """The share of rows that must pass for the expectation to hold as a whole."""
        return float(self.kwargs.get("mostly", 1.0))

    @property
    def row_severity(self) -> Severity:
        """What a failing row suffers: critical rejects it, warning flags it, info is a note."""
        severities: dict[ExpectationSeverity, Severity] = {"critical": "reject", "warning": "flag", "info": "note"}
        return severities[self.severity]

    @property
    def delivery_severity(self) -> Severity:
        """What the delivery suffers where the expectation fails as a whole: critical holds it back."""
        severities: dict[ExpectationSeverity, Severity] = {"critical": "hold", "warning": "flag", "info": "note"}
        return severities[self.severity]


@dataclass(frozen=True)
class Suite:
    """A suite of expectations and the file it stands in."""

    name: str
    path: Path
    expectations: tuple[Expectation, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)
    notes: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that the suite reads, each once, in the order of the suite."""
        return tuple(dict.fromkeys(column for e in self.expectations for column in e.columns))

    def at(self, today: date) -> Suite:
        """The suite with its parameters (`{"$PARAMETER": "today"}`) replaced by their values on a day.

        For a delivery that is loaded again later (replay, rebuild) give the day it was received, or the same file could
        be judged otherwise.
        """
        resolved = tuple(
            replace(e, kwargs={k: _resolve(v, today) for k, v in e.kwargs.items()}) for e in self.expectations
        )
        return replace(self, expectations=resolved)


def utc_today() -> date:
    """Today's date in UTC."""
    return datetime.now(UTC).date()


def _resolve(value: Any, today: date) -> Any:
    return PARAMETERS[value["$PARAMETER"]](today) if isinstance(value, dict) else value


def load_suite(path: Path) -> Suite:
    """Read a suite file.

    Raises ContractError, which names the file and the key, where it is not a suite of ours.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ContractError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise ContractError(f"{path}: is not JSON ({error})") from None
    return parse_suite(document, path)


def parse_suite(document: Any, path: Path) -> Suite:
    """A suite from its JSON document; `path` is named in errors. Raises ContractError as `load_suite` does."""
    if not isinstance(document, dict):
        raise ContractError(f"{path}: is not a JSON object")
    _known(path, "", document, ("name", "expectations", "meta", "id", "notes"))
    name = document.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", name):
        raise ContractError(f"{path}: name: is missing, or not of lower-case letters, digits, “-”, “_” and “.”")
    entries = document.get("expectations")
    if not isinstance(entries, list) or not entries:
        raise ContractError(f"{path}: expectations: is not a list of expectations")
    meta = document.get("meta") or {}
    if not isinstance(meta, dict):
        raise ContractError(f"{path}: meta: is not an object")
    notes = document.get("notes")
    return Suite(
        name,
        path,
        tuple(_expectation(path, i, entry) for i, entry in enumerate(entries)),
        meta,
        notes if isinstance(notes, str) else None,
    )


def find_suites(expectations_dir: Path) -> dict[str, Suite]:
    """All suites under `expectations/`, by name: `_tables/*.json` and `<source>/suites/*.json`.

    Raises ContractError where two files give the same name.
    """
    suites: dict[str, Suite] = {}
    for path in sorted([*expectations_dir.glob("_tables/*.json"), *expectations_dir.glob("*/suites/*.json")]):
        suite = load_suite(path)
        if suite.name in suites:
            raise ContractError(f"{path}: name: {suite.name} is also the name of {suites[suite.name].path}")
        suites[suite.name] = suite
    return suites


def _known(path: Path, where: str, given: Mapping[str, Any], known: Collection[str]) -> None:
    for key in given:
        if key not in known:
            raise ContractError(f"{path}: {where}{key}: unknown key", f"known here: {', '.join(sorted(known))}")


def _expectation(path: Path, index: int, entry: Any) -> Expectation:
    where = f"expectations[{index}]"
    if not isinstance(entry, dict):
        raise ContractError(f"{path}: {where}: is not an object")
    _known(path, f"{where}.", entry, _ENTRY_KEYS)
    kind = entry.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise ContractError(
            f"{path}: {where}.type: {kind!r} is not an expectation that Footprints evaluates",
            f"known: {', '.join(sorted(TYPES))}",
        )
    severity = entry.get("severity", "critical")
    if severity not in SEVERITIES:
        raise ContractError(f"{path}: {where}.severity: {severity!r} is not one of: {', '.join(SEVERITIES)}")
    kwargs = entry.get("kwargs")
    if not isinstance(kwargs, dict):
        raise ContractError(f"{path}: {where}.kwargs: is not an object")
    kwargs = {name: value for name, value in kwargs.items() if value is not None}
    _check_kwargs(path, f"{where}.kwargs", kind, kwargs)
    meta = entry.get("meta") or {}
    if not isinstance(meta, dict):
        raise ContractError(f"{path}: {where}.meta: is not an object")
    rule = meta.get("rule", f"expectation.{kind.removeprefix('expect_')}")
    if not isinstance(rule, str) or not re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", rule):
        raise ContractError(f"{path}: {where}.meta.rule: is not a rule name such as date.future")
    return Expectation(index, kind, kwargs, cast(ExpectationSeverity, severity), rule, "rule" in meta)


def _check_kwargs(path: Path, where: str, kind: str, kwargs: Mapping[str, Any]) -> None:
    spec = TYPES[kind]
    _known(path, f"{where}.", kwargs, tuple(spec.kwargs))
    for name in spec.required:
        if name not in kwargs:
            hint = (spec.kwargs[name](None) or "") if name == "ignore_row_if" else ""
            raise ContractError(f"{path}: {where}.{name}: is missing", hint)
    resolved: dict[str, Any] = {}
    for name, value in kwargs.items():
        if isinstance(value, dict):
            parameter = value.get("$PARAMETER")
            if set(value) != {"$PARAMETER"} or parameter not in PARAMETERS:
                known = ", ".join(PARAMETERS)
                raise ContractError(f'{path}: {where}.{name}: is not {{"$PARAMETER": …}} with one of: {known}')
            value = _resolve(value, utc_today())
        problem = spec.kwargs[name](value)
        if problem:
            raise ContractError(f"{path}: {where}.{name}: {problem}")
        resolved[name] = value
    if spec.bounds:
        _check_bounds(path, where, resolved)


def _check_bounds(path: Path, where: str, kwargs: Mapping[str, Any]) -> None:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is None and high is None:
        raise ContractError(f"{path}: {where}: needs min_value, max_value or both")
    if low is None or high is None:
        return
    if isinstance(low, str) != isinstance(high, str):
        raise ContractError(f"{path}: {where}: min_value and max_value are not of one type")
    first, last = (datetime.fromisoformat(v) if isinstance(v, str) else v for v in (low, high))
    if first > last:
        raise ContractError(f"{path}: {where}: min_value is greater than max_value")
