"""The things Footprints talks about, as plain values: deliveries, issues, rejects, counts, receipts.

Nothing here holds a cell of a partner's file, but for `Reject.provider_values`, which stays empty unless the contract
allows values to be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

State = Literal["received", "duplicate", "loaded", "quarantined", "failed", "superseded", "withdrawn"]
Severity = Literal["hold", "reject", "flag", "note"]
ExpectationSeverity = Literal["critical", "warning", "info"]
Engine = Literal["gx", "masks"]
Language = Literal["en", "fr", "ar"]

EXAMPLE_ROWS = 20
"""An issue names at most so many row numbers; all rows stand among the rejects."""


MAX_MARKS = 100_000
"""So many places of a file are kept to be marked in the partner's own copy."""
MEMBER_ROWS = 10**9
"""Rows of the second file of an archive are numbered from here, those of the third from twice this."""


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong, or worth saying, about a delivery.

    `rule` names the check, `n_rows` how many rows it hit (0 where it speaks of the whole file), `example_rows` the
    first row numbers as a spreadsheet shows them, `parameters` what the message needs (names, formats, counts; no
    cell).
    """

    rule: str
    severity: Severity
    column: str | None = None
    n_rows: int = 0
    example_rows: tuple[int, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the partner's file that a rule hit: a cell, or the whole row where `column` is None."""

    sheet: str
    row_number: int
    severity: Severity
    rule: str
    column: str | None
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Reference:
    """A row of an earlier delivery, as a file of rows to fix names it."""

    delivery_id: int
    sheet: str
    row_number: int


@dataclass(frozen=True)
class Reject:
    """A row that is not loaded: why (rules), where (provider's column names), and its values only where allowed.

    `key_hashes` are keyed hashes of the record keys that could be read, `reference` the row of an earlier delivery that
    it was to fix, `closed_by` the later delivery that did fix it.
    """

    row_number: int
    rules: tuple[str, ...]
    columns: tuple[str, ...]
    sheet: str = ""
    provider_values: dict[str, str] | None = None
    key_hashes: tuple[str, ...] = ()
    reference: Reference | None = None
    closed_by: int | None = None


@dataclass(frozen=True)
class ExpectationResult:
    """How one expectation of a suite fared over one delivery: rows (or values) checked and failed."""

    suite: str
    expectation_type: str
    column: str | None
    severity: ExpectationSeverity
    engine: Engine
    n_checked: int
    n_failed: int


@dataclass(frozen=True)
class Counts:
    """Row accounting of a delivery (`read = loaded + unchanged + rejected + duplicate`), and records behind it.

    Rows are the data rows of the partner's file; records are the rows of the core table that they give. `records_older`
    counts records that a newer delivery already states or has replaced; their rows count as unchanged.
    """

    rows_read: int = 0
    rows_loaded: int = 0
    rows_unchanged: int = 0
    rows_rejected: int = 0
    rows_duplicate: int = 0
    records_added: int = 0
    records_changed: int = 0
    records_unchanged: int = 0
    records_gone: int = 0
    records_older: int = 0


@dataclass(frozen=True)
class Delivery:
    """One version of one object that a partner put in the landing bucket, as the ledger knows it."""

    delivery_id: int
    partner_id: str
    source_id: str
    bucket: str
    object_key: str
    object_version: str
    size_bytes: int
    enrolled_by: str
    state: State
    received_at: datetime
    finished_at: datetime | None = None
    sha256: str | None = None
    archive_key: str | None = None
    layout: str | None = None
    as_of: datetime | None = None
    engine: Engine | None = None
    counts: Counts = Counts()
    duplicate_of: int | None = None
    reason: str | None = None
    receipt_key: str | None = None


@dataclass(frozen=True)
class ReceiptFile:
    """A file beside the receipt: `kind` is `marked` (the partner's own, marked) or `to_fix` (only the rows to fix).

    `name` is relative to the receipt, so its link is too.
    """

    kind: Literal["marked", "to_fix"]
    name: str
    size_bytes: int


@dataclass(frozen=True)
class Rhythm:
    """Whether a delivery is early or late by the contract's cadence (ISO 8601 duration, `standing.rhythm`).

    `after` is the delivery that it follows, `due` when it was due by that one, `days` how many days it is off.
    """

    cadence: str
    verdict: Literal["first", "early", "on_time", "late"]
    after: int | None = None
    due: datetime | None = None
    days: int = 0


@dataclass(frozen=True)
class Quality:
    """Shares of rejected and flagged rows (0 to 1), beside the median of the `n_compared` deliveries before it."""

    verdict: Literal["better", "same", "worse"]
    n_compared: int
    rejected: float
    usual_rejected: float
    flagged: float
    usual_flagged: float


@dataclass(frozen=True)
class Closing:
    """Rejected rows that a later delivery put right: the other delivery, how many, and how many stay open."""

    delivery_id: int
    n_closed: int
    n_open: int


MarkingState = Literal["done", "too_large", "failed"]


@dataclass(frozen=True)
class Receipt:
    """Our answer to the partner about one delivery.

    `rejects` holds the first thousand; `n_rejects` counts all. `title` is the source's title in `language`. `files` are
    beside it; `marking` is None where nothing was to be marked, and says else whether the partner's file could be.
    `closes` is what this delivery puts right of earlier ones, `closed` what later ones put right of this, of which
    `n_open` rows stay open.
    """

    delivery: Delivery
    language: Language
    title: str
    issues: tuple[Issue, ...] = ()
    rejects: tuple[Reject, ...] = ()
    n_rejects: int = 0
    expectation_results: tuple[ExpectationResult, ...] = ()
    files: tuple[ReceiptFile, ...] = ()
    marking: MarkingState | None = None
    rhythm: Rhythm | None = None
    quality: Quality | None = None
    closes: tuple[Closing, ...] = ()
    closed: tuple[Closing, ...] = ()
    n_open: int = 0
