"""Early or late by cadence, better or worse than the last deliveries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from footprints.contracts import Contract, load_contract
from footprints.model import Counts, Delivery
from footprints.settings import REPOSITORY
from footprints.standing import Before, add, quality, rhythm

START = datetime(2024, 1, 31, 8, tzinfo=UTC)
MONTHLY: Contract = replace(load_contract(REPOSITORY / "expectations" / "mhub-incidents"), cadence="P1M")
LAST = Before(7, START, START, "plain", 100, 10, 5)


def delivery(received_at: datetime, as_of: datetime, counts: Counts | None = None) -> Delivery:
    return Delivery(
        delivery_id=9,
        partner_id="p",
        source_id="mhub-incidents",
        bucket="b",
        object_key="k",
        object_version="v",
        size_bytes=1,
        enrolled_by="sweep",
        state="loaded",
        received_at=received_at,
        as_of=as_of,
        layout="plain",
        counts=counts or Counts(),
    )


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("P1M", datetime(2024, 2, 29, 8, tzinfo=UTC)),
        ("P1Y", datetime(2025, 1, 31, 8, tzinfo=UTC)),
        ("P13M", datetime(2025, 2, 28, 8, tzinfo=UTC)),
        ("P2W", START + timedelta(days=14)),
        ("P1M1D", datetime(2024, 3, 1, 8, tzinfo=UTC)),
    ],
)
def test_a_duration_is_added_as_a_calendar_has_it(duration: str, expected: datetime) -> None:
    assert add(START, duration) == expected


@pytest.mark.parametrize(
    ("facts", "arrival", "verdict", "days"),
    [
        (29, 29, "on_time", 0),  # due on 29 February
        (36, 36, "on_time", 0),  # within a quarter of the interval
        (40, 40, "late", 11),
        (29, 60, "late", 31),  # its facts are in time, it is not
        (12, 12, "early", 17),
        (12, 29, "early", 17),  # facts of too short a time, sent when due
        (29, 1, "on_time", 0),  # many months sent at once
    ],
)
def test_late_by_facts_or_arrival_early_by_facts(facts: int, arrival: int, verdict: str, days: int) -> None:
    found = rhythm(MONTHLY, delivery(START + timedelta(days=arrival), START + timedelta(days=facts)), [LAST])
    assert found is not None
    assert (found.verdict, found.days, found.after) == (verdict, days, 7)


def test_without_cadence_or_version_nothing_is_said_and_the_first_is_the_first() -> None:
    this = delivery(START, START)
    assert rhythm(replace(MONTHLY, cadence=None), this, [LAST]) is None
    assert rhythm(MONTHLY, replace(this, as_of=None), [LAST]) is None
    first = rhythm(MONTHLY, this, [])
    assert first is not None and (first.verdict, first.after, first.due) == ("first", None, None)


def test_where_all_files_state_the_same_moment_the_arrival_counts() -> None:
    layouts = tuple(replace(layout, name="plain", as_of={"value": "2014-01-01"}) for layout in MONTHLY.layouts[:1])
    moment = datetime(2014, 1, 1, tzinfo=UTC)
    found = rhythm(
        replace(MONTHLY, layouts=layouts),
        delivery(START + timedelta(days=40), moment),
        [replace(LAST, as_of=moment)],
    )
    assert found is not None and (found.verdict, found.days) == ("late", 11)


@pytest.mark.parametrize(
    ("rejected", "flagged", "verdict"),
    [(10, 5, "same"), (10, 20, "worse"), (30, 0, "worse"), (2, 50, "better"), (10, 0, "better")],
)
def test_rejected_rows_count_before_flagged_ones(rejected: int, flagged: int, verdict: str) -> None:
    counts = Counts(rows_read=100, rows_rejected=rejected)
    others = [replace(LAST, n_rejected=n) for n in (10, 90, 10, 0, 10, 99, 99)]
    found = quality(delivery(START, START, counts), flagged, others)
    assert found is not None
    assert (found.verdict, found.n_compared, found.usual_rejected, found.usual_flagged) == (verdict, 5, 0.1, 0.05)


def test_only_deliveries_of_the_same_layout_with_counts_are_compared() -> None:
    counts = Counts(rows_read=100)
    this = delivery(START, START, counts)
    for other in (replace(LAST, layout="other"), replace(LAST, n_read=0), replace(LAST, n_flagged=None)):
        assert quality(this, 0, [other]) is None
    assert quality(replace(this, counts=Counts()), 0, [LAST]) is None
