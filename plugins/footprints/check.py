"""The verdict on a file before it is dropped: the same reading, mapping and checks, with no server or network."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from footprints.contracts import Contract, Layout, find_contract
from footprints.errors import DeliveryError
from footprints.examine import Examination, examine
from footprints.model import Counts, Delivery, Issue, Receipt, ReceiptFile, Reject, State
from footprints.settings import Settings


class MemorySink:
    """Keeps what a check needs of the records: a digest of each key and content, and the first rejects."""

    def __init__(self, n_rejects: int) -> None:
        self.layouts: list[Layout] = []
        self.keys: list[list[tuple[bytes, bytes, int]]] = []
        self.first_rejects: list[Reject] = []
        self.n_rejects = 0
        self.limit = n_rejects
        self.n_records = 0

    def begin(self, layout: Layout, columns: tuple[str, ...]) -> None:
        """Begins a sheet."""
        self.layouts.append(layout)
        self.keys.append([])

    def records(self, records: pa.Table, row_numbers: npt.NDArray[np.int64]) -> None:
        """Notes the keys of records."""
        self.n_records += len(records)
        for number, record in zip(row_numbers.tolist(), records.to_pylist(), strict=True):
            key = record.pop("record_key")
            content = hashlib.blake2b(repr(tuple(record.items())).encode(), digest_size=12).digest()
            self.keys[-1].append((hashlib.blake2b(key.encode(), digest_size=12).digest(), content, number))

    def refused(self, keys: list[str]) -> None:
        """Nothing stands in a warehouse yet."""

    def rejects(self, rejects: list[Reject]) -> None:
        """Keeps the first rejects, and counts all."""
        self.n_rejects += len(rejects)
        # The hashes of keys are for the warehouse: a receipt has none.
        first = rejects[: max(0, self.limit - len(self.first_rejects))]
        self.first_rejects.extend(replace(one, key_hashes=(), reference=None) for one in first)

    def retract(self, row_numbers: npt.NDArray[np.int64]) -> None:
        """Forgets records of the current sheet."""
        gone = set(row_numbers.tolist())
        kept = [entry for entry in self.keys[-1] if entry[2] not in gone]
        self.n_records -= len(self.keys[-1]) - len(kept)
        self.keys[-1] = kept

    def interviews(self, checked: pa.Table) -> None:
        """No review without a warehouse."""

    def duplicates(self) -> tuple[int, int, list[Issue]]:
        """Rows and records that another row makes superfluous, as `warehouse.load` finds them, and issues on them."""
        n_rows = n_records = 0
        issues: list[Issue] = []
        for layout, keys in zip(self.layouts, self.keys, strict=True):
            if layout.on_repeated_key == "number":
                continue
            split = layout.on_repeated_key == "split"
            times = Counter(key for key, _, _ in keys)
            kept: set[int] = set()
            losing: dict[bool, set[int]] = {True: set(), False: set()}
            """By whether it is exactly a repeat."""
            seen: set[bytes] = set()
            seen_content: set[tuple[bytes, bytes]] = set()
            for key, content, number in sorted(keys, key=lambda k: -k[2]):
                exact = (key, content) in seen_content
                if times[key] > 1 and (exact or (key in seen and not split)):
                    n_records += 1
                    losing[exact].add(number)
                else:
                    kept.add(number)
                seen.add(key)
                seen_content.add((key, content))
            n_rows += len((losing[True] | losing[False]) - kept)
            exact_rows, differing = sorted(losing[True]), sorted(losing[False])
            if exact_rows:
                issues.append(Issue("row.repeated", "note", None, len(exact_rows), tuple(exact_rows[:20])))
            if differing:
                parameters = {"columns": [layout.header_of(column) for column in layout.record_key]}
                issues.append(Issue("key.repeated", "flag", None, len(differing), tuple(differing[:20]), parameters))
        return n_rows, n_records, issues


def check_file(
    path: Path, source: str, settings: Settings, n_rejects: int = 1000, marked_to: Path | None = None
) -> Receipt:
    """The receipt that this file would get as the first delivery of its source.

    `marked_to` is a folder for the marked copy, which the receipt then names among its files.

    Raises NotFoundError where there is no such source.
    """
    contract = find_contract(settings.expectations_dir, source)
    now = datetime.now(UTC)
    delivery = Delivery(
        delivery_id=0,
        partner_id=contract.partner.id,
        source_id=source,
        bucket="",
        object_key=f"landing/{contract.partner.id}/{source}/{path.name}",
        object_version="",
        size_bytes=path.stat().st_size,
        enrolled_by="sweep",
        state="received",
        received_at=now,
        finished_at=now,
    )
    sink = MemorySink(n_rejects)
    key = settings.privacy_key.get_secret_value() if settings.privacy_key else secrets.token_hex(16)
    state: State = "quarantined"
    try:
        examination = examine(path, path.name, contract, settings, sink, today=now.date(), privacy_key=key)
    except DeliveryError as error:
        examination = Examination(issues=[Issue(error.rule, "hold", parameters=error.parameters)])
    issues = list(examination.issues)
    counts = Counts(rows_read=examination.rows_read, rows_rejected=examination.rows_read)
    if not any(issue.severity == "hold" for issue in issues):
        state = "loaded"
        n_duplicate, n_repeated, repeated = sink.duplicates()
        issues += repeated
        counts = Counts(
            rows_read=examination.rows_read,
            rows_loaded=examination.rows_read - examination.rows_rejected - n_duplicate,
            rows_rejected=examination.rows_rejected,
            rows_duplicate=n_duplicate,
            records_added=sink.n_records - n_repeated,
        )
    files: tuple[ReceiptFile, ...] = ()
    if marked_to is not None:
        files = _mark(examination, path, contract, settings, marked_to)
    return Receipt(
        delivery=replace(
            delivery,
            state=state,
            counts=counts,
            layout="+".join(layout.name for layout in examination.layouts) or None,
            engine=examination.engine if examination.layouts else None,
        ),
        language=contract.partner.language,
        title=contract.title[contract.partner.language],
        issues=tuple(issues),
        rejects=tuple(sink.first_rejects),
        n_rejects=sink.n_rejects,
        expectation_results=tuple(examination.results),
        files=files,
        marking="done" if files else None,
    )


def _mark(
    examination: Examination, path: Path, contract: Contract, settings: Settings, folder: Path
) -> tuple[ReceiptFile, ...]:
    """The marked copies in a folder. There are no rows to fix alone: nothing of the file is with us yet."""
    from footprints.receipts import marked

    folder.mkdir(parents=True, exist_ok=True)
    copies = marked.mark(
        examination,
        path,
        folder,
        file_name=path.name,
        delivery_id=0,
        language=contract.partner.language,
        is_held=True,
        max_bytes=settings.mark_bytes,
    )
    files = []
    for copy in copies:
        placed = copy.path.replace(folder / copy.name)
        files.append(ReceiptFile(copy.kind, copy.name, placed.stat().st_size))
    return tuple(files)
