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

from footprints.contracts import Layout, find_contract
from footprints.errors import DeliveryError
from footprints.examine import Examination, examine
from footprints.model import EXAMPLE_ROWS, Counts, Delivery, Issue, Receipt, Reject, State
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
        self.first_rejects.extend(rejects[: max(0, self.limit - len(self.first_rejects))])

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
                issues.append(Issue("row.repeated", "note", None, len(exact_rows), tuple(exact_rows[:EXAMPLE_ROWS])))
            if differing:
                parameters = {"columns": [layout.header_of(column) for column in layout.record_key]}
                issues.append(
                    Issue("key.repeated", "flag", None, len(differing), tuple(differing[:EXAMPLE_ROWS]), parameters)
                )
        return n_rows, n_records, issues


def check_file(path: Path, source: str, settings: Settings, n_rejects: int = 1000) -> Receipt:
    """The receipt that this file would get as the first delivery of its source.

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
    )
