"""An invented cleaning log of the field survey: entries that apply, that hold already, and that do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from footprints.samples.files import write_csv
from footprints.samples.survey import Interview

COLUMNS = ("date", "uuid", "question", "old_value", "new_value", "action", "issue")
Entry = tuple[str, str, str, str, str, str, str]


def entry(
    interview: Interview | str,
    question: str,
    old: object,
    new: object,
    action: str = "change_response",
    issue: str = "",
) -> Entry:
    """An entry about an interview, or about one that does not exist (by its id)."""
    uuid, day = (interview.uuid, interview.today) if isinstance(interview, Interview) else (interview, "2016-06-01")
    return (day, uuid, question, _text(old), _text(new), action, issue)


def safety_log(interviews: Sequence[Interview], n: int = 10) -> list[Entry]:
    """The log of a reviewer who found that the first `n` people who said to have felt unsafe had been misunderstood."""
    unsafe = [i for i in interviews if i.answers.get("felt_unsafe") == "yes"][:n]
    return [entry(i, "felt_unsafe", "yes", "no", issue="The enumerator swapped the choices.") for i in unsafe]


def write_log(path: Path, entries: Sequence[Entry]) -> Path:
    """Writes a cleaning log as CSV: one row for each entry, as the tools of REACH name its columns."""
    return write_csv(path, [list(COLUMNS), *map(list, entries)], delimiter=",", encoding="utf-8")


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
