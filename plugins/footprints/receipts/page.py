"""The receipt as one HTML page that a person can read: in the partner's language, without script or outside request."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from footprints.model import MEMBER_ROWS, Counts, Issue, Language, Receipt, ReceiptFile, Reject, Rhythm
from footprints.receipts import messages

REJECTS_SHOWN = 1000
"""Rejected rows that the page lists; the JSON holds what the receipt holds."""
PROBLEMS = ("hold", "reject", "flag")
"""Severities that are problems, the worst first."""
ENCODING = "encoding.detected"
"""A note that is told where the page says how the file was read."""
ARCHIVE = "archive.read"
"""A note that names the files which numbers of rows refer to."""
EMAIL = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True)
class Finding:
    """An issue as the page shows it."""

    anchor: str
    issue: Issue
    name: str
    what: Markup
    fix: Markup
    column: str | None
    n_rows: str
    rows: str
    has_more: bool


def page(receipt: Receipt, contact: str = "") -> bytes:
    """The receipt as a UTF-8 HTML page; the same receipt gives the same bytes."""
    language, delivery = receipt.language, receipt.delivery
    style = _style()
    files = files_of(receipt.issues)
    findings = [_finding(number, issue, language, files) for number, issue in enumerate(receipt.issues, start=1)]
    problems = sorted(
        (one for one in findings if one.issue.severity in PROBLEMS), key=lambda one: PROBLEMS.index(one.issue.severity)
    )
    cause = _cause(receipt)
    html = _template().render(
        language=language,
        direction="rtl" if language == "ar" else "ltr",
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        t=lambda name, **values: messages.text_markup(name, language, **values),
        plain=lambda name, **values: messages.text(name, language, **values),
        bdi=messages.isolated,
        count=lambda n: messages.isolated(messages.count(n, language)),
        moment=_time,
        receipt=receipt,
        delivery=delivery,
        file_name=delivery.object_key.split("/", 3)[-1] or delivery.object_key,
        sentence=_sentence(receipt, language),
        cause=None if cause is None else _finding(0, cause, language),
        todo=_todo(receipt, cause),
        sum=_sum(delivery.counts),
        is_whole=_is_whole(delivery.counts),
        is_in=delivery.state in ("loaded", "superseded", "withdrawn"),
        records=[(name, n) for name, n in _numbers(delivery.counts, "records_") if n],
        # What the verdict has said in full is not said again.
        problems=[one for one in problems if one.issue is not cause or one.column or one.issue.n_rows],
        notes=[one for one in findings if one.issue.severity not in PROBLEMS and one.issue.rule != ENCODING],
        encodings=[one for one in findings if one.issue.rule == ENCODING],
        severities={severity: messages.text(f"severity.{severity}", language) for severity in (*PROBLEMS, "note")},
        rejects=[_reject(one, findings, language) for one in receipt.rejects[:REJECTS_SHOWN]],
        n_more=max(receipt.n_rejects, len(receipt.rejects)) - min(len(receipt.rejects), REJECTS_SHOWN),
        has_sheets=any(one.sheet for one in receipt.rejects[:REJECTS_SHOWN]),
        has_values=any(one.provider_values for one in receipt.rejects[:REJECTS_SHOWN]),
        size=messages.size(delivery.size_bytes, language),
        n_passed=sum(1 for one in receipt.expectation_results if one.n_failed == 0),
        copies=[(_kind(one), one.name, f"./{quote(one.name)}") for one in receipt.files],
        link=lambda name, target: Markup('<a href="{}" download>{}</a>').format(target, messages.isolated(name)),
        rhythm=_rhythm(receipt.rhythm, language),
        n_fixable=receipt.n_open + sum(one.n_closed for one in receipt.closed),
        receipt_contact=_contact(contact, delivery.delivery_id, language),
    )
    return html.encode("utf-8", "replace")


def summary_line(receipt: Receipt, language: Language = "en") -> str:
    """The verdict in one line of plain text, such as `Loaded: 96 of 100 rows; 3 rejected, 1 repeated`."""
    line = _sentence(receipt, language)
    cause = _cause(receipt)
    return line if cause is None else f"{line} ({messages.message(cause.rule, language, cause.parameters).name})"


def what_of(issue: Issue, language: Language) -> str:
    """What an issue says, as plain text."""
    return messages.plain(_message(issue, language).what, messages.values_of(issue), language)


def fix_of(issue: Issue, language: Language) -> str:
    """What to do about an issue, as plain text."""
    return messages.plain(_message(issue, language).fix, messages.values_of(issue), language)


def _message(issue: Issue, language: Language) -> messages.Message:
    return messages.message(issue.rule, language, issue.parameters)


def _sentence(receipt: Receipt, language: Language) -> str:
    """The verdict in one sentence."""
    counts, state = receipt.delivery.counts, receipt.delivery.state
    if state != "loaded":
        return messages.text(f"verdict.{state}", language)
    if counts.rows_read and counts.rows_loaded == counts.rows_read:
        return messages.text("verdict.loaded.all", language, n=counts.rows_read)
    if counts.rows_read and counts.rows_unchanged == counts.rows_read:
        return messages.text("verdict.loaded.nothing_new", language, n=counts.rows_read)
    line = messages.text("verdict.loaded.some", language, loaded=counts.rows_loaded, n=counts.rows_read)
    rest = (
        ("rejected", counts.rows_rejected),
        ("duplicate", counts.rows_duplicate),
        ("unchanged", counts.rows_unchanged),
    )
    parts = messages.listed((messages.text(f"verdict.part.{name}", language, n=n) for name, n in rest if n), language)
    return line + messages.text("verdict.between", language) + parts if parts else line


def _cause(receipt: Receipt) -> Issue | None:
    """Why the delivery is held: its first issue that holds, or the ledger's reason where that is a rule."""
    delivery = receipt.delivery
    if delivery.state != "quarantined":
        return None
    for issue in receipt.issues:
        if issue.severity == "hold":
            return issue
    if delivery.reason and messages.is_known(delivery.reason):
        return Issue(rule=delivery.reason, severity="hold")
    return None


def _todo(receipt: Receipt, cause: Issue | None) -> Markup:
    """What the partner should do now, in a sentence or two."""
    language, delivery = receipt.language, receipt.delivery
    if cause is not None:
        return messages.markup(_message(cause, language).fix, messages.values_of(cause), language)
    name = f"todo.{delivery.state}"
    if delivery.state == "duplicate" and delivery.duplicate_of is None:
        name = "todo.duplicate.unknown"
    if delivery.state == "loaded":
        if receipt.closed and not receipt.n_open:
            name = "todo.loaded.closed"
        elif any(one.kind == "to_fix" for one in receipt.files):
            name = "todo.loaded.to_fix"
        elif delivery.counts.rows_rejected:
            name = "todo.loaded.rejects"
        elif any(issue.severity in PROBLEMS for issue in receipt.issues):
            name = "todo.loaded.flags"
        else:
            name = "todo.loaded.clean"
    return messages.text_markup(name, language, duplicate_of=delivery.duplicate_of)


def _kind(file: ReceiptFile) -> str:
    """How the page calls a file; a marked CSV has no colours."""
    return "marked_text" if file.kind == "marked" and not file.name.endswith(".xlsx") else file.kind


def _rhythm(rhythm: Rhythm | None, language: Language) -> Markup | None:
    """Whether the delivery is early or late, in a sentence."""
    if rhythm is None:
        return None
    units = {"Y": "year", "M": "month", "W": "week", "D": "day"}
    parts = [
        messages.text(f"cadence.{units[unit]}", language, n=int(n))
        for n, unit in re.findall(r"(\d+)([YMWD])", rhythm.cadence)
    ]
    due = f"{rhythm.due:%Y-%m-%d}" if rhythm.due is not None else ""
    values = {"cadence": messages.listed(parts, language), "after": rhythm.after, "due": due, "n": rhythm.days}
    return messages.text_markup(f"rhythm.{rhythm.verdict}", language, **values)


def files_of(issues: Iterable[Issue]) -> list[str]:
    """The files of an archive that numbers of rows refer to; none where the delivery is one file."""
    return [name for issue in issues if issue.rule == ARCHIVE for name in issue.parameters.get("files", [])]


def row_name(number: int, files: Sequence[str]) -> str:
    """The number of a row, with its file where the delivery is an archive of several."""
    place, row = divmod(number, MEMBER_ROWS)
    return f"{files[place]}: {row}" if place < len(files) else str(number)


def _finding(number: int, issue: Issue, language: Language, files: Sequence[str] = ()) -> Finding:
    message, values = _message(issue, language), messages.values_of(issue)
    return Finding(
        anchor=f"issue-{number}",
        issue=issue,
        name=message.name,
        what=messages.markup(message.what, values, language),
        fix=messages.markup(message.fix, values, language),
        column=issue.column,
        n_rows=messages.count(issue.n_rows, language),
        rows=messages.listed((row_name(row, files) for row in issue.example_rows), language),
        has_more=issue.n_rows > len(issue.example_rows),
    )


def _reject(reject: Reject, findings: Iterable[Finding], language: Language) -> dict[str, object]:
    """A rejected row as the page shows it; each reason points to the problem that explains it."""
    reasons = []
    for rule in reject.rules:
        of_rule = [one for one in findings if one.issue.rule == rule and one.issue.severity in PROBLEMS]
        best = next((one for one in of_rule if one.column in reject.columns), next(iter(of_rule), None))
        if best is None:
            reasons.append(("", messages.message(rule, language).name))
        else:
            reasons.append((best.anchor, best.name))
    return {
        "row": reject.row_number,
        "sheet": reject.sheet,
        "columns": reject.columns,
        "closed_by": reject.closed_by,
        "reasons": list(dict.fromkeys(reasons)),
        "values": list((reject.provider_values or {}).items()),
    }


def _numbers(counts: Counts, prefix: str) -> list[tuple[str, int]]:
    return [(field.name, getattr(counts, field.name)) for field in fields(Counts) if field.name.startswith(prefix)]


def _sum(counts: Counts) -> list[tuple[str, int]]:
    """The rows of the accounting identity: read, then the parts. What was not counted at all is left out."""
    numbers = _numbers(counts, "rows_")
    if _is_whole(counts):
        return numbers
    return [(name, n) for name, n in numbers if n]


def _is_whole(counts: Counts) -> bool:
    parts = counts.rows_loaded + counts.rows_unchanged + counts.rows_rejected + counts.rows_duplicate
    return counts.rows_read > 0 and counts.rows_read == parts


def _time(moment: datetime | None) -> Markup:
    """A moment in UTC, with its machine form; midnight is a date."""
    if moment is None:
        return Markup("")
    at = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    shown = f"{at:%Y-%m-%d}" if (at.hour, at.minute, at.second) == (0, 0, 0) else f"{at:%Y-%m-%d %H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(timespec="seconds"), messages.isolated(shown))


def _contact(contact: str, delivery_id: int, language: Language) -> Markup:
    """Whom to write to; an e-mail address can be clicked."""
    if not contact.strip():
        return messages.text_markup("contact.unnamed", language, id=delivery_id)
    sentence = messages.text_markup("contact.named", language, contact=contact, id=delivery_id)
    if not EMAIL.fullmatch(contact):
        return sentence
    shown = messages.isolated(contact)
    return sentence.replace(shown, Markup('<a href="mailto:{}">{}</a>').format(contact, shown))


@cache
def _style() -> str:
    return resources.files(__package__).joinpath("page.css").read_text("utf-8").strip()


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader(__package__, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja")
