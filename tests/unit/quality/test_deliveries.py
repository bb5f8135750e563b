"""What a delivery is compared with the last one for."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from footprints.quality.deliveries import Profile, Profiler, Thresholds, compare

LAST = Profile(1000, date(2014, 1, 1), date(2016, 12, 31), 36, 20, {"n_dead": 5000.0, "n_missing": 4.0})


def test_the_same_coverage_is_silent() -> None:
    assert compare(LAST, LAST) == []


def test_fewer_rows_periods_and_countries_are_flagged_each() -> None:
    issues = compare(LAST, Profile(899, LAST.period_from, LAST.period_to, 12, 10, LAST.totals))
    assert [(i.rule, i.severity, i.parameters) for i in issues] == [
        ("coverage.shrank", "flag", {"measure": "rows", "before": 1000, "after": 899}),
        ("coverage.shrank", "flag", {"measure": "periods", "before": 36, "after": 12}),
        ("coverage.shrank", "flag", {"measure": "countries", "before": 20, "after": 10}),
    ]


@pytest.mark.parametrize(("total", "jumped"), [(15000.0, False), (15001.0, True), (1700.0, False), (1600.0, True)])
def test_a_total_that_jumps_either_way_is_flagged(total: float, jumped: bool) -> None:
    issues = compare(LAST, Profile(1000, None, None, 36, 20, {"n_dead": total, "n_missing": 4.0}))
    assert [(i.rule, i.column) for i in issues] == ([("total.jumped", "n_dead")] if jumped else [])


def test_small_totals_may_jump() -> None:
    now = Profile(1000, None, None, 36, 20, {"n_dead": 5000.0, "n_missing": 99.0})
    assert compare(LAST, now) == []
    assert [i.column for i in compare(LAST, now, Thresholds(min_total=10))] == ["n_missing"]


def test_a_total_that_vanished_has_jumped() -> None:
    assert [i.column for i in compare(LAST, Profile(1000, None, None, 36, 20, {}))] == ["n_dead"]


def test_a_profile_counts_over_all_frames() -> None:
    profiler = Profiler("incident")
    for days, countries, dead in (
        (["2016-05-01", "2016-05-31", "NaT"], ["MLI", None, "NER"], [1, None, 3]),
        (["2014-01-07", "2016-06-01", "9999-01-01"], ["MLI", "ITA", None], [None, 2, 4]),
    ):
        profiler.add(
            pd.DataFrame(
                {
                    "incident_date": np.array(days, dtype="datetime64[s]"),
                    "country_code": pd.array(countries, dtype="str"),
                    "n_dead": pd.array(dead, dtype="Int64"),
                    "n_missing": pd.array([None] * 3, dtype="Int64"),
                }
            )
        )
    profile = profiler.finish()
    assert profile == Profile(6, date(2014, 1, 7), date(9999, 1, 1), 4, 3, {"n_dead": 10.0})
    assert Profile.from_json(profile.to_json()) == profile


def test_years_are_periods_too() -> None:
    profiler = Profiler("population")
    profiler.add(pd.DataFrame({"year": pd.array([2014, 2015, 2014, None], dtype="Int64")}))
    assert profiler.finish() == Profile(4, date(2014, 1, 1), date(2015, 12, 31), 2, 0, {})


def test_an_empty_delivery_has_a_profile() -> None:
    assert Profiler("interview").finish() == Profile(0)
