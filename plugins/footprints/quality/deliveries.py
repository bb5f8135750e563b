"""Checks across deliveries: does this one cover less than the last, did a total jump? They flag, they never reject.

A partner who forgets half the export, or sends a total in place of a month, sends a file whose every row is good. What
is compared is a profile of each delivery: counts, dates and sums, no cell. Compare deliveries of the same source and
layout only; another layout of a source covers other things.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from footprints.model import Issue

_PERIODS: Mapping[str, str] = {
    "incident": "incident_date",
    "population": "year",
    "asylum_application": "year",
    "flow": "period_start",
    "displacement": "reporting_date",
    "interview": "interview_date",
    "data_collection": "collected_from",
}
_COUNTRIES: Mapping[str, str] = {
    "incident": "country_code",
    "population": "asylum_code",
    "asylum_application": "asylum_code",
    "flow": "destination_code",
    "displacement": "country_code",
    "interview": "interview_country_code",
    "data_collection": "provider_country",
}


@dataclass(frozen=True)
class Profile:
    """What a delivery covers: records, months (or years) and countries that it states, and the sums of its counts.

    `totals` is by column; a column without any value has none.
    """

    n_rows: int
    period_from: date | None = None
    period_to: date | None = None
    n_periods: int = 0
    n_countries: int = 0
    totals: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON values, to be kept with the delivery."""
        values = asdict(self)
        for name in ("period_from", "period_to"):
            values[name] = values[name].isoformat() if values[name] else None
        return values | {"totals": dict(self.totals)}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Profile:
        """The profile that `to_json` wrote."""
        read = dict(values)
        for name in ("period_from", "period_to"):
            read[name] = date.fromisoformat(read[name]) if read.get(name) else None
        return Profile(**read)


@dataclass(frozen=True)
class Thresholds:
    """How much less, and how many times more or less, is worth a flag."""

    min_share: float = 0.9
    """Flag where rows, periods or countries fall under this share of the last delivery's."""
    max_factor: float = 3.0
    """Flag where a total is more than so many times the last delivery's, or less than that part of it."""
    min_total: float = 100.0
    """Totals are compared where one of the two is at least this: small ones jump by nature."""


class Profiler:
    """Makes the profile of a delivery whose typed frames (columns of a core table) are added one by one."""

    def __init__(self, table: str) -> None:
        self._period = _PERIODS.get(table)
        self._country = _COUNTRIES.get(table)
        self._n_rows = 0
        self._first: date | None = None
        self._last: date | None = None
        self._periods: set[int] = set()
        self._countries: set[str] = set()
        self._totals: dict[str, float] = {}

    def add(self, frame: pd.DataFrame) -> None:
        """Count a frame in."""
        self._n_rows += len(frame)
        if self._period in frame.columns:
            self._add_periods(frame[self._period].dropna())
        if self._country in frame.columns:
            self._countries.update(frame[self._country].dropna().unique().tolist())
        for name in frame.columns:
            values = frame[name]
            if str(name).startswith("n_") and pd.api.types.is_numeric_dtype(values.dtype) and values.notna().any():
                self._totals[str(name)] = self._totals.get(str(name), 0.0) + float(values.sum())

    def _add_periods(self, values: pd.Series[Any]) -> None:
        if values.empty:
            return
        if pd.api.types.is_datetime64_any_dtype(values.dtype):
            days = values.to_numpy().astype("datetime64[D]")
            months = np.unique(days.astype("datetime64[M]").astype("int64")).tolist()
        elif pd.api.types.is_integer_dtype(values.dtype):
            years = values.to_numpy(dtype="int64")
            years = years[(years >= 1) & (years <= 9999)]
            if not len(years):
                return
            days = np.array([f"{years.min():04d}-01-01", f"{years.max():04d}-12-31"], dtype="datetime64[D]")
            months = np.unique(years).tolist()
        else:
            return
        first, last = days.min().item(), days.max().item()
        self._first = first if self._first is None else min(self._first, first)
        self._last = last if self._last is None else max(self._last, last)
        self._periods.update(months)

    def finish(self) -> Profile:
        """The profile of all frames."""
        return Profile(
            self._n_rows, self._first, self._last, len(self._periods), len(self._countries), dict(self._totals)
        )


def compare(before: Profile, now: Profile, thresholds: Thresholds | None = None) -> list[Issue]:
    """The flags that a delivery gets against the last loaded one of the same source and layout; none, usually."""
    limits = thresholds or Thresholds()
    return [*_coverage(before, now, limits), *_totals(before, now, limits)]


def _coverage(before: Profile, now: Profile, limits: Thresholds) -> list[Issue]:
    measures = {
        "rows": (before.n_rows, now.n_rows),
        "periods": (before.n_periods, now.n_periods),
        "countries": (before.n_countries, now.n_countries),
    }
    return [
        Issue("coverage.shrank", "flag", parameters={"measure": measure, "before": then, "after": after})
        for measure, (then, after) in measures.items()
        if after < limits.min_share * then
    ]


def _totals(before: Profile, now: Profile, limits: Thresholds) -> list[Issue]:
    issues = []
    for column, then in sorted(before.totals.items()):
        after = now.totals.get(column, 0.0)
        small, large = sorted((abs(then), abs(after)))
        if large >= limits.min_total and large > limits.max_factor * small:
            parameters = {"column": column, "before": _whole(then), "after": _whole(after)}
            issues.append(Issue("total.jumped", "flag", column, parameters=parameters))
    return issues


def _whole(total: float) -> float:
    return int(total) if float(total).is_integer() else total
