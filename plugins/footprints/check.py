"""The verdict on a file before it is dropped: the same reading, mapping and checks, with no server or network."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from footprints.contracts import Contract, Layout, find_contract
from footprints.errors import DeliveryError
from footprints.examine import Examination, examine
from footprints.model import EXAMPLE_ROWS, Counts, Delivery, Issue, Receipt, ReceiptFile, Reject, State
from footprints.settings import Settings

Numbers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

MIX = np.uint64(0x9E3779B97F4A7C15)
"""An odd number, by which hashes of columns are put together."""


class MemorySink:
    """Keeps what a check needs of the records, and the first rejects.

    That is 24 bytes a record: its row, and 64 bits of a hash of its key and of its content. Of ten million records two
    keys are mistaken for each other in one file of 300,000.
    """

    def __init__(self, n_rejects: int) -> None:
        self.layouts: list[Layout] = []
        self.kept: list[list[tuple[Hashes, Hashes, Numbers]]] = []
        """For each sheet, the keys, contents and rows of its chunks."""
        self.first_rejects: list[Reject] = []
        self.n_rejects = 0
        self.limit = n_rejects
        self.n_records = 0

    def begin(self, layout: Layout, columns: tuple[str, ...]) -> None:
        """Begins a sheet."""
        self.layouts.append(layout)
        self.kept.append([])

    def records(self, records: pa.Table, row_numbers: npt.NDArray[np.int64]) -> None:
        """Notes the keys of records."""
        self.n_records += len(records)
        content = np.zeros(len(records), np.uint64)
        for name in records.column_names:
            if name != "record_key":
                content = content * MIX + _hashes(records[name])
        self.kept[-1].append((_hashes(records["record_key"]), content, row_numbers.astype(np.int64)))

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
        for i, (keys, contents, numbers) in enumerate(self.kept[-1]):
            stays = ~np.isin(numbers, row_numbers)
            self.n_records -= int(np.count_nonzero(~stays))
            self.kept[-1][i] = (keys[stays], contents[stays], numbers[stays])

    def interviews(self, checked: pa.Table) -> None:
        """No review without a warehouse."""

    def duplicates(self) -> tuple[int, int, list[Issue]]:
        """Rows and records that another row makes superfluous, as `warehouse.load` finds them, and issues on them."""
        n_rows = n_records = 0
        issues: list[Issue] = []
        for layout, kept in zip(self.layouts, self.kept, strict=True):
            if layout.on_repeated_key == "number" or not kept:
                continue
            keys, contents, numbers = (np.concatenate(arrays) for arrays in zip(*kept, strict=True))
            lost, is_exact = _superfluous(keys, contents, numbers, split=layout.on_repeated_key == "split")
            n_records += int(np.count_nonzero(lost))
            rows = np.unique(numbers[lost])
            n_rows += int(np.count_nonzero(~np.isin(rows, numbers[~lost])))
            exact_rows, differing = (np.unique(numbers[lost & one]).tolist() for one in (is_exact, ~is_exact))
            if exact_rows:
                issues.append(Issue("row.repeated", "note", None, len(exact_rows), tuple(exact_rows[:EXAMPLE_ROWS])))
            if differing:
                parameters = {"columns": [layout.header_of(column) for column in layout.record_key]}
                issues.append(
                    Issue("key.repeated", "flag", None, len(differing), tuple(differing[:EXAMPLE_ROWS]), parameters)
                )
        return n_rows, n_records, issues


def _hashes(column: pa.ChunkedArray) -> Hashes:
    """64 bits of a hash of each value, the same for equal values wherever they stand."""
    texts = pc.fill_null(pc.cast(column, pa.large_string()), "\0").to_numpy()
    return pd.util.hash_array(texts, categorize=False)


def _superfluous(
    keys: Hashes, contents: Hashes, numbers: Numbers, *, split: bool
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which records another one makes superfluous, and which of them repeat one exactly: the last of each key stands.

    With `split`, records of the same key with other facts all stand.
    """
    lost, is_exact = np.zeros(len(keys), bool), np.zeros(len(keys), bool)
    ordered = np.sort(keys)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    places = np.flatnonzero(np.isin(keys, repeated))
    places = places[np.argsort(-numbers[places], kind="stable")]
    is_exact[places] = _seen_before(keys[places] * MIX + contents[places])
    lost[places] = is_exact[places] if split else is_exact[places] | _seen_before(keys[places])
    return lost, is_exact


def _seen_before(values: Hashes) -> npt.NDArray[np.bool_]:
    """Which values stood earlier in the array."""
    seen = np.ones(len(values), bool)
    seen[np.unique(values, return_index=True)[1]] = False
    return seen


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
