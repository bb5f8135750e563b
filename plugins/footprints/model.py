"""The things Footprints talks about, as plain values: deliveries, issues, rejects, counts, receipts.

Nothing here holds a cell of a partner's file, but for `Reject.provider_values`, which stays empty unless the contract
allows values to be shown.
"""

from __future__ import annotations

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


@dataclass(frozen=True)
class Reject:
    """A row that is not loaded: why (rules), where (provider's column names), and its values only where allowed."""

    row_number: int
    rules: tuple[str, ...]
    columns: tuple[str, ...]
    sheet: str = ""
    provider_values: dict[str, str] | None = None


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
class Receipt:
    """Our answer to the partner about one delivery.

    `rejects` holds the first thousand; `n_rejects` counts all. `title` is the source's title in `language`.
    """

    delivery: Delivery
    language: Language
    title: str
    issues: tuple[Issue, ...] = ()
    rejects: tuple[Reject, ...] = ()
    n_rejects: int = 0
    expectation_results: tuple[ExpectationResult, ...] = ()
