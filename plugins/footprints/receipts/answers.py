"""What a receipt says beyond its issues, kept so that it can be written anew; and the files beside it.

The files hold the partner's own cells. They stand in its own prefix, and go when the delivery is withdrawn.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from footprints import scratch
from footprints.examine import Examination, file_name
from footprints.model import Delivery, Issue, Language, MarkingState, Quality, ReceiptFile, Rhythm
from footprints.receipts import folder
from footprints.settings import Settings
from footprints.storage import Store

log = logging.getLogger(__name__)

RECEIPT = ("receipt.json", "receipt.html")


@dataclass(frozen=True)
class Answer:
    """The parts of a receipt that stand in no table of their own; see `model.Receipt`."""

    files: tuple[ReceiptFile, ...] = ()
    marking: MarkingState | None = None
    rhythm: Rhythm | None = None
    quality: Quality | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        values = asdict(self)
        if self.rhythm is not None and self.rhythm.due is not None:
            values["rhythm"]["due"] = self.rhythm.due.isoformat()
        return values

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Answer:
        """The answer that `to_json` wrote."""
        rhythm = dict(values["rhythm"]) if values.get("rhythm") else None
        if rhythm and rhythm.get("due"):
            rhythm["due"] = datetime.fromisoformat(rhythm["due"])
        return Answer(
            tuple(ReceiptFile(**one) for one in values.get("files", ())),
            values.get("marking"),
            Rhythm(**rhythm) if rhythm else None,
            Quality(**values["quality"]) if values.get("quality") else None,
        )


def keep(connection: Connection, delivery_id: int, answer: Answer) -> None:
    """Keeps the answer with the delivery."""
    connection.execute(
        text("UPDATE meta.delivery SET answer = CAST(:answer AS jsonb) WHERE delivery_id = :id"),
        {"answer": json.dumps(answer.to_json(), ensure_ascii=False), "id": delivery_id},
    )


def of(connection: Connection, delivery_id: int) -> Answer:
    """The answer that was kept with a delivery; an empty one where there is none."""
    values = connection.execute(
        text("SELECT answer FROM meta.delivery WHERE delivery_id = :id"), {"id": delivery_id}
    ).scalar()
    return Answer.from_json(values) if values else Answer()


def issues_of(connection: Connection, delivery_id: int) -> list[Issue]:
    """The issues of a delivery as the ledger keeps them."""
    rows = connection.execute(
        text(
            "SELECT rule, severity, column_name, n_rows, example_rows, parameters FROM meta.issue"
            " WHERE delivery_id = :id ORDER BY issue_number"
        ),
        {"id": delivery_id},
    ).all()
    return [Issue(r[0], r[1], r[2], r[3], tuple(r[4]), r[5]) for r in rows]


def with_files(
    answer: Answer,
    examination: Examination,
    path: Path,
    delivery: Delivery,
    language: Language,
    store: Store,
    settings: Settings,
) -> Answer:
    """Marks the partner's file and puts the copies beside the receipt; the answer with them.

    A file that cannot be marked is no fault of its partner: the receipt says so, and the verdict stands.
    """
    from footprints.receipts import marked

    if not examination.marks or delivery.state not in ("loaded", "quarantined"):
        return answer
    with scratch.folder() as directory:
        try:
            copies = marked.mark(
                examination,
                path,
                directory,
                file_name=file_name(delivery.object_key),
                delivery_id=delivery.delivery_id,
                language=language,
                is_held=delivery.state != "loaded",
                max_bytes=settings.mark_bytes,
            )
        except Exception as error:  # noqa: BLE001 - whatever a workbook does to the writer, the delivery is answered
            log.warning("delivery %s could not be marked: %s", delivery.delivery_id, type(error).__name__)
            return replace(answer, marking="failed")
        for copy in copies:
            key = f"{folder(delivery)}/{copy.name}"
            store.put_file(delivery.bucket, key, copy.path, content_type=copy.content_type)
        files = tuple(ReceiptFile(copy.kind, copy.name, copy.path.stat().st_size) for copy in copies)
    if any(one.kind == "marked" for one in files):
        return replace(answer, files=files, marking="done")
    is_table = examination.opened is not None and examination.opened.format in marked.FORMATS
    return replace(answer, files=files, marking="too_large" if is_table else None)


def remove_others(delivery: Delivery, answer: Answer, store: Store) -> None:
    """Removes what an earlier verdict left beside the receipt and this one does not name."""
    prefix = f"{folder(delivery)}/"
    kept = {prefix + name for name in (*RECEIPT, *(one.name for one in answer.files))}
    for key in list(store.list_keys(delivery.bucket, prefix)):
        if key not in kept:
            store.delete(delivery.bucket, key)
