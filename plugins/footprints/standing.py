"""How a delivery stands to those before it: early or late by the source's cadence, better or worse than the last ones.

"Before" is by version (`as_of`, `delivery_id`), not by the clock, so that a replay says the same. Files of rows to fix
are left out: they are no deliveries of their own.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import Connection, text

from footprints.contracts import Contract
from footprints.model import Delivery, Quality, Rhythm

N_COMPARED = 5
"""A delivery is compared with the median of so many before it."""
TOLERANCE = 0.01
"""Shares that differ by less (a row in a hundred) are the same."""
GRACE = 0.25
"""A delivery within this part of the interval (a day at least) before or after the due date is on time."""


@dataclass(frozen=True)
class Before:
    """An earlier delivery of the same source."""

    delivery_id: int
    received_at: datetime
    as_of: datetime | None
    layout: str | None
    n_read: int
    n_rejected: int
    n_flagged: int | None


def earlier(connection: Connection, delivery: Delivery, limit: int = 200) -> list[Before]:
    """The deliveries of the same source before this one, by version, newest first.

    Only those that are loaded, or superseded since, and that are no files of rows to fix. One that is held has no
    version: before it are those of lower number.
    """
    order = "(as_of, delivery_id) < (:as_of, :id)" if delivery.as_of is not None else "delivery_id < :id"
    rows = connection.execute(
        text(
            "SELECT delivery_id, received_at, as_of, layout, n_rows_read, n_rows_rejected, n_rows_flagged"
            " FROM meta.delivery WHERE source_id = :source AND state IN ('loaded', 'superseded') AND NOT is_part"
            f" AND {order} ORDER BY as_of DESC NULLS LAST, delivery_id DESC LIMIT :limit"
        ),
        {"source": delivery.source_id, "as_of": delivery.as_of, "id": delivery.delivery_id, "limit": limit},
    ).all()
    return [Before(*row) for row in rows]


def rhythm(contract: Contract, delivery: Delivery, before: list[Before]) -> Rhythm | None:
    """Whether the delivery is early or late by its contract's cadence; None where that has none, or nothing is loaded.

    A delivery is due one interval after the last one, in two ways: the moment of its facts (`as_of`), and its arrival.
    It is late where either is later than that by more than the grace, early where its facts are earlier by more than
    it. Where the contract gives all files the same `as_of`, only the arrival counts.
    """
    if contract.cadence is None or delivery.as_of is None:
        return None
    if not before:
        return Rhythm(contract.cadence, "first")
    last = before[0]
    is_constant = any("value" in layout.as_of for layout in contract.layouts if layout.name in _names(delivery))
    due_arrival = add(last.received_at, contract.cadence)
    due_facts = due_arrival if is_constant or last.as_of is None else add(last.as_of, contract.cadence)
    facts = delivery.received_at if is_constant or last.as_of is None else delivery.as_of
    grace = max(timedelta(days=1), GRACE * (due_arrival - last.received_at))
    if facts > due_facts + grace:
        return Rhythm(contract.cadence, "late", last.delivery_id, due_facts, (facts - due_facts).days)
    if delivery.received_at > due_arrival + grace:
        days = (delivery.received_at - due_arrival).days
        return Rhythm(contract.cadence, "late", last.delivery_id, due_arrival, days)
    if facts < due_facts - grace:
        return Rhythm(contract.cadence, "early", last.delivery_id, due_facts, (due_facts - facts).days)
    return Rhythm(contract.cadence, "on_time", last.delivery_id, due_facts, 0)


def add(moment: datetime, duration: str) -> datetime:
    """A moment so much later; `duration` is ISO 8601 in years, months, weeks and days (`P1M`).

    A month on from the 31st is the last day of the next month, as a calendar has it.
    """
    parts = {unit: int(n) for n, unit in re.findall(r"(\d+)([YMWD])", duration)}
    months = moment.year * 12 + moment.month - 1 + parts.get("Y", 0) * 12 + parts.get("M", 0)
    year, month = min(months // 12, 9998), months % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day) + timedelta(days=7 * parts.get("W", 0) + parts.get("D", 0))


def quality(delivery: Delivery, n_flagged: int, before: list[Before]) -> Quality | None:
    """The shares of rejected and flagged rows against the median of the last deliveries of the same layout.

    None where no row was read, or none of those before it has its counts.
    """
    n_read = delivery.counts.rows_read
    same = [b for b in before if b.layout == delivery.layout and b.n_read and b.n_flagged is not None][:N_COMPARED]
    if not n_read or not same:
        return None
    rejected, flagged = delivery.counts.rows_rejected / n_read, n_flagged / n_read
    usual_rejected = median(b.n_rejected / b.n_read for b in same)
    usual_flagged = median((b.n_flagged or 0) / b.n_read for b in same)
    verdicts = (_compared(rejected, usual_rejected), _compared(flagged, usual_flagged))
    # What is rejected counts first: a flag that became a reject is no improvement.
    verdict = verdicts[0] if verdicts[0] != "same" else verdicts[1]
    return Quality(
        verdict,  # type: ignore[arg-type]
        len(same),
        *(round(share, 6) for share in (rejected, usual_rejected, flagged, usual_flagged)),
    )


def _compared(now: float, usual: float) -> str:
    if abs(now - usual) < TOLERANCE:
        return "same"
    return "better" if now < usual else "worse"


def _names(delivery: Delivery) -> list[str]:
    return (delivery.layout or "").split("+")
