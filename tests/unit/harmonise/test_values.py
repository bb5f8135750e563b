"""Texts to values: what cannot be read is marked, never guessed, and nothing raises."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprints.contracts import Column
from footprints.harmonise.countries import load_crosswalk
from footprints.harmonise.folding import fold
from footprints.harmonise.values import ARROW_TYPES, parse_column

COUNTRIES = load_crosswalk()


def parse(texts: list[str | None], nulls: tuple[str, ...] = ("",), **spec: Any) -> tuple[list[Any], list[bool]]:
    parsed = parse_column(pa.array(texts, pa.large_string()), Column("x", **spec), nulls, COUNTRIES)
    return parsed.values.to_pylist(), parsed.bad.tolist()


def test_integers() -> None:
    values, bad = parse(["7", " 7 ", "1,234", "7.0", "7.5", "seven", "", None, "-1"], type="integer", thousands=",",
                        unknown=("-1",))  # fmt: skip
    assert values == [7, 7, 1234, 7, None, None, None, None, None]
    assert bad == [False, False, False, False, True, True, False, False, False]


def test_the_thirtieth_of_february_is_no_day() -> None:
    values, bad = parse(["28/02/2021", "30/02/2021", "2021-02-28"], type="date", formats=("%d/%m/%Y",))
    assert values == [datetime(2021, 2, 28), None, datetime(2021, 2, 28)]
    assert bad == [False, True, False]


def test_a_local_midnight_in_utc_is_the_local_day() -> None:
    values, _ = parse(["2016-07-01T22:00:00.000Z"], type="date", formats=("%Y-%m-%dT%H:%M:%S.%fZ",),
                      timezone="Europe/Berlin")  # fmt: skip
    assert values == [datetime(2016, 7, 2)]


def test_the_end_of_a_month_knows_leap_years() -> None:
    values, _ = parse(["FEB2016", "FEB2017"], type="month", formats=("%b%Y",), end_of="month")
    assert values == [datetime(2016, 2, 29), datetime(2017, 2, 28)]


def test_decimal_commas() -> None:
    assert parse(["1.234,5", "0,5"], type="number", decimal=",", thousands=".")[0] == [1234.5, 0.5]


def test_withheld_counts_are_neither_null_nor_bad() -> None:
    column = Column("x", type="count", withheld=("*",))
    parsed = parse_column(pa.array(["*", "5"], pa.large_string()), column, ("",), COUNTRIES)
    assert parsed.withheld is not None
    assert (parsed.values.to_pylist(), parsed.bad.tolist(), parsed.withheld.tolist()) == (
        [None, 5],
        [False, False],
        [True, False],
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [("Niger", "NER"), ("côte d’ivoire", "CIV"), ("ليبيا", "LBY"), ("Algérie", "DZA"), ("NA", "NAM"), ("mli", "MLI")],
)
def test_countries_in_three_languages_and_codes(text: str, code: str) -> None:
    assert parse([text], type="country") == ([code], [False])


def test_an_unknown_country_is_not_guessed() -> None:
    assert parse(["Nigeria & Niger"], type="country") == ([None], [True])


def test_na_is_null_only_where_the_contract_says_so() -> None:
    assert parse(["NA"])[0] == ["NA"]
    assert parse(["NA"], nulls=("", "NA"))[0] == [None]


def test_mojibake_is_mended() -> None:
    assert parse(["TÃ¼rkiye"])[0] == ["Türkiye"]


@given(
    st.lists(st.none() | st.text(max_size=20), max_size=6),
    st.sampled_from(sorted(ARROW_TYPES)),
    st.booleans(),
)
def test_nothing_raises_and_bad_cells_have_no_value(texts: list[str | None], kind: str, with_comma: bool) -> None:
    values, bad = parse(
        texts, type=kind, formats=("%Y-%m-%d", "%d %B %Y"), map={"a": "b"}, decimal="," if with_comma else "."
    )
    assert len(values) == len(bad) == len(texts)
    assert all(value is None for value, is_bad in zip(values, bad, strict=True) if is_bad)


@given(st.integers(-999_999_999, 999_999_999))
def test_every_integer_comes_back(number: int) -> None:
    assert parse([str(number)], type="integer") == ([number], [False])


@given(st.text(max_size=30))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
