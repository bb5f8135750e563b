"""Expectations of the field that Great Expectations does not have, as expectations of its own kind.

Importing this module imports Great Expectations (seconds) and registers them there: the engine does it where it runs
GX. What each asks for is said in its docstring; the thresholds are kwargs of the suite, with their defaults here.
"""

# GX does not type its decorators, and re-exports names without saying so.
# mypy: disable-error-code="attr-defined,untyped-decorator"

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnPairMapExpectation, MulticolumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnPairMapMetricProvider,
    MulticolumnMapMetricProvider,
    column_pair_condition_partial,
    multicolumn_condition_partial,
)

from footprints.quality import comparisons

_PAIR_DOMAIN = ("batch_id", "table", "column_A", "column_B", "row_condition", "condition_parser", "ignore_row_if")
_IgnorePair = Literal["both_values_are_missing", "either_value_is_missing", "neither"]
_LIST_DOMAIN = ("batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if")


class ColumnPairValuesDiffer(ColumnPairMapMetricProvider):
    """Whether the values of two columns differ."""

    condition_metric_name = "column_pair_values.differ"
    condition_domain_keys = _PAIR_DOMAIN
    condition_value_keys = ()

    @column_pair_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_A: Any, column_B: Any, **kwargs: Any) -> Any:  # noqa: N803, N805 - GX's names
        return column_A != column_B


class ExpectColumnPairValuesToDiffer(ColumnPairMapExpectation):
    """Expect two columns not to hold the same value in a row (a country of interview that is the nationality)."""

    ignore_row_if: _IgnorePair = "either_value_is_missing"
    map_metric: ClassVar[str] = "column_pair_values.differ"
    success_keys: ClassVar[tuple[str, ...]] = ("column_A", "column_B", "ignore_row_if", "mostly")


class ColumnPairListsWithin(ColumnPairMapMetricProvider):
    """Whether every word of A is one of the words of B."""

    condition_metric_name = "column_pair_lists.a_within_b"
    condition_domain_keys = _PAIR_DOMAIN
    condition_value_keys = ()

    @column_pair_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_A: Any, column_B: Any, **kwargs: Any) -> Any:  # noqa: N803, N805 - GX's names
        good = [set(a.split()) <= set(b.split()) for a, b in zip(column_A, column_B, strict=True)]
        return pd.Series(good, index=column_A.index, dtype=bool)


class ExpectColumnPairListsAToBeWithinB(ColumnPairMapExpectation):
    """Expect all words of A to be among those of B (the countries of the stops among those of the route)."""

    ignore_row_if: _IgnorePair = "either_value_is_missing"
    map_metric: ClassVar[str] = "column_pair_lists.a_within_b"
    success_keys: ClassVar[tuple[str, ...]] = ("column_A", "column_B", "ignore_row_if", "mostly")


class InterviewsApart(MulticolumnMapMetricProvider):
    """Whether an interview keeps its distance from the others of its enumerator."""

    condition_metric_name = "interviews.apart"
    condition_domain_keys = _LIST_DOMAIN
    condition_value_keys = ("min_minutes",)

    @multicolumn_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_list: Any, **kwargs: Any) -> Any:  # noqa: N805 - GX's names
        enumerators, interviews, starts, ends = (column_list[name] for name in column_list.columns)
        if not len(column_list):
            return pd.Series([], dtype=bool)
        failed = comparisons.too_close(
            pd.factorize(enumerators)[0],
            pd.factorize(interviews)[0],
            starts.to_numpy(dtype="datetime64[ns]"),
            ends.to_numpy(dtype="datetime64[ns]"),
            kwargs["min_minutes"],
        )
        return pd.Series(~failed, index=column_list.index)


class ExpectInterviewsToBeApart(MulticolumnMapExpectation):
    """Expect an enumerator to begin an interview at least so many minutes after the last one ended.

    `column_list`: enumerator, interview, start, end.
    """

    min_minutes: float = 10
    map_metric: ClassVar[str] = "interviews.apart"
    success_keys: ClassVar[tuple[str, ...]] = ("min_minutes", "mostly")


class InterviewsDiffer(MulticolumnMapMetricProvider):
    """Whether an interview differs from each other of its enumerator in more than so many answers."""

    condition_metric_name = "interviews.differ"
    condition_domain_keys = _LIST_DOMAIN
    condition_value_keys = ("max_differing",)

    @multicolumn_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_list: Any, **kwargs: Any) -> Any:  # noqa: N805 - GX's names
        enumerators, interviews, texts = (column_list[name] for name in column_list.columns)
        if not len(column_list):
            return pd.Series([], dtype=bool)
        failed = comparisons.nearly_equal(
            pd.factorize(enumerators)[0],
            pd.factorize(interviews)[0],
            comparisons.fingerprints(np.asarray(texts.to_list(), dtype=str)),
            kwargs["max_differing"],
        )
        return pd.Series(~failed, index=column_list.index)


class ExpectInterviewsToDiffer(MulticolumnMapExpectation):
    """Expect no two interviews of an enumerator to have only so many answers that differ.

    `column_list`: enumerator, interview, fingerprint (one character for each answer).
    """

    max_differing: int = 7
    map_metric: ClassVar[str] = "interviews.differ"
    success_keys: ClassVar[tuple[str, ...]] = ("max_differing", "mostly")
