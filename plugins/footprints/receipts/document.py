"""The receipt as JSON, and back. Everything in it that a ledger needs to enrol the delivery anew."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from footprints.errors import FootprintsError
from footprints.model import (
    Closing,
    Counts,
    Delivery,
    ExpectationResult,
    Issue,
    Quality,
    Receipt,
    ReceiptFile,
    Reject,
    Rhythm,
)
from footprints.receipts import messages
from footprints.receipts.page import fix_of, summary_line, what_of

FORMAT = "footprints-receipt/1"


def dump(receipt: Receipt) -> bytes:
    """The receipt as UTF-8 JSON; the same receipt gives the same bytes."""
    delivery, language = receipt.delivery, receipt.language
    document = {
        "format": FORMAT,
        "delivery_id": delivery.delivery_id,
        "partner": delivery.partner_id,
        "source": delivery.source_id,
        "title": receipt.title,
        "language": language,
        "state": delivery.state,
        "verdict": summary_line(receipt, language),
        "bucket": delivery.bucket,
        "object_key": delivery.object_key,
        "object_version": delivery.object_version,
        "size_bytes": delivery.size_bytes,
        "sha256": delivery.sha256,
        "archive_key": delivery.archive_key,
        "receipt_key": delivery.receipt_key,
        "enrolled_by": delivery.enrolled_by,
        "received_at": _moment(delivery.received_at),
        "finished_at": _moment(delivery.finished_at),
        "layout": delivery.layout,
        "as_of": _moment(delivery.as_of),
        "engine": delivery.engine,
        "duplicate_of": delivery.duplicate_of,
        "reason": delivery.reason,
        "counts": asdict(delivery.counts),
        "issues": [
            {
                "rule": issue.rule,
                "severity": issue.severity,
                "column": issue.column,
                "n_rows": issue.n_rows,
                "example_rows": list(issue.example_rows),
                "parameters": _jsonable(issue.parameters),
                "name": messages.message(issue.rule, language, issue.parameters).name,
                "message": what_of(issue, language),
                "fix": fix_of(issue, language),
            }
            for issue in receipt.issues
        ],
        "n_rejects": receipt.n_rejects,
        "rejects": [
            {
                "row_number": reject.row_number,
                "sheet": reject.sheet,
                "rules": list(reject.rules),
                "columns": list(reject.columns),
                "closed_by": reject.closed_by,
            }
            | ({} if reject.provider_values is None else {"values": reject.provider_values})
            for reject in receipt.rejects
        ],
        "checks": [asdict(result) for result in receipt.expectation_results],
        "files": [asdict(file) for file in receipt.files],
        "marking": receipt.marking,
        "rhythm": None if receipt.rhythm is None else asdict(receipt.rhythm) | {"due": _moment(receipt.rhythm.due)},
        "quality": None if receipt.quality is None else asdict(receipt.quality),
        "closes": [asdict(closing) for closing in receipt.closes],
        "closed": [asdict(closing) for closing in receipt.closed],
        "n_open": receipt.n_open,
    }
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    # A lone surrogate (from a file name of unknown encoding) has no UTF-8; written out as \udXXX it is JSON again.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def parse(document: bytes | str) -> Receipt:
    """A receipt from its JSON: `parse(write(receipt)[0]) == receipt`.

    Raises FootprintsError where it is not a receipt of a form that we know.
    """
    try:
        raw = json.loads(document)
        if raw["format"] != FORMAT:
            raise ValueError("format")
        return Receipt(
            delivery=Delivery(
                delivery_id=raw["delivery_id"],
                partner_id=raw["partner"],
                source_id=raw["source"],
                received_at=datetime.fromisoformat(raw["received_at"]),
                finished_at=_from_moment(raw["finished_at"]),
                as_of=_from_moment(raw["as_of"]),
                counts=Counts(**{field.name: raw["counts"].get(field.name, 0) for field in fields(Counts)}),
                **{name: raw[name] for name in _SAME},
            ),
            language=raw["language"],
            title=raw["title"],
            issues=tuple(
                Issue(
                    rule=issue["rule"],
                    severity=issue["severity"],
                    column=issue["column"],
                    n_rows=issue["n_rows"],
                    example_rows=tuple(issue["example_rows"]),
                    parameters=issue["parameters"],
                )
                for issue in raw["issues"]
            ),
            rejects=tuple(
                Reject(
                    row_number=reject["row_number"],
                    rules=tuple(reject["rules"]),
                    columns=tuple(reject["columns"]),
                    sheet=reject["sheet"],
                    provider_values=reject.get("values"),
                    closed_by=reject.get("closed_by"),
                )
                for reject in raw["rejects"]
            ),
            n_rejects=raw["n_rejects"],
            expectation_results=tuple(ExpectationResult(**check) for check in raw["checks"]),
            # A receipt of an older version says nothing of these.
            files=tuple(ReceiptFile(**file) for file in raw.get("files", ())),
            marking=raw.get("marking"),
            rhythm=_rhythm(raw.get("rhythm")),
            quality=Quality(**raw["quality"]) if raw.get("quality") else None,
            closes=tuple(Closing(**closing) for closing in raw.get("closes", ())),
            closed=tuple(Closing(**closing) for closing in raw.get("closed", ())),
            n_open=raw.get("n_open", 0),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        # Without the cause: its message may hold a piece of the document.
        raise FootprintsError(
            f"this is not a receipt of the form {FORMAT}",
            "check the object, or write the receipt anew with `footprints replay`",
        ) from None


_SAME = (
    "bucket",
    "object_key",
    "object_version",
    "size_bytes",
    "enrolled_by",
    "state",
    "sha256",
    "archive_key",
    "layout",
    "engine",
    "duplicate_of",
    "reason",
    "receipt_key",
)
"""Fields of a delivery that stand in the document as they are, under the same name."""


def _rhythm(raw: Mapping[str, Any] | None) -> Rhythm | None:
    return None if raw is None else Rhythm(**{**raw, "due": _from_moment(raw["due"])})


def _moment(moment: datetime | None) -> str | None:
    """A moment in UTC (one without a zone is taken to be in UTC)."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _from_moment(moment: str | None) -> datetime | None:
    return None if moment is None else datetime.fromisoformat(moment)


def _jsonable(value: Any) -> Any:
    """A parameter as JSON holds it: numpy numbers, dates, sets and tuples become numbers, texts and lists."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((_jsonable(v) for v in value), key=str)
    if isinstance(value, (list, tuple)):
        return [_jsonable(v) for v in value]
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    item = getattr(value, "item", None)
    return _jsonable(item()) if callable(item) and getattr(value, "shape", None) == () else str(value)
