"""Masks give what Great Expectations gives, rule by rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from footprints.quality.engine import Checker, Outcome, check
from footprints.quality.suites import TYPES, Suite, parse_suite

TEXTS = ["", "a", "ab", "abc", "Zürich", "مالي", "KEN", "12", "x y"]
DAYS = ["0219-03-01", "1951-01-01", "2016-02-29", "2016-05-31", "2016-06-01", "2024-12-31", "2999-01-01", "9999-12-31"]
MOMENTS = ["2016-05-31T08:00", "2016-05-31T08:04", "2016-05-31T08:30", "2016-05-31T09:00", "2016-06-01T08:00"]


def _optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values, values)


ROW = st.fixed_dictionaries(
    {
        "i": _optional(st.integers(-3, 6)),
        "j": st.integers(-3, 6),
        "k": _optional(st.integers(0, 3)),
        "f": _optional(st.sampled_from([-1.5, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0, 1e9])),
        "d": _optional(st.sampled_from(DAYS)),
        "e": _optional(st.sampled_from(DAYS)),
        "z": _optional(st.sampled_from(DAYS[1:-2])),
        "t": _optional(st.sampled_from(TEXTS)),
        "u": _optional(st.sampled_from(TEXTS)),
        "o": _optional(st.sampled_from(TEXTS)),
        "b": _optional(st.booleans()),
        "p": _optional(st.sampled_from(MOMENTS)),
        "q": _optional(st.sampled_from(MOMENTS)),
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=12)


def frame_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The typed frame of the generated rows; the columns `n`, `m` and `x` are null throughout."""
    raw = {name: [row[name] for row in rows] for name in rows[0]}
    return pd.DataFrame(
        {
            "i": pd.array(raw["i"], dtype="Int64"),
            "j": np.array(raw["j"], dtype="int64"),
            "k": pd.array(raw["k"], dtype="Int64"),
            "f": np.array([np.nan if v is None else v for v in raw["f"]], dtype="float64"),
            "d": np.array(["NaT" if v is None else v for v in raw["d"]], dtype="datetime64[s]"),
            "e": np.array(["NaT" if v is None else v for v in raw["e"]], dtype="datetime64[s]"),
            "z": pd.Series(
                np.array(["NaT" if v is None else v for v in raw["z"]], dtype="datetime64[us]")
            ).dt.tz_localize("UTC"),
            "t": pd.array(raw["t"], dtype="str"),
            "u": pd.array(raw["u"], dtype="str"),
            "o": pd.Series(raw["o"], dtype=object),
            "b": pd.array(raw["b"], dtype="boolean"),
            "p": np.array(["NaT" if v is None else v for v in raw["p"]], dtype="datetime64[s]"),
            "q": np.array(["NaT" if v is None else v for v in raw["q"]], dtype="datetime64[s]"),
            "n": pd.array([None] * len(rows), dtype="Int64"),
            "m": np.array(["NaT"] * len(rows), dtype="datetime64[s]"),
            "x": pd.array([None] * len(rows), dtype="str"),
        }
    )


# A shrunk example is not worth the minutes that GX takes for it: the assertion names the expectation.
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
LIMITS = st.integers(-2, 4)


def suite_of(*expectations: tuple[str, dict[str, Any]], severity: str = "critical") -> Suite:
    entries = [{"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity} for kind, kwargs in expectations]
    return parse_suite({"name": "generated", "expectations": entries}, Path("generated.json"))


@st.composite
def suites(draw: st.DrawFn) -> Suite:  # noqa: C901
    """A suite with every type on every column it can judge, with drawn limits."""

    def limits(values: list[Any]) -> dict[str, Any]:
        low, high = sorted(draw(st.tuples(st.sampled_from(values), st.sampled_from(values))))
        given_limits = {"min_value": low, "max_value": high, "strict_min": draw(st.booleans())}
        given_limits["strict_max"] = draw(st.booleans())
        left_out = draw(st.sampled_from(["", "min", "max"]))
        return {k: v for k, v in given_limits.items() if not left_out or not k.endswith(f"{left_out}_value")}

    def mostly() -> dict[str, float]:
        share = draw(st.sampled_from([None, 0.0, 0.5, 0.75, 1.0]))
        return {} if share is None else {"mostly": share}

    numbers, shares = [-2, 0, 1, 1.5, 3], [0, 0.25, 0.5, 1]
    days = ["1951-01-01", "2016-02-29", "2016-06-01", "2024-12-31"]
    made: list[tuple[str, dict[str, Any]]] = []
    for column in "ijkfdeztuobnmx":
        made.append(("column_values_to_not_be_null", {"column": column, **mostly()}))
        made.append(("column_values_to_be_null", {"column": column, **mostly()}))
        made.append(("column_proportion_of_non_null_values_to_be_between", {"column": column, **limits(shares)}))
    for column in "ijkfn":
        made.append(("column_values_to_be_between", {"column": column, **limits(numbers), **mostly()}))
        for what in ("min", "max", "sum", "mean", "median"):
            made.append((f"column_{what}_to_be_between", {"column": column, **limits(numbers)}))
        made.append(("column_values_to_be_in_set", {"column": column, "value_set": [0, 1, 3], **mostly()}))
        made.append(("column_values_to_not_be_in_set", {"column": column, "value_set": [1, 3], **mostly()}))
        for what in ("be_in_set", "contain_set", "equal_set"):
            made.append((f"column_distinct_values_to_{what}", {"column": column, "value_set": [0, 1, 2]}))
    for column in "dezm":
        made.append(("column_values_to_be_between", {"column": column, **limits(days), **mostly()}))
        made.append(("column_min_to_be_between", {"column": column, **limits(days)}))
        made.append(("column_max_to_be_between", {"column": column, **limits(days)}))
    for column in "tuox":
        value_set = draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=5, unique=True))
        made.append(("column_values_to_be_in_set", {"column": column, "value_set": value_set, **mostly()}))
        made.append(("column_values_to_not_be_in_set", {"column": column, "value_set": value_set, **mostly()}))
        made.append(("column_values_to_match_regex", {"column": column, "regex": "^[A-Z]", **mostly()}))
        made.append(("column_values_to_not_match_regex", {"column": column, "regex": r"^(a|\d)", **mostly()}))
        patterns = ["^a", r"(?<=a)b", "c$"]
        match_on = draw(st.sampled_from(["any", "all"]))
        made.append(
            ("column_values_to_match_regex_list", {"column": column, "regex_list": patterns, "match_on": match_on})
        )
        made.append(("column_values_to_match_regex_list", {"column": column, "regex_list": patterns[:2]}))
        made.append(("column_values_to_not_match_regex_list", {"column": column, "regex_list": patterns}))
        made.append(("column_value_lengths_to_be_between", {"column": column, **limits([0, 1, 2, 3]), **mostly()}))
        made.append(("column_value_lengths_to_equal", {"column": column, "value": 2}))
        for what in ("be_in_set", "contain_set", "equal_set"):
            made.append((f"column_distinct_values_to_{what}", {"column": column, "value_set": value_set}))
    for column in "ijkfdeztuonmx":
        made.append(("column_values_to_be_unique", {"column": column, **mostly()}))
        made.append(("column_unique_value_count_to_be_between", {"column": column, **limits([0, 1, 2, 5])}))
        made.append(("column_proportion_of_unique_values_to_be_between", {"column": column, **limits(shares)}))
    for a, b in ("ij", "jk", "if", "fi", "de", "dz", "tu", "to", "in", "md", "xt"):
        pair = {"column_A": a, "column_B": b, "ignore_row_if": "either_value_is_missing", **mostly()}
        made.append(("column_pair_values_to_be_equal", pair))
        made.append(("column_pair_values_to_differ", pair))
        if {a, b} <= set("tuox"):
            made.append(("column_pair_lists_a_to_be_within_b", pair))
        if not {a, b} & set("tuox"):
            made.append(("column_pair_values_a_to_be_greater_than_b", {**pair, "or_equal": draw(st.booleans())}))
    for names in ("ij", "ijk", "if", "dt", "tu", "dm", "in"):
        for rule in ("all_values_are_missing", "any_value_is_missing", "never"):
            made.append(("compound_columns_to_be_unique", {"column_list": list(names), "ignore_row_if": rule}))
        if set(names) <= set("ijkfn"):
            total = {"sum_total": draw(LIMITS), "ignore_row_if": "any_value_is_missing"}
            made.append(("multicolumn_sum_to_equal", {"column_list": list(names), **total, **mostly()}))
    for column in "ijkfn":
        score = {"threshold": draw(st.sampled_from([0.5, 1, 1.5])), "double_sided": draw(st.booleans())}
        made.append(("column_value_z_scores_to_be_less_than", {"column": column, **score, **mostly()}))
    rule = {"ignore_row_if": "any_value_is_missing", **mostly()}
    for names in ("tupq", "tuqp", "otpq", "tupm", "xupq"):
        close = {"min_minutes": draw(st.sampled_from([0, 10, 60]))}
        made.append(("interviews_to_be_apart", {"column_list": list(names), **close, **rule}))
    for names in ("tuo", "otu", "uot", "txu"):
        few = {"max_differing": draw(st.integers(0, 3))}
        made.append(("interviews_to_differ", {"column_list": list(names), **few, **rule}))
    made.append(("table_row_count_to_be_between", {"min_value": draw(st.integers(0, 5)), "max_value": 8}))
    made.append(("table_row_count_to_equal", {"value": draw(st.integers(0, 5))}))
    return suite_of(*made)


def same(gx: list[Outcome], masks: list[Outcome]) -> None:
    for theirs, ours in zip(gx, masks, strict=True):
        name = f"{theirs.expectation.type} {dict(theirs.expectation.kwargs)}"
        assert ours.success == theirs.success, name
        assert (ours.result.n_checked, ours.result.n_failed) == (theirs.result.n_checked, theirs.result.n_failed), name
        assert (ours.failed is None) == (theirs.failed is None), name
        if theirs.failed is not None and ours.failed is not None:
            assert ours.failed.tolist() == theirs.failed.tolist(), name
        assert ours.observed == pytest.approx(theirs.observed), name


@settings(max_examples=6, phases=NO_SHRINKING, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(ROWS, suites())
def test_masks_give_what_gx_gives(rows: list[dict[str, Any]], suite: Suite) -> None:
    frame = frame_of(rows)
    same(check(frame, suite, "gx"), check(frame, suite, "masks"))


@settings(max_examples=2, phases=NO_SHRINKING, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(suites())
def test_every_supported_type_is_compared(suite: Suite) -> None:
    assert {e.type for e in suite.expectations} == set(TYPES)


@settings(
    max_examples=20, phases=NO_SHRINKING, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(ROWS, ROWS, suites())
def test_chunks_give_what_one_frame_gives(
    first: list[dict[str, Any]], second: list[dict[str, Any]], suite: Suite
) -> None:
    whole = check(frame_of(first + second), suite, "masks")
    checker = Checker(suite, "masks")
    parts = [checker.add(frame_of(rows)) for rows in (first, second)]
    finished = checker.finish()
    for k, outcome in enumerate(parts[0]):
        joined = np.concatenate([part[k].failed for part in parts])
        expected = whole[outcome.expectation.index].failed
        assert expected is not None and joined.tolist() == expected.tolist()
    for ours, expected in zip(finished, whole, strict=True):
        assert (ours.success, ours.result) == (expected.success, expected.result)
        if ours.failed is not None:
            assert ours.failed.tolist() == expected.failed.tolist()
