"""When a feed is due: cadences as ISO 8601 durations or cron lines, and how long a failed one rests."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from croniter import CroniterError, croniter

DURATION = re.compile(
    r"P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?"
)
FIRST_REST = timedelta(minutes=15)
LONGEST_REST = timedelta(days=1)


@dataclass(frozen=True)
class Duration:
    """An ISO 8601 duration: months by the calendar, and time beside them."""

    months: int
    time: timedelta

    def after(self, moment: datetime) -> datetime:
        """The moment so long after another; the 31st becomes the last day of a shorter month."""
        number = moment.year * 12 + moment.month - 1 + self.months
        year, month = divmod(number, 12)
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day) + self.time


def parse_duration(text: str) -> Duration:
    """A duration such as `P1D`, `PT6H`, `P2M`. Raises ValueError where it is none, or is no time at all."""
    found = DURATION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no ISO 8601 duration such as P1D or PT6H")
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    if max(map(int, filter(None, found.groups()))) > 10_000:
        raise ValueError(f"{text!r} is longer than anybody waits")
    duration = Duration(12 * years + months, timedelta(days, seconds, 0, 0, minutes, hours, weeks))
    if not duration.months and not duration.time:
        raise ValueError(f"{text!r} is no time at all")
    return duration


def parse_cadence(text: str) -> Duration | str:
    """A duration, or a cron line of five fields (UTC). Raises ValueError for anything else."""
    if text.startswith("P"):
        return parse_duration(text)
    if len(text.split()) != 5 or not croniter.is_valid(text):
        raise ValueError(f"{text!r} is neither an ISO 8601 duration nor a cron line of five fields")
    return text


def next_after(cadence: str, moment: datetime) -> datetime:
    """When a feed that was last pulled at this moment is due again (both UTC)."""
    parsed = parse_cadence(cadence)
    if isinstance(parsed, Duration):
        return parsed.after(moment)
    try:
        found: datetime = croniter(parsed, moment.astimezone(UTC)).get_next(datetime)
    except CroniterError:  # such as 31 February: never
        return datetime.max.replace(tzinfo=UTC)
    return found


def rest(n_failures: int) -> timedelta:
    """How long a feed rests after so many failures in a row: a quarter of an hour, then twice as long, up to a day."""
    return min(LONGEST_REST, FIRST_REST * (1 << min(max(n_failures - 1, 0), 10)))
