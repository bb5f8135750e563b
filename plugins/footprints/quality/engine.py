"""The two engines that evaluate a suite over a delivery: Great Expectations itself, and the same suite as masks.

`gx` hands the frame to Great Expectations and reads its COMPLETE results by the frame's own index. `masks` evaluates
the suite with vectorised comparisons, chunk by chunk, for deliveries too large for GX. Both see the same normalised
columns and refuse the same mistakes (a column that is not there, a number compared with a date); `tests/unit/quality`
proves that they agree rule by rule.

What a failure means is said by the severity. A failing row is rejected (critical), flagged (warning) or noted (info).
An expectation fails as a whole where it is about the delivery, or where it has `mostly` and fewer rows pass: that holds
the delivery back (critical), flags it (warning) or is noted (info), besides what each failing row suffers.

No cell leaves this module: outcomes hold masks, counts and shares.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from footprints.errors import ContractError
from footprints.model import Engine, ExpectationResult, Severity
from footprints.quality import comparisons
from footprints.quality.suites import Expectation, Suite, utc_today

Mask = NDArray[np.bool_]
_NULL_HASH = np.uint64(0xA5B3_5705_F00D_CAFE)  # no value's: that of 0.0 is 0
Kind = Literal["number", "date", "text", "boolean", "empty", "other"]

_COMPARABLE: Mapping[str, tuple[Kind, ...]] = {
    "expect_column_values_to_be_in_set": ("text", "number"),
    "expect_column_values_to_not_be_in_set": ("text", "number"),
    "expect_column_values_to_match_regex": ("text",),
    "expect_column_values_to_not_match_regex": ("text",),
    "expect_column_values_to_match_regex_list": ("text",),
    "expect_column_values_to_not_match_regex_list": ("text",),
    "expect_column_value_lengths_to_be_between": ("text",),
    "expect_column_value_lengths_to_equal": ("text",),
    "expect_column_values_to_be_unique": ("number", "date", "text"),
    "expect_compound_columns_to_be_unique": ("number", "date", "text"),
    "expect_column_pair_values_a_to_be_greater_than_b": ("number", "date"),
    "expect_column_pair_values_to_be_equal": ("number", "date", "text"),
    "expect_column_pair_values_to_differ": ("number", "date", "text"),
    "expect_column_pair_lists_a_to_be_within_b": ("text",),
    "expect_column_value_z_scores_to_be_less_than": ("number",),
    "expect_interviews_to_be_apart": ("text", "date"),
    "expect_interviews_to_differ": ("text",),
    "expect_multicolumn_sum_to_equal": ("number",),
    "expect_column_sum_to_be_between": ("number",),
    "expect_column_mean_to_be_between": ("number",),
    "expect_column_median_to_be_between": ("number",),
    "expect_column_unique_value_count_to_be_between": ("number", "date", "text"),
    "expect_column_proportion_of_unique_values_to_be_between": ("number", "date", "text"),
    "expect_column_distinct_values_to_be_in_set": ("text", "number"),
    "expect_column_distinct_values_to_contain_set": ("text", "number"),
    "expect_column_distinct_values_to_equal_set": ("text", "number"),
}
_BOUNDED = (
    "expect_column_values_to_be_between",
    "expect_column_min_to_be_between",
    "expect_column_max_to_be_between",
)
_COUNTED = (
    "expect_table_row_count_to_be_between",
    "expect_table_row_count_to_equal",
    "expect_column_unique_value_count_to_be_between",
    "expect_column_proportion_of_unique_values_to_be_between",
    "expect_column_proportion_of_non_null_values_to_be_between",
)
"""Expectations whose observed value is a count or a share; of the others it may be a cell, and is not kept."""


@dataclass(frozen=True)
class Outcome:
    """What one expectation found.

    From `Checker.add`: `failed` marks the failing rows of that frame. From `Checker.finish`: one outcome for each
    expectation, over the delivery; `failed` is None but for uniqueness, where it marks the rows of all frames in order.
    `success` is GX's: all rows pass, or at least `mostly` of them. `observed` is a count or a share, never a cell.
    """

    expectation: Expectation
    result: ExpectationResult
    failed: Mask | None
    success: bool
    observed: float | None = None

    @property
    def rule(self) -> str:
        """Name of the rule, as in issues and receipts."""
        return self.expectation.rule

    @property
    def column(self) -> str | None:
        """The column it is about, None for the table."""
        return self.expectation.column

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns it reads."""
        return self.expectation.columns

    @property
    def row_severity(self) -> Severity:
        """What each row marked in `failed` suffers: reject, flag or note."""
        return self.expectation.row_severity

    @property
    def delivery_severity(self) -> Severity | None:
        """What the delivery as a whole suffers (hold, flag or note); None where it does not, or only its rows do."""
        e = self.expectation
        if self.success or (e.level == "row" and "mostly" not in e.kwargs):
            return None
        return e.delivery_severity


class Checker:
    """Checks one delivery by one suite: `add` each frame of it, in order, then `finish`.

    `columns` names the columns that a frame may lack because they are loaded as null then (those of the core table); a
    column that the suite reads and that is neither there nor among them is a ContractError. `today` is the day that
    date parameters of the suite refer to (default: today in UTC).

    Engine `gx` runs Great Expectations on each frame as it comes and, for what is judged over all rows, once more on
    the columns needed at the end; it keeps those columns, so give it small deliveries (`settings.gx_rows`).
    """

    def __init__(
        self, suite: Suite, engine: Engine, *, columns: Collection[str] = (), today: date | None = None
    ) -> None:
        if engine not in ("gx", "masks"):
            raise ContractError(f"there is no engine {engine!r} for checks", "gx or masks")
        self.suite = suite.at(today or utc_today())
        self.engine: Engine = engine
        self._optional = frozenset(columns)
        self._now = [e for e in self.suite.expectations if e.level == "row" and not e.across]
        self._later = [e for e in self.suite.expectations if e.level == "delivery" or e.across]
        self._counts = {e.index: [0, 0] for e in self.suite.expectations}
        self._rows = 0
        self._finished = False
        self._kinds: dict[str, Kind] = {}
        self._judge: _GxJudge | _MaskJudge = _GxJudge(self._later) if engine == "gx" else _MaskJudge(self._later)

    def add(self, frame: pd.DataFrame) -> list[Outcome]:
        """Check a frame; one outcome for each expectation about single rows, `failed` over the frame's rows.

        Its index does not matter: masks are by position. Raises ContractError where the suite does not fit the columns.
        """
        if self._finished:
            raise ValueError("the delivery is finished")
        prepared = self._prepare(frame)
        self._rows += len(frame)
        judged = self._judge.rows(prepared, self._now, self.suite)
        self._judge.keep(prepared)
        outcomes = []
        for e in self._now:
            checked, failed = judged[e.index]
            n_failed = int(np.count_nonzero(failed))
            self._counts[e.index][0] += checked
            self._counts[e.index][1] += n_failed
            outcomes.append(Outcome(e, self._result(e, checked, n_failed), failed, _passes(e, checked, n_failed)))
        return outcomes

    def finish(self) -> list[Outcome]:
        """The verdict on the delivery: one outcome for each expectation of the suite, in its order.

        For expectations about the delivery `n_checked` is 1 and `n_failed` 0 or 1.
        """
        if not self._finished and self._rows == 0:
            self._judge.keep(self._prepare(pd.DataFrame()))
        self._finished = True
        late = self._judge.delivery(self.suite, self._rows)
        outcomes = []
        for e in self.suite.expectations:
            if e.index not in late:
                checked, n_failed = self._counts[e.index]
                success = _passes(e, checked, n_failed)
                outcomes.append(Outcome(e, self._result(e, checked, n_failed), None, success))
            else:
                checked, failed, success, observed = late[e.index]
                n_failed = int(not success) if failed is None else int(np.count_nonzero(failed))
                outcomes.append(Outcome(e, self._result(e, checked, n_failed), failed, success, observed))
        return outcomes

    def _result(self, e: Expectation, checked: int, failed: int) -> ExpectationResult:
        return ExpectationResult(self.suite.name, e.type, e.column, e.severity, self.engine, checked, failed)

    def _prepare(self, frame: pd.DataFrame) -> dict[str, _Column]:
        absent = [c for c in self.suite.columns if c not in frame.columns and c not in self._optional]
        if absent and not (self._rows == 0 and frame.columns.empty):
            raise ContractError(
                f"{self.suite.path}: the suite reads columns that the data do not have: {', '.join(absent)}",
                "correct the names in the suite, or map the columns in the contract",
            )
        columns = {}
        for name in self.suite.columns:
            series = frame[name] if name in frame.columns else pd.Series([None] * len(frame), dtype="str")
            column = columns[name] = _Column.of(series)
            if column.kind != "empty" and self._kinds.setdefault(name, column.kind) != column.kind:
                raise ContractError(f"{self.suite.path}: the column {name} changes its type between frames")
        for e in self.suite.expectations:
            _fits(self.suite, e, columns)
        columns[""] = _Column.of(pd.Series(np.zeros(len(frame))))  # its length is the number of rows
        return columns


def check(
    frame: pd.DataFrame, suite: Suite, engine: Engine, *, columns: Collection[str] = (), today: date | None = None
) -> list[Outcome]:
    """Check a delivery that is one frame: one outcome for each expectation of the suite, in its order.

    Expectations that name rows have their mask in `failed`, the others None. Parameters as for `Checker`.
    """
    checker = Checker(suite, engine, columns=columns, today=today)
    masks = {outcome.expectation.index: outcome.failed for outcome in checker.add(frame)}
    return [replace(o, failed=masks.get(o.expectation.index, o.failed)) for o in checker.finish()]


def _passes(e: Expectation, checked: int, failed: int) -> bool:
    return failed == 0 or (checked > 0 and (checked - failed) / checked >= e.mostly)


def _fits(suite: Suite, e: Expectation, columns: Mapping[str, _Column]) -> None:
    kinds = {columns[name].kind for name in e.columns} - {"empty"}
    allowed = _COMPARABLE.get(e.type)
    if e.type in _BOUNDED:
        bound = next(e.kwargs[k] for k in ("min_value", "max_value") if k in e.kwargs)
        allowed = ("date",) if isinstance(bound, str) else ("number",)
    elif "value_set" in e.kwargs:
        allowed = ("text",) if isinstance(e.kwargs["value_set"][0], str) else ("number",)
    wrong = [name for name in e.columns if allowed and columns[name].kind not in (*allowed, "empty")]
    if e.type == "expect_interviews_to_be_apart":
        wrong += [name for name in e.columns[:2] if columns[name].kind == "date"]
        wrong += [name for name in e.columns[2:] if columns[name].kind == "text"]
    if wrong or (len(kinds) > 1 and "compound" not in e.type and "interviews" not in e.type):
        found = ", ".join(f"{name} is {columns[name].kind}" for name in (wrong or e.columns))
        raise ContractError(
            f"{suite.path}: expectations[{e.index}] ({e.type}) cannot judge its columns: {found}",
            f"it takes columns of the type {' or '.join(allowed)}" if allowed else "",
        )


# ------------------------------------------------------------------------------------------------------------- columns


@dataclass(frozen=True)
class _Column:
    """A column in the form both engines see: a kind, a series of a plain dtype on 0..n-1, and where it is null."""

    kind: Kind
    series: pd.Series[Any]
    null: Mask

    @staticmethod
    def of(series: pd.Series[Any]) -> _Column:
        series = series.reset_index(drop=True)
        null = series.isna().to_numpy(dtype=bool)
        if null.all():
            return _Column("empty", pd.Series(np.full(len(series), np.nan)), null)
        dtype = series.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            return _Column.of(series.astype(dtype.categories.dtype))
        if pd.api.types.is_object_dtype(dtype):
            inferred = pd.api.types.infer_dtype(series, skipna=True)
            if inferred == "date":
                return _Column("date", pd.Series(series.to_numpy().astype("datetime64[s]")), null)
            if inferred != "string":
                return _Column("other", series, null)
            return _Column("text", series.astype("str"), null)
        if pd.api.types.is_bool_dtype(dtype):
            return _Column("boolean", series, null)
        if isinstance(dtype, pd.DatetimeTZDtype):
            return _Column("date", series.dt.tz_convert("UTC").dt.tz_localize(None), null)
        if pd.api.types.is_datetime64_dtype(dtype):
            return _Column("date", series, null)
        if pd.api.types.is_integer_dtype(dtype):
            return _Column("number", series.astype("Int64" if null.any() else "int64"), null)
        if pd.api.types.is_float_dtype(dtype):
            return _Column("number", series.astype("float64"), null)
        if pd.api.types.is_string_dtype(dtype):
            return _Column("text", series.astype("str"), null)
        return _Column("other", series, null)

    @cached_property
    def present(self) -> Mask:
        """Where it is not null."""
        return ~self.null

    @cached_property
    def has_null(self) -> bool:
        return bool(self.null.any())

    @cached_property
    def n_present(self) -> int:
        return int(np.count_nonzero(self.present))

    @cached_property
    def values(self) -> NDArray[Any]:
        """The values as a plain array; what stands where it is null is of no meaning."""
        if self.kind == "number" and self.series.dtype == "Int64":
            return self.series.fillna(0).to_numpy(dtype="int64")
        return self.series.to_numpy()

    @cached_property
    def some(self) -> NDArray[Any]:
        """The values that are not null, as a plain array."""
        return self.values[self.present] if self.has_null else self.values

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """A 64-bit hash of each value; all nulls have one hash."""
        if self.kind == "empty":
            return np.full(len(self.null), _NULL_HASH)
        values: Any = self.series
        if self.kind == "number":
            values = self.values.astype("float64") + 0.0  # one hash for 1 and 1.0, for 0.0 and -0.0
        elif self.kind == "date":
            values = self.values.astype("datetime64[us]").astype("int64")
        hashes = pd.util.hash_array(values.array if isinstance(values, pd.Series) else values, categorize=True)
        hashes = np.where(self.null, _NULL_HASH, np.asarray(hashes, dtype=np.uint64))
        return cast("NDArray[np.uint64]", hashes)


def _outside(values: NDArray[Any], kwargs: Mapping[str, Any], *, dates: bool = False) -> Mask:
    low, high = (_scalar(kwargs.get(k), dates) for k in ("min_value", "max_value"))
    failed = np.zeros(len(values), dtype=bool)
    if low is not None:
        failed |= values <= low if kwargs.get("strict_min") else values < low
    if high is not None:
        failed |= values >= high if kwargs.get("strict_max") else values > high
    return failed


def _scalar(bound: Any, dates: bool) -> Any:
    if bound is None:
        return None
    if dates:
        return np.datetime64(datetime.fromisoformat(bound), "us")
    return int(bound) if float(bound).is_integer() else bound


def _within(observed: Any, kwargs: Mapping[str, Any]) -> bool:
    dates = isinstance(observed, np.datetime64)
    if observed is None or bool(pd.isna(observed)):
        return False
    return not bool(_outside(np.array([observed]), kwargs, dates=dates)[0])


# --------------------------------------------------------------------------------------------------------------- masks

_Rows = dict[int, tuple[int, Mask]]  # index → checked, failed rows
_Late = dict[int, tuple[int, Mask | None, bool, float | None]]  # index → checked, failed rows, success, observed


class _MaskJudge:
    """The suite as vectorised comparisons; keeps of each frame only what its later verdicts need."""

    def __init__(self, later: Sequence[Expectation]) -> None:
        self._later = later
        self._kept: dict[int, list[Any]] = {e.index: [] for e in later}

    def rows(self, columns: Mapping[str, _Column], now: Sequence[Expectation], suite: Suite) -> _Rows:
        return {e.index: _mask(e, [columns[name] for name in e.columns]) for e in now}

    def keep(self, columns: Mapping[str, _Column]) -> None:
        for e in self._later:
            self._kept[e.index].append(_part(e, [columns[name] for name in e.columns]))

    def delivery(self, suite: Suite, n_rows: int) -> _Late:
        return {e.index: _verdict(e, self._kept[e.index], n_rows) for e in self._later}


def _mask(e: Expectation, columns: Sequence[_Column]) -> tuple[int, Mask]:
    """Rows checked, and the mask of failing rows, of one expectation about single rows."""
    kind, kwargs, column = e.type, e.kwargs, columns[0]
    n_rows = len(column.null)
    if kind == "expect_column_values_to_not_be_null":
        return n_rows, column.null
    if kind == "expect_column_values_to_be_null":
        return n_rows, column.present
    if any(c.kind == "empty" for c in columns):
        return 0, np.zeros(n_rows, dtype=bool)
    if kind.startswith(("expect_column_pair", "expect_multicolumn")):
        present = np.logical_and.reduce([c.present for c in columns])
        if kind == "expect_column_pair_lists_a_to_be_within_b":
            pairs = [(str(a).split(), set(str(b).split())) for a, b in zip(*(c.series for c in columns), strict=True)]
            good = np.array([b.issuperset(a) for a, b in pairs], dtype=bool)
        elif kind == "expect_column_pair_values_to_differ":
            a, b = columns
            good = (a.series != b.series).to_numpy(bool) if a.kind == "text" else a.values != b.values
        elif kind == "expect_column_pair_values_to_be_equal":
            a, b = columns
            good = (a.series == b.series).to_numpy(bool) if a.kind == "text" else a.values == b.values
        elif kind == "expect_column_pair_values_a_to_be_greater_than_b":
            a, b = columns
            good = a.values >= b.values if kwargs.get("or_equal") else a.values > b.values
        else:
            total = columns[0].values
            for c in columns[1:]:
                total = total + c.values
            good = total == kwargs["sum_total"]
        return int(np.count_nonzero(present)), ~good & present
    failed = _column_mask(kind, kwargs, column)
    return column.n_present, failed & column.present if column.has_null else failed


def _column_mask(kind: str, kwargs: Mapping[str, Any], column: _Column) -> Mask:
    series = column.series
    if kind == "expect_column_values_to_be_between":
        return _outside(column.values, kwargs, dates=column.kind == "date")
    if kind == "expect_column_values_to_be_in_set":
        return ~series.isin(kwargs["value_set"]).to_numpy(dtype=bool)
    if kind == "expect_column_values_to_not_be_in_set":
        return series.isin(kwargs["value_set"]).to_numpy(dtype=bool)
    if kind == "expect_column_values_to_match_regex":
        return ~_matches(series, kwargs["regex"])
    if kind == "expect_column_values_to_not_match_regex":
        return _matches(series, kwargs["regex"])
    if kind == "expect_column_values_to_match_regex_list":
        combine = np.logical_and if kwargs.get("match_on") == "all" else np.logical_or
        return ~cast(Mask, combine.reduce([_matches(series, r) for r in kwargs["regex_list"]]))
    if kind == "expect_column_values_to_not_match_regex_list":
        return cast(Mask, np.logical_or.reduce([_matches(series, r) for r in kwargs["regex_list"]]))
    lengths = series.str.len().fillna(0).to_numpy(dtype="int64")
    if kind == "expect_column_value_lengths_to_equal":
        return cast(Mask, lengths != kwargs["value"])
    if kind == "expect_column_value_lengths_to_be_between":
        return _outside(lengths, kwargs)
    raise AssertionError(kind)


def _matches(series: pd.Series[Any], regex: str) -> Mask:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a regex with groups
        return series.str.contains(regex).fillna(False).to_numpy(dtype=bool)


def _part(e: Expectation, columns: Sequence[_Column]) -> Any:
    """What a verdict over the delivery needs of one frame."""
    kind = e.type
    if kind.startswith("expect_table_row_count"):
        return None
    column = columns[0]
    if e.across:
        return _part_across(e, columns)
    if "non_null" in kind:
        return column.n_present
    if "unique" in kind:
        return np.unique(column.hashes[column.present]), column.n_present
    if "distinct" in kind:
        wanted = e.kwargs["value_set"]
        known = column.series.isin(wanted).to_numpy(dtype=bool)
        foreign = bool((~known & column.present).any())
        return foreign, set(column.series[known].unique().tolist())
    if kind == "expect_column_min_to_be_between":
        return column.some.min() if column.n_present else None
    if kind == "expect_column_max_to_be_between":
        return column.some.max() if column.n_present else None
    if kind == "expect_column_median_to_be_between":
        return column.some
    return column.some.sum() if column.n_present else 0, column.n_present  # sum, mean


def _part_across(e: Expectation, columns: Sequence[_Column]) -> Any:
    """What the comparison of rows with each other needs of one frame."""
    kind, column = e.type, columns[0]
    if "interviews" in kind:
        present = np.logical_and.reduce([c.present for c in columns])
        ids = [c.hashes[present] for c in columns[:2]]
        rest = [np.asarray(c.series[present].to_numpy()) for c in columns[2:]]
        if kind == "expect_interviews_to_differ":
            rest = [comparisons.fingerprints(np.asarray(rest[0], dtype=str))]
        return (present, *ids, *rest)
    if "z_scores" in kind:
        return column.null, column.some
    hashes = column.hashes
    for c in columns[1:]:
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + c.hashes
    nulls = [c.null for c in columns]
    rule = e.kwargs.get("ignore_row_if", "all_values_are_missing")
    if rule == "never":
        return hashes, np.zeros(len(column.null), dtype=bool)
    return hashes, (np.logical_or if rule == "any_value_is_missing" else np.logical_and).reduce(nulls)


def _verdict(e: Expectation, parts: list[Any], n_rows: int) -> tuple[int, Mask | None, bool, float | None]:
    kind, kwargs = e.type, e.kwargs
    if "interviews" in kind:
        return _compared(e, parts, n_rows)
    if "z_scores" in kind:
        return _scored(e, parts, n_rows)
    if e.across:
        hashes = np.concatenate([p[0] for p in parts]) if parts else np.zeros(0, dtype=np.uint64)
        ignored = np.concatenate([p[1] for p in parts]) if parts else np.zeros(0, dtype=bool)
        failed = np.zeros(n_rows, dtype=bool)
        failed[~ignored] = pd.Series(hashes[~ignored]).duplicated(keep=False).to_numpy(dtype=bool)
        checked = n_rows - int(np.count_nonzero(ignored))
        return checked, failed, _passes(e, checked, int(np.count_nonzero(failed))), None
    observed: Any
    if kind == "expect_table_row_count_to_equal":
        return 1, None, n_rows == kwargs["value"], float(n_rows)
    if kind == "expect_table_row_count_to_be_between":
        observed = n_rows
    elif "non_null" in kind:
        observed = sum(parts) / n_rows if n_rows else 0
    elif "unique" in kind:
        n_unique = len(np.unique(np.concatenate([p[0] for p in parts]))) if parts else 0
        n_present = sum(p[1] for p in parts)
        observed = n_unique if kind.endswith("count_to_be_between") else n_unique / n_present if n_present else 0
    elif "distinct" in kind:
        foreign, seen = any(p[0] for p in parts), set().union(*(p[1] for p in parts))
        missing = set(kwargs["value_set"]) - seen
        success = {
            "expect_column_distinct_values_to_be_in_set": not foreign,
            "expect_column_distinct_values_to_contain_set": not missing,
            "expect_column_distinct_values_to_equal_set": not foreign and not missing,
        }[kind]
        return 1, None, success, None
    elif kind == "expect_column_min_to_be_between":
        observed = min((p for p in parts if p is not None), default=None)
    elif kind == "expect_column_max_to_be_between":
        observed = max((p for p in parts if p is not None), default=None)
    elif kind == "expect_column_median_to_be_between":
        some = np.concatenate(parts) if parts else np.zeros(0)
        observed = float(np.median(some)) if len(some) else None
    else:
        total, n_present = sum(p[0] for p in parts), sum(p[1] for p in parts)
        observed = total if "sum" in kind else total / n_present if n_present else None
    return 1, None, _within(observed, kwargs), float(observed) if kind in _COUNTED else None


def _compared(e: Expectation, parts: list[Any], n_rows: int) -> tuple[int, Mask | None, bool, float | None]:
    """The verdict on interviews that are compared with each other, from what was kept of each frame."""
    failed = np.zeros(n_rows, dtype=bool)
    present = np.concatenate([part[0] for part in parts]) if parts else failed
    checked = int(np.count_nonzero(present))
    if checked:
        some = [part for part in parts if part[0].any()]
        enumerators, interviews = (np.concatenate([part[k] for part in some]) for k in (1, 2))
        if e.type == "expect_interviews_to_be_apart":
            starts, ends = (np.concatenate([part[k] for part in some]) for k in (3, 4))
            found = comparisons.too_close(enumerators, interviews, starts, ends, e.kwargs.get("min_minutes", 10))
        else:
            width = max(part[3].shape[1] for part in some)
            answers = np.concatenate([np.pad(part[3], ((0, 0), (0, width - part[3].shape[1]))) for part in some])
            found = comparisons.nearly_equal(enumerators, interviews, answers, e.kwargs.get("max_differing", 7))
        failed[np.flatnonzero(present)[found]] = True
    return checked, failed, _passes(e, checked, int(np.count_nonzero(failed))), None


def _scored(e: Expectation, parts: list[Any], n_rows: int) -> tuple[int, Mask | None, bool, float | None]:
    """The verdict on values by their distance from the mean, in standard deviations (of a sample); nulls have none."""
    failed = np.zeros(n_rows, dtype=bool)
    null = np.concatenate([part[0] for part in parts]) if parts else failed
    # As a frame's column with nulls: the same sums in the same order as GX's.
    whole = np.full(n_rows, np.nan)
    if parts and not null.all():
        whole[~null] = np.concatenate([part[1] for part in parts if len(part[1])]).astype(float)
    values = pd.Series(whole)
    deviation = values.std()
    if deviation > 0:
        scores = (values - values.mean()) / deviation
        threshold = e.kwargs["threshold"]
        good = scores.abs() < abs(threshold) if e.kwargs.get("double_sided") else scores < threshold
        failed = ~(good | scores.isna()).to_numpy(dtype=bool)
    checked = int(np.count_nonzero(~null))
    return checked, failed, _passes(e, checked, int(np.count_nonzero(failed))), None


# ------------------------------------------------------------------------------------------------------------------ GX


class _GxJudge:
    """The suite by Great Expectations: an ephemeral context for the delivery, a batch for each frame."""

    def __init__(self, later: Sequence[Expectation]) -> None:
        self._later = later
        self._frames: list[pd.DataFrame] = []
        self._batches: Any = None

    def rows(self, columns: Mapping[str, _Column], now: Sequence[Expectation], suite: Suite) -> _Rows:
        names = dict.fromkeys(name for e in now for name in e.columns)
        frame = _gx_frame({name: columns[name] for name in names}, len(columns[""].null), now)
        judged: dict[int, tuple[int, Mask]] = {}
        for index, result in self._validate(frame, now, suite).items():
            judged[index] = _gx_rows(result, len(frame))
        return judged

    def keep(self, columns: Mapping[str, _Column]) -> None:
        names = dict.fromkeys(name for e in self._later for name in e.columns)
        if self._later:
            self._frames.append(
                pd.DataFrame({name: columns[name].series for name in names}, index=pd.RangeIndex(len(columns[""].null)))
            )

    def delivery(self, suite: Suite, n_rows: int) -> _Late:
        if not self._later:
            return {}
        whole = self._frames[0] if len(self._frames) == 1 else pd.concat(self._frames, ignore_index=True)
        frame = _gx_frame({str(name): _Column.of(whole[name]) for name in whole.columns}, n_rows, self._later)
        late: _Late = {}
        by_index = {e.index: e for e in self._later}
        for index, result in self._validate(frame, self._later, suite).items():
            e = by_index[index]
            if e.across:
                checked, failed = _gx_rows(result, n_rows)
                late[index] = checked, failed, bool(result["success"]), None
            else:
                observed = result["result"].get("observed_value") if e.type in _COUNTED else None
                late[index] = 1, None, bool(result["success"]), None if observed is None else float(observed)
        return late

    def _validate(self, frame: pd.DataFrame, expectations: Sequence[Expectation], suite: Suite) -> dict[int, Any]:
        """GX's results by index of the expectation. Its exceptions may quote cells: only their class is passed on."""
        if not expectations:
            return {}
        with gx_quiet():
            from great_expectations.core.expectation_suite import ExpectationSuite

            if self._batches is None:
                self._batches = _gx_batches()
            batch = self._batches.get_batch({"dataframe": frame})
            gx_suite = ExpectationSuite(
                name=suite.name,
                expectations=[
                    {"type": e.type, "kwargs": _gx_kwargs(e), "severity": e.severity, "meta": {"index": e.index}}
                    for e in expectations
                ],
            )
            results = batch.validate(
                gx_suite,
                result_format={
                    "result_format": "COMPLETE",
                    "exclude_unexpected_values": True,
                    "partial_unexpected_count": 0,
                },
            ).results
        by_index = {r.expectation_config.meta["index"]: r for r in results}
        for e in expectations:
            if e.index not in by_index or _gx_raised(by_index[e.index].exception_info):
                raise ContractError(
                    f"{suite.path}: expectations[{e.index}] ({e.type}): Great Expectations could not evaluate it",
                    "its message is not shown because it may quote data; try the suite on a generated file",
                )
        return by_index


def _gx_kwargs(e: Expectation) -> dict[str, Any]:
    """The kwargs with dates as moments: GX reads `2016-05-31` as a date, which pandas does not compare with moments."""
    moments = {
        name: datetime.fromisoformat(value).isoformat(timespec="seconds")
        for name, value in e.kwargs.items()
        if name in ("min_value", "max_value") and isinstance(value, str)
    }
    return {**e.kwargs, **moments}


def _gx_raised(info: Any) -> bool:
    if not isinstance(info, Mapping):
        return False
    return bool(info.get("raised_exception")) or any(_gx_raised(inner) for inner in info.values())


def _gx_rows(result: Any, n_rows: int) -> tuple[int, Mask]:
    counts = result["result"]
    failed = np.zeros(n_rows, dtype=bool)
    failed[np.asarray(counts.get("unexpected_index_list") or [], dtype="int64")] = True
    return int(counts["element_count"]) - int(counts.get("missing_count", 0)), failed


def _gx_frame(columns: Mapping[str, _Column], n_rows: int, expectations: Sequence[Expectation]) -> pd.DataFrame:
    """The columns as GX can compare them: dates in nanoseconds, the only unit whose bounds it parses."""
    data = {name: c.series for name, c in columns.items()}
    pairs = [e.columns for e in expectations if "pair" in e.type]
    dated = {name for name, c in columns.items() if c.kind == "date"}
    for _ in pairs:  # a column without values takes the type of the one it is compared with, and hands it on
        dated |= {name for pair in pairs if dated & set(pair) for name in pair if columns[name].kind == "empty"}
    for name in dated:
        if columns[name].kind == "empty":
            data[name] = pd.Series(np.full(n_rows, np.datetime64("NaT", "ns")))
    dates = [name for name, c in columns.items() if c.kind == "date"]
    data |= dict(zip(dates, _nanoseconds([columns[name].series for name in dates]), strict=True))
    return pd.DataFrame(data, index=pd.RangeIndex(n_rows))


def _nanoseconds(series: list[pd.Series[Any]]) -> list[pd.Series[Any]]:
    """Dates in nanoseconds. Those beyond that unit's range move to its ends, their order and equality kept."""
    moments = [s.to_numpy().astype("datetime64[us]") for s in series]
    first, last = np.datetime64("1677-12-01", "us"), np.datetime64("2262-02-01", "us")
    early = np.unique(np.concatenate([m[m < first] for m in moments])) if moments else np.zeros(0)
    late = np.unique(np.concatenate([m[m > last] for m in moments])) if moments else np.zeros(0)
    moved = []
    for m in moments:
        m = m.copy()
        below, above = m < first, m > last
        m[below] = first - np.timedelta64(len(early), "us") + np.searchsorted(early, m[below]).astype("timedelta64[us]")
        m[above] = last + np.timedelta64(1, "us") + np.searchsorted(late, m[above]).astype("timedelta64[us]")
        moved.append(pd.Series(m.astype("datetime64[ns]")))
    return moved


def _gx_batches() -> Any:
    """The batch definition of a new ephemeral context, with nothing that calls home or draws."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    from footprints.quality import gx_expectations  # noqa: F401 - registers them

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas("delivery").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole")


@contextmanager
def gx_quiet() -> Iterator[None]:
    """Keep GX from logging and warning: what it says may quote cells.

    Some of its modules set a level of their own, so its records are stopped where they leave its loggers.
    """
    logger = logging.getLogger("great_expectations")
    if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())
    propagate, logger.propagate = logger.propagate, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.propagate = propagate
