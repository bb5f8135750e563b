"""Reads, maps and checks a partner's file, chunk by chunk: the same for a delivery and for a check without a server."""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from footprints import recognise
from footprints.contracts import Contract, Layout, Read
from footprints.errors import DeliveryError
from footprints.harmonise import interviews, survey
from footprints.harmonise.derive import derivation
from footprints.harmonise.folding import fold
from footprints.harmonise.mapping import Finding, Mapped, Mapper, to_frame
from footprints.model import (
    EXAMPLE_ROWS,
    MAX_MARKS,
    MEMBER_ROWS,
    Engine,
    ExpectationResult,
    Issue,
    Mark,
    Reject,
    Severity,
)
from footprints.quality.deliveries import Profile, Profiler
from footprints.quality.engine import Checker, Outcome
from footprints.quality.suites import Suite, load_suite
from footprints.readers import Header, OpenFile, RaggedRow, Sheet, find_header, open_file
from footprints.readers.returned import original_name, without_ours
from footprints.readers.table import rows_in_a_chunk, unique_names
from footprints.settings import Settings
from footprints.warehouse.tables import TABLES

T = TypeVar("T")
MAX_RAGGED = 500_000
"""So many rows with surplus cells, one after the other, are no table."""
MAX_KEYS = 8
"""A wide row gives many records; it is known again by so many of their keys."""
REVIEWED = ("minutes", "n_answered", "n_dont_know", "n_refused", "n_other")
"""What is kept of each interview for the review of enumerators."""
MAX_VALUE = 200
"""A reject keeps at most so many characters of a cell."""


class Sink(Protocol):
    """Where the good records and the rejects of a file go."""

    def begin(self, layout: Layout, columns: tuple[str, ...]) -> None:
        """A sheet begins; its records have these columns of the layout's core table."""

    def records(self, records: pa.Table, row_numbers: npt.NDArray[np.int64]) -> None:
        """Records of good rows, each with the number of its row."""

    def refused(self, keys: list[str]) -> None:
        """Keys of records whose person does not consent: they must leave the warehouse too."""

    def rejects(self, rejects: list[Reject]) -> None:
        """Rows that are not loaded."""

    def retract(self, row_numbers: npt.NDArray[np.int64]) -> None:
        """Rows of the current sheet that were given as good, and are rejected for what stands in other rows."""

    def interviews(self, checked: pa.Table) -> None:
        """How each interview of the current sheet fared: `row_number`, minutes, counts of answers, `flags`."""


@dataclass
class _Tally:
    n_rows: int = 0
    example_rows: list[int] = field(default_factory=list)


@dataclass
class Examination:
    """What is known of a file after it was read to its end. Rows are counted over all sheets that were read."""

    layouts: tuple[Layout, ...] = ()
    engine: Engine = "gx"
    rows_read: int = 0
    rows_rejected: int = 0
    rows_flagged: int = 0
    """Rows that are loaded, and hit by a rule of severity `flag`."""
    issues: list[Issue] = field(default_factory=list)
    results: list[ExpectationResult] = field(default_factory=list)
    profiles: dict[str, Profile] = field(default_factory=dict)
    """By layout, what its good records cover and add up to."""
    opened: OpenFile | None = None
    parts: tuple[Part, ...] = ()
    marks: list[Mark] = field(default_factory=list)
    """Places of the file that rules of severity `reject` and `flag` hit: the first of them, up to MAX_MARKS."""
    n_marks: int = 0
    _tallies: dict[tuple[str, Severity, str | None, str], tuple[_Tally, Mapping[str, Any]]] = field(
        default_factory=dict
    )

    def tally(
        self,
        rule: str,
        severity: Severity,
        column: str | None,
        row_numbers: npt.NDArray[np.int64],
        parameters: Mapping[str, Any],
    ) -> None:
        """Counts rows that a rule hit."""
        key = (rule, severity, column, repr(sorted(parameters.items())))
        tally, _ = self._tallies.setdefault(key, (_Tally(), parameters))
        tally.n_rows += len(row_numbers)
        room = EXAMPLE_ROWS - len(tally.example_rows)
        tally.example_rows.extend(int(n) for n in row_numbers[:room])

    @property
    def is_part(self) -> bool:
        """Whether the file holds rows of an earlier delivery, put right: it says nothing of other rows."""
        returned = self.opened.returned if self.opened is not None else None
        return returned is not None and returned.is_part

    def mark(
        self,
        sheet: str,
        row_numbers: npt.NDArray[np.int64],
        severity: Severity,
        rule: str,
        column: str | None,
        parameters: Mapping[str, Any],
    ) -> None:
        """Keeps where a rule hit, as long as there is room."""
        self.n_marks += len(row_numbers)
        for number in row_numbers[: MAX_MARKS - len(self.marks)].tolist():
            self.marks.append(Mark(sheet, number, severity, rule, column, parameters))

    def close(self) -> None:
        """Turns what was counted into issues, the gravest and most frequent first."""
        for (rule, severity, column, _), (tally, parameters) in self._tallies.items():
            if tally.n_rows:
                self.issues.append(
                    Issue(rule, severity, column, tally.n_rows, tuple(sorted(tally.example_rows)), dict(parameters))
                )
        self._tallies.clear()
        self.issues = by_gravity(self.issues)


def by_gravity(issues: Iterable[Issue]) -> list[Issue]:
    """Issues with the gravest and most frequent first."""
    order = {"hold": 0, "reject": 1, "flag": 2, "note": 3}
    return sorted(issues, key=lambda i: (order[i.severity], -i.n_rows, i.rule, i.column or ""))


@dataclass(frozen=True)
class Part:
    """A sheet to be read, by the layout that it matches."""

    layout: Layout
    sheet: Sheet
    header: Header


def examine(
    path: Path, file_name: str, contract: Contract, settings: Settings, sink: Sink, *, today: date, privacy_key: str
) -> Examination:
    """Reads the file by the contract and gives good records and rejects to the sink.

    `file_name` is the partner's own, `today` the day that date rules refer to (the day of receipt, so that a rebuild
    judges as the first load did).

    Raises DeliveryError where the file as a whole cannot be taken. The examination's issues may hold it too.
    """
    opened, parts = _open(path, file_name, contract, settings)
    file_name = original_name(file_name)
    examination = Examination(
        layouts=tuple(pieces[0].layout for pieces in _by_layout(parts)), opened=opened, parts=tuple(parts)
    )
    if opened.detected:
        examination.issues.append(Issue("encoding.detected", "note", parameters=dict(opened.detected)))
    if unread := _unread_sheets(opened, parts):
        examination.issues.append(Issue("sheets.unread", "note", parameters={"sheets": unread}))
    examination.issues.extend(_archive_notes(opened, parts))
    examination.issues.extend(Issue(rule, "note", parameters=dict(given)) for rule, given in opened.notes)
    for pieces in _by_layout(parts):
        _examine_parts(pieces, opened, file_name, contract, settings, sink, examination, today, privacy_key)
    if examination.rows_read == 0:
        raise DeliveryError("file.empty")
    if opened.returned is not None:
        opened.returned.is_read = True
    share = examination.rows_rejected / examination.rows_read
    if examination.is_part:
        # What it does not hold is not gone. And rows that were rejected before are no sign of a broken file.
        examination.layouts = tuple(as_part(layout) for layout in examination.layouts)
    elif share > contract.max_reject_share:
        examination.issues.append(
            Issue("gate.rejects", "hold", parameters={"share": round(share, 4), "limit": contract.max_reject_share})
        )
    examination.close()
    return examination


def as_part(layout: Layout) -> Layout:
    """The layout for a file that holds some rows only: what is not in it is not gone."""
    return replace(layout, mode="upsert") if layout.mode == "snapshot" else layout


def _open(path: Path, sent_name: str, contract: Contract, settings: Settings) -> tuple[OpenFile, list[Part]]:
    """The file and the sheets of it that some layout knows.

    A layout may say how text is encoded and delimited, so a file that no layout knows as detected is tried so too.
    `sent_name` is the file's name as it was sent, which may be that of a copy of ours.
    """
    file_name = original_name(sent_name)

    def opened_by(read: Read | None) -> OpenFile:
        text = {} if read is None else {"encoding": read.encoding, "delimiter": read.delimiter, "quote": read.quote}
        return without_ours(open_file(path, settings.max_unpacked_bytes, **text), sent_name)

    opened = opened_by(None)
    parts = _match(opened, file_name, contract)
    is_text = opened.format == "csv" or any(sheet.format == "csv" for sheet in opened.sheets)
    if not parts and is_text:
        overrides = {_text_key(layout.read): layout.read for layout in contract.layouts if any(_text_key(layout.read))}
        for _, read in sorted(overrides.items(), key=str):
            retried = opened_by(read)
            if parts := _match(retried, file_name, contract):
                return retried, parts
    elif parts and is_text:
        read = parts[0].layout.read
        # A copy of ours that the declared encoding could not hold says so by its byte order mark.
        is_ours = opened.returned is not None and opened.detected.get("encoding") == "utf-8-sig"
        if any(_text_key(read)) and not is_ours:
            opened = opened_by(read)
            parts = _match(opened, file_name, contract)
    if not parts:
        if error := recognise.explain(opened, contract, settings.expectations_dir, of_other(opened, file_name)):
            raise error
        found = [
            cell.strip() for sheet in opened.sheets[:1] for row in sheet.preview[:1] for cell in row if cell.strip()
        ]
        raise DeliveryError(
            "layout.unknown",
            expected=[f"{layout.name}: {', '.join(layout.match.headers)}" for layout in contract.layouts],
            found=_names_only(found, contract),
        )
    return opened, parts


def _text_key(read: Read) -> tuple[str | None, str | None, str | None]:
    """What a contract says of how text is written. An empty quote, for none, says something too."""
    return read.encoding, read.delimiter, "none" if read.quote == "" else read.quote


def of_other(opened: OpenFile, file_name: str) -> recognise.Matches:
    """A test of whether some layout of another contract reads the file, as detection opened it."""
    return lambda other: any(recognise.tells(part.layout) for part in _match(opened, file_name, other))


def _names_only(cells: list[str], contract: Contract) -> list[str]:
    """First-row cells that may be shown as header names: a headerless file's first row is data, and stays unsaid.

    It is a header where half of it are headers that the contract knows. Else only those are named, unless the source is
    one whose values may be shown, and none of the cells looks like a value.
    """
    known = {
        fold(name)
        for layout in contract.layouts
        for name in (*layout.match.headers, *(h for c in layout.columns for h in (*c.source, *c.any_of)))
    }
    shown = [cell for cell in cells if fold(cell) in known]
    if len(shown) * 2 >= len(cells) or (contract.show_values and not any(map(_looks_like_a_value, cells))):
        shown = cells
    return shown[:40]


def _looks_like_a_value(cell: str) -> bool:
    n_digits = sum(c.isdigit() for c in cell)
    return n_digits * 2 >= len(cell) or n_digits >= 6 or len(cell) > 60 or "@" in cell


def _match(opened: OpenFile, file_name: str, contract: Contract) -> list[Part]:
    """The sheets that layouts read; each file of an archive is looked at as if it had been sent by itself."""
    members: dict[str, list[Sheet]] = {}
    for sheet in opened.sheets:
        members.setdefault(sheet.member, []).append(sheet)
    return [
        part
        for member, sheets in members.items()
        for part in _match_sheets(sheets, opened, member or file_name, contract)
    ]


def _match_sheets(sheets: list[Sheet], opened: OpenFile, file_name: str, contract: Contract) -> list[Part]:
    """The first layout that fits some sheet, and those with `also` that fit another sheet."""
    import re

    parts: list[Part] = []
    for layout in contract.layouts:
        if parts and not layout.also:
            continue
        if layout.match.file is not None and not re.search(layout.match.file, file_name, re.IGNORECASE):
            continue
        for sheet in sheets:
            form = sheet.format or opened.format
            # A CSV may come back as the workbook that we made of it.
            if layout.read.format not in (None, form) and opened.returned is None:
                continue
            if layout.read.records is not None and form == "json" and sheet.name != layout.read.records:
                continue
            if any(part.sheet is sheet for part in parts):
                continue
            header = _survey_header(sheet, layout) if layout.survey else find_header(sheet, layout)
            if header is not None:
                parts.append(Part(layout, sheet, header))
                break
    return parts


def _by_layout(parts: list[Part]) -> list[list[Part]]:
    """The parts of each layout together: files of an archive with the same layout are read as one."""
    together: dict[str, list[Part]] = {}
    for part in parts:
        together.setdefault(part.layout.name, []).append(part)
    return list(together.values())


def _archive_notes(opened: OpenFile, parts: list[Part]) -> list[Issue]:
    """Which files of an archive were read, in the order that row numbers refer to, and which were not."""
    read = members_read(parts)
    repeats = {
        fold(where["sheet"]) for part in parts if part.layout.survey for where in part.layout.survey.repeats.values()
    }
    there = [sheet for sheet in opened.sheets if sheet.member]
    unread = [s.member for s in there if s.member not in read and fold(s.name) not in repeats] + [*opened.unread]
    notes = [Issue("archive.read", "note", parameters={"files": read})] if read else []
    return notes + ([Issue("archive.unread", "flag", parameters={"files": [*dict.fromkeys(unread)]})] if unread else [])


def members_read(parts: Iterable[Part]) -> list[str]:
    """The files of an archive that are read. Their rows are numbered from MEMBER_ROWS × their place in this list."""
    return list(dict.fromkeys(part.sheet.member for part in parts if part.sheet.member))


def _survey_header(sheet: Sheet, layout: Layout) -> Header | None:
    """The header of a survey export, whose names may carry groups or be labels; Kobo's row of labels is no data."""
    assert layout.survey is not None
    anywhere = replace(layout, match=replace(layout.match, headers=(), not_headers=()))
    header = find_header(sheet, anywhere)
    if header is None:
        return None
    form = survey.form_for(layout.survey.form, header.names)
    names = survey.rename_headers(header.names, form)
    if not {fold(h) for h in layout.match.headers} <= {fold(name) for name in names}:
        return None
    if header.rows_before_data < len(sheet.preview):
        first = dict(zip(names, sheet.preview[header.rows_before_data], strict=False))
        if survey.is_label_row(first, form):
            return Header(header.names, header.rows_before_data + 1)
    return header


def _examine_parts(
    pieces: list[Part],
    opened: OpenFile,
    file_name: str,
    contract: Contract,
    settings: Settings,
    sink: Sink,
    examination: Examination,
    today: date,
    privacy_key: str,
) -> None:
    """Reads all sheets of one layout: one, but for archives, where they are those of several files."""
    layout = pieces[0].layout
    mappers = [_mapper(piece, opened, file_name, contract, privacy_key) for piece in pieces]
    for note in (note for mapper in mappers for note in mapper.notes):
        if note not in examination.issues:
            examination.issues.append(note)
    if absent := _absent_sheets(opened, layout):
        examination.issues.append(Issue("columns.missing", "flag", parameters={"columns": absent}))

    # Reading and mapping go on in a second thread while Postgres writes; only this one speaks to the sink.
    ragged: deque[tuple[str, RaggedRow]] = deque()
    mapped_chunks = prefetch(_mapped(pieces, mappers, examination, settings, ragged))
    checkers: list[Checker] | None = None
    profiler = Profiler(layout.table)
    seen = _Seen(layout.table == "interview")
    begun = False
    first = next(mapped_chunks, None)
    second = next(mapped_chunks, None)
    for mapper, mapped in chain((m for m in (first, second) if m is not None), mapped_chunks):
        chunk = mapped.chunk
        examination.rows_read += len(chunk.row_numbers)
        frame = to_frame(mapped.checked())
        if checkers is None:
            small = second is None and len(frame) <= settings.gx_rows
            examination.engine = "gx" if small and examination.engine == "gx" else "masks"
            columns = interviews.column_names(mapper.form) if layout.table == "interview" else ()
            checkers = _checkers(contract, layout, settings, examination.engine, today, columns)
            late = [e for checker in checkers for e in checker.suite.expectations if e.late]
            seen.keeps_rows |= bool(late)
            seen.keeps_keys |= any(e.row_severity == "reject" for e in late)
        if not begun:
            sink.begin(layout, tuple(name for name in mapped.records.column_names if name != "record_key"))
            begun = True
        findings = mapped.findings + [
            finding
            for checker in checkers
            for outcome in checker.add(frame)
            if (finding := _row_finding(outcome, mapped, mapper)) is not None
        ]
        bad = _settle(findings, mapped, mapper, contract, examination, sink)
        good = ~bad[mapped.row_of]
        numbers = chunk.row_numbers[mapped.row_of]
        records = mapped.records
        seen.add(mapped, numbers, good, findings)
        if not good.all():
            records, numbers, frame = records.filter(pa.array(good)), numbers[good], frame[good]
        profiler.add(frame)
        sink.records(records, numbers)
        _reject_ragged(ragged, examination, sink)
    _reject_ragged(ragged, examination, sink)
    for mapper in mappers:
        examination.issues.extend(mapper.found_deriving())
    if n_skipped := sum(mapper.n_skipped for mapper in mappers):
        examination.issues.append(Issue("rows.skipped", "note", parameters={"n": n_skipped}))
    examination.profiles[layout.name] = profiler.finish()
    _finish(checkers or [], mappers[0], pieces, seen, examination, sink)
    if begun and (checked := seen.interviews()) is not None:
        sink.interviews(checked)


def _finish(
    checkers: list[Checker], mapper: Mapper, pieces: list[Part], seen: _Seen, examination: Examination, sink: Sink
) -> None:
    """What is known once all rows of a sheet were seen."""
    for checker in checkers:
        for outcome in checker.finish():
            examination.results.append(outcome.result)
            if outcome.expectation.late:
                _settle_late(outcome, mapper, pieces, seen, examination, sink)
                outcome = replace(outcome, failed=None)
            _delivery_issue(outcome, mapper, examination)


@dataclass
class _Seen:
    """What is kept of the rows of a sheet until all of them were read, where they are compared with each other.

    A few numbers for each record: `rows` and `good` by record in order, and of interviews what their review needs.
    """

    is_interview: bool
    keeps_rows: bool = False
    keeps_keys: bool = False
    rows: list[npt.NDArray[np.int64]] = field(default_factory=list)
    good: list[npt.NDArray[np.bool_]] = field(default_factory=list)
    keys: list[pa.Array] = field(default_factory=list)
    counts: list[pa.Table] = field(default_factory=list)
    flags: dict[str, list[npt.NDArray[np.int64]]] = field(default_factory=dict)

    def add(
        self,
        mapped: Mapped,
        numbers: npt.NDArray[np.int64],
        good: npt.NDArray[np.bool_],
        findings: list[Finding],
    ) -> None:
        """Keeps what is needed of a chunk."""
        if self.keeps_rows or self.is_interview:
            self.rows.append(numbers)
            self.good.append(good.copy())
            for finding in findings:
                if finding.severity == "flag":
                    self.flags.setdefault(finding.rule, []).append(mapped.chunk.row_numbers[finding.rows])
        if self.keeps_keys:
            self.keys.append(mapped.records["record_key"])
        if self.is_interview:
            self.counts.append(pa.table({name: mapped.asides[f"_{name}"] for name in REVIEWED}))

    def flagged(self) -> npt.NDArray[np.int64]:
        """The rows that some rule flagged."""
        numbers = [part for parts in self.flags.values() for part in parts]
        return np.unique(np.concatenate(numbers)) if numbers else np.zeros(0, np.int64)

    def interviews(self) -> pa.Table | None:
        """The good interviews: row, minutes, counts, and the rules that flagged them, in alphabetical order."""
        if not self.is_interview or not self.rows:
            return None
        rows, good = np.concatenate(self.rows), np.concatenate(self.good)
        flags: dict[int, list[str]] = {}
        for rule, numbers in sorted(self.flags.items()):
            for number in np.unique(np.concatenate(numbers)).tolist():
                flags.setdefault(number, []).append(rule)
        table = pa.concat_tables(self.counts).append_column("row_number", pa.array(rows))
        lists = pa.array([flags.get(number, []) for number in rows.tolist()], pa.list_(pa.string()))
        return table.append_column("flags", lists).filter(pa.array(good))


def _settle_late(
    outcome: Outcome, mapper: Mapper, pieces: list[Part], seen: _Seen, examination: Examination, sink: Sink
) -> None:
    """Counts the rows that a comparison of all rows hit; those that it rejects are taken back from the sink."""
    if outcome.failed is None or not outcome.failed.any():
        return
    rows, good = np.concatenate(seen.rows), np.concatenate(seen.good)
    hit = np.unique(rows[outcome.failed])
    severity, provider, parameters = outcome.row_severity, _provider(outcome, mapper), _parameters(outcome, mapper)
    examination.tally(outcome.rule, severity, provider, hit, parameters)
    titles = {_offset(piece, examination): piece.sheet.title for piece in pieces}
    if severity in ("reject", "flag"):
        for offset, title in titles.items():
            examination.mark(
                title, hit[hit - hit % MEMBER_ROWS == offset], severity, outcome.rule, provider, parameters
            )
    standing = np.intersect1d(hit, rows[good])
    if severity == "flag":
        examination.rows_flagged += len(np.setdiff1d(standing, seen.flagged()))
        seen.flags.setdefault(outcome.rule, []).append(hit)
    if severity != "reject" or not len(standing):
        return
    examination.rows_flagged -= len(np.intersect1d(standing, seen.flagged()))
    gone = np.isin(rows, standing) & good
    hashes: dict[int, tuple[str, ...]] = {}
    keys = pa.chunked_array([chunk for array in seen.keys for chunk in _chunks(array)], pa.large_string())
    for number, key in zip(rows[gone].tolist(), keys.filter(pa.array(gone)).to_pylist(), strict=True):
        hashes[number] = (*hashes.get(number, ()), key_hash(mapper.privacy_key, key))[:MAX_KEYS]
    seen.rows, seen.good = [rows], [good & ~gone]
    returned = examination.opened.returned if examination.opened is not None else None
    references = returned.references if returned is not None else {}
    columns = (provider,) if provider else ()
    sink.retract(standing)
    sink.rejects(
        [
            Reject(row, (outcome.rule,), columns, sheet, None, hashes[number], references.get((sheet, row)))
            for number in standing.tolist()
            for sheet, row in [(titles[number - number % MEMBER_ROWS], number % MEMBER_ROWS)]
        ]
    )
    examination.rows_rejected += len(standing)


def _chunks(array: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return array.chunks if isinstance(array, pa.ChunkedArray) else [array]


def _mapper(piece: Part, opened: OpenFile, file_name: str, contract: Contract, privacy_key: str) -> Mapper:
    name = original_name(piece.sheet.member) or file_name
    derived = derivation(contract, piece.layout, piece.header, opened)
    header = derived.header if derived is not None else piece.header
    return Mapper(contract, piece.layout, header, privacy_key, _repeats(opened, piece), name, derived)


def _offset(piece: Part, examination: Examination) -> int:
    """What is added to the row numbers of a sheet, so that those of several files differ."""
    member = piece.sheet.member
    return MEMBER_ROWS * members_read(examination.parts).index(member) if member else 0


def _mapped(
    pieces: list[Part],
    mappers: list[Mapper],
    examination: Examination,
    settings: Settings,
    ragged: deque[tuple[str, RaggedRow]],
) -> Iterator[tuple[Mapper, Mapped]]:
    """The chunks of the sheets of one layout, mapped, one sheet after the other; ragged rows go into the queue."""
    for piece, mapper in zip(pieces, mappers, strict=True):
        sheet, offset = piece.sheet, _offset(piece, examination)

        def on_ragged(row: RaggedRow, sheet: Sheet = sheet, offset: int = offset) -> None:
            ragged.append((sheet.title, replace(row, row_number=row.row_number + offset)))
            if len(ragged) > MAX_RAGGED:
                raise DeliveryError("file.unreadable", format=sheet.format or "CSV")

        chunk_rows = rows_in_a_chunk(settings.chunk_rows, len(piece.header.names))
        for chunk in sheet.chunks(piece.header, chunk_rows, on_ragged):
            numbered = replace(chunk, row_numbers=chunk.row_numbers + offset) if offset else chunk
            kept = mapper.keep_rows(numbered)
            if len(kept.row_numbers) or mapper.derived is None:
                yield mapper, mapper.map(kept)


def _reject_ragged(ragged: deque[tuple[str, RaggedRow]], examination: Examination, sink: Sink) -> None:
    """Rows with more cells than the header: no one can say which cell belongs to which column."""
    rejects = []
    while ragged:
        sheet, row = ragged.popleft()
        parameters = {"expected": row.expected, "found": row.found}
        examination.tally("row.ragged", "reject", None, np.array([row.row_number]), parameters)
        examination.mark(sheet, np.array([row.row_number]), "reject", "row.ragged", None, parameters)
        rejects.append(Reject(row.row_number % MEMBER_ROWS, ("row.ragged",), (), sheet))
    if rejects:
        sink.rejects(rejects)
        examination.rows_read += len(rejects)
        examination.rows_rejected += len(rejects)


def prefetch(items: Iterator[T]) -> Iterator[T]:
    """The same items, the next one always being made in a second thread: reading goes on while Postgres writes."""
    end = object()
    with ThreadPoolExecutor(1, "prefetch") as pool:
        future = pool.submit(next, items, end)
        while True:
            item = future.result()
            if item is end:
                return
            future = pool.submit(next, items, end)
            yield item  # type: ignore[misc]


def _unread_sheets(opened: OpenFile, parts: list[Part]) -> list[str]:
    """Sheets of a workbook that hold cells and that no layout reads: nothing of a file is left out in silence."""
    if opened.format != "xlsx":
        return []
    repeats = {
        fold(where["sheet"]) for part in parts if part.layout.survey for where in part.layout.survey.repeats.values()
    }
    if any(part.layout.table in ("form_question", "form_choice") for part in parts):
        repeats.add("settings")
    read = {id(part.sheet) for part in parts}
    unread = [
        sheet.name
        for sheet in opened.sheets
        if sheet.name and id(sheet) not in read and fold(sheet.name) not in repeats and any(map(any, sheet.preview))
    ]
    if not unread:
        return []
    from footprints.templates.workbook import own_sheets  # it imports openpyxl, and few files come this far

    return [name for name in unread if name not in own_sheets()]


def _absent_sheets(opened: OpenFile, layout: Layout) -> list[str]:
    """Sheets of repeats that an export lacks (Kobo's CSV has none): its interviews are then stated without them."""
    if layout.survey is None:
        return []
    there = {fold(sheet.name) for sheet in opened.sheets}
    return sorted(where["sheet"] for where in layout.survey.repeats.values() if fold(where["sheet"]) not in there)


def _repeats(opened: OpenFile, piece: Part) -> dict[str, pd.DataFrame]:
    """The sheets of repeats that a survey export has, whole and as text: those of its own file, else of a neighbour."""
    repeats: dict[str, pd.DataFrame] = {}
    if piece.layout.survey is None:
        return repeats
    for name, where in piece.layout.survey.repeats.items():
        named = [sheet for sheet in opened.sheets if fold(sheet.name) == fold(where["sheet"]) and sheet.preview]
        own = [sheet for sheet in named if sheet.member == piece.sheet.member]
        for sheet in (own or named)[:1]:
            header = Header(unique_names(sheet.preview[0]), 1)
            frames = [
                pd.DataFrame({column: cells.to_pylist() for column, cells in chunk.columns.items()})
                for chunk in sheet.chunks(header, rows_in_a_chunk(100_000, len(header.names)), lambda row: None)
            ]
            if frames:
                repeats[name] = pd.concat(frames, ignore_index=True)
    return repeats


def _checkers(
    contract: Contract,
    layout: Layout,
    settings: Settings,
    engine: Engine,
    today: date,
    derived: tuple[str, ...] = (),
) -> list[Checker]:
    """The source's suites that speak of this layout, and those of its core table; `derived` are further columns.

    What a source's suite says under a rule's name, it says instead of the table's suites: other limits, another
    severity.
    """
    own = [suite for path in contract.suites() if _applies(suite := load_suite(path), layout)]
    stated = {(e.rule, e.columns) for suite in own for e in suite.expectations if e.named}
    folder = settings.expectations_dir / "_tables"
    common = [load_suite(path) for path in sorted(folder.glob(f"{layout.table}.json"))]
    common += [load_suite(path) for path in sorted(folder.glob(f"{layout.table}.*.json"))]
    common = [
        replace(
            suite, expectations=tuple(e for e in suite.expectations if not e.named or (e.rule, e.columns) not in stated)
        )
        for suite in common
    ]
    columns = (*TABLES[layout.table].columns, *derived)
    return [Checker(suite, engine, columns=columns, today=today) for suite in [*own, *common] if suite.expectations]


def _applies(suite: Suite, layout: Layout) -> bool:
    """A suite may name the table or the layouts that it speaks of in its `meta`."""
    return suite.meta.get("table", layout.table) == layout.table and layout.name in suite.meta.get(
        "layouts", [layout.name]
    )


def _row_finding(outcome: Outcome, mapped: Mapped, mapper: Mapper) -> Finding | None:
    if outcome.failed is None or not outcome.failed.any():
        return None
    is_told = outcome.expectation.type == "expect_column_values_to_not_be_null" and outcome.row_severity != "reject"
    if is_told and set(outcome.columns) <= set(mapper.absent):
        return None  # that the file lacks the column was told already, once and not of each row
    rows = np.zeros(len(mapped.chunk.row_numbers), bool)
    rows[mapped.row_of[outcome.failed]] = True
    return Finding(outcome.rule, outcome.row_severity, _provider(outcome, mapper), rows, _parameters(outcome, mapper))


def _provider(outcome: Outcome, mapper: Mapper) -> str | None:
    """The partner's own header of what an expectation is about; what we ask for where the file has none."""
    asked = {column: [wanted] for column, wanted in mapper.absent.items()}
    names = [h for c in outcome.columns for h in (mapper.shown_headers.get(c) or asked.get(c) or [c])]
    names = [name for name in dict.fromkeys(names) if not name.startswith("_")]
    return ", ".join(names) or None


def _parameters(outcome: Outcome, mapper: Mapper) -> dict[str, Any]:
    """What an expectation asks for, as a message needs it, with the partner's headers for our columns."""

    def header(column: str) -> str:
        return ", ".join(mapper.shown_headers.get(column, [])) or mapper.absent.get(column) or column.lstrip("_")

    shown: dict[str, Any] = {}
    for name, value in outcome.expectation.kwargs.items():
        if name in ("column", "column_A", "column_B"):
            shown[name] = header(str(value))
        elif name == "column_list":
            shown[name] = [header(str(column)) for column in value]
        elif isinstance(value, list):
            shown[name] = [str(v) for v in value[:20]]
        elif isinstance(value, str | int | float | bool):
            shown[name] = value
        elif value is not None and not isinstance(value, dict):
            shown[name] = str(value)
    return shown


def _one_each(findings: list[Finding]) -> list[Finding]:
    """Each finding once: two columns read from one header, or two suites that ask the same, say it of the same rows."""
    merged: dict[tuple[str, str, str | None, str], Finding] = {}
    for finding in findings:
        key = (finding.rule, finding.severity, finding.column, repr(sorted(finding.parameters.items())))
        earlier = merged.get(key)
        merged[key] = finding if earlier is None else replace(earlier, rows=earlier.rows | finding.rows)
    return list(merged.values())


def _settle(
    findings: list[Finding],
    mapped: Mapped,
    mapper: Mapper,
    contract: Contract,
    examination: Examination,
    sink: Sink,
) -> npt.NDArray[np.bool_]:
    """Counts what was found in a chunk, sends its rejects to the sink, and returns which of its rows are rejected."""
    chunk = mapped.chunk
    findings = _one_each(findings)
    no_consent = np.zeros(len(chunk.row_numbers), bool)
    for finding in findings:
        if finding.rule == "consent.none":
            no_consent |= finding.rows
    if no_consent.any():
        keys = mapped.records["record_key"].filter(pa.array(no_consent[mapped.row_of]))
        sink.refused([key for key in keys.to_pylist() if key])
    bad = np.zeros(len(chunk.row_numbers), bool)
    flagged = np.zeros(len(chunk.row_numbers), bool)
    reasons: dict[int, tuple[list[str], list[str]]] = {}
    for finding in findings:
        # Of who did not consent nothing is said but that.
        rows = finding.rows if finding.rule == "consent.none" else finding.rows & ~no_consent
        if not rows.any():
            continue
        positions = np.flatnonzero(rows)
        examination.tally(
            finding.rule, finding.severity, finding.column, chunk.row_numbers[positions], finding.parameters
        )
        if finding.severity in ("reject", "flag"):
            examination.mark(
                chunk.sheet,
                chunk.row_numbers[positions],
                finding.severity,
                finding.rule,
                finding.column,
                finding.parameters,
            )
        if finding.severity == "flag":
            flagged |= rows
        if finding.severity != "reject":
            continue
        bad |= rows
        for position in positions.tolist():
            rules, columns = reasons.setdefault(position, ([], []))
            rules.append(finding.rule)
            if finding.column is not None:
                columns.append(finding.column)
    examination.rows_flagged += int(np.count_nonzero(flagged & ~bad))
    if reasons:
        hashes = _key_hashes(mapped, bad, mapper.privacy_key)
        returned = examination.opened.returned if examination.opened is not None else None
        references = returned.references if returned is not None else {}
        sink.rejects(
            [
                Reject(
                    int(chunk.row_numbers[position]) % MEMBER_ROWS,
                    tuple(dict.fromkeys(rules)),
                    tuple(dict.fromkeys(columns)),
                    chunk.sheet,
                    _shown(mapped, mapper, position, columns)
                    if contract.show_values and not no_consent[position]
                    else None,
                    () if no_consent[position] else hashes.get(position, ()),
                    references.get((chunk.sheet, int(chunk.row_numbers[position]))),
                )
                for position, (rules, columns) in sorted(reasons.items())
            ]
        )
        examination.rows_rejected += len(reasons)
    return bad


def _key_hashes(mapped: Mapped, bad: npt.NDArray[np.bool_], privacy_key: bytes) -> dict[int, tuple[str, ...]]:
    """By position of a rejected row, keyed hashes of the keys of its first records, as far as they could be read."""
    hashes: dict[int, tuple[str, ...]] = {}
    concerned = bad[mapped.row_of]
    keys = mapped.records["record_key"].filter(pa.array(concerned)).to_pylist()
    for position, key in zip(mapped.row_of[concerned].tolist(), keys, strict=True):
        known = hashes.get(position, ())
        if key and key.strip("|") and len(known) < MAX_KEYS:
            hashes[position] = (*known, key_hash(privacy_key, key))
    return hashes


def key_hash(privacy_key: bytes, record_key: str) -> str:
    """HMAC-SHA256 of a record key, 128 bits in hex: a row is known again by it, and no table holds the key itself."""
    return hmac.digest(privacy_key, b"record key " + record_key.encode(), "sha256").hex()[:32]


def _shown(mapped: Mapped, mapper: Mapper, position: int, columns: list[str]) -> dict[str, str]:
    """The cells of a rejected row in the columns that are at fault, but for those that the contract drops or hashes."""
    originals = {renamed: original for original, renamed in mapper.renamed.items()}
    cells = mapped.chunk.columns
    values = {}
    for column in dict.fromkeys(columns):
        original = originals.get(column, column)
        if original in cells and original not in mapper.dropped and original not in mapper.hashed:
            values[column] = (cells[original][position].as_py() or "")[:MAX_VALUE]
    return values


def _delivery_issue(outcome: Outcome, mapper: Mapper, examination: Examination) -> None:
    """What an expectation says about the delivery as a whole, once all of it was seen."""
    severity = outcome.delivery_severity
    if examination.is_part and severity is not None and outcome.failed is None:
        return  # what a suite asks of the whole file (a number of rows, a share of good ones) is not asked of a part
    n_rows = int(np.count_nonzero(outcome.failed)) if outcome.failed is not None else 0
    if severity is None and n_rows:
        # Uniqueness is only known at the end, when its rows are staged already: the file waits for a person.
        severity = "hold" if outcome.row_severity == "reject" else outcome.row_severity
    if severity is not None:
        examination.issues.append(
            Issue(outcome.rule, severity, _provider(outcome, mapper), n_rows, (), _parameters(outcome, mapper))
        )


def file_name(key: str) -> str:
    """The partner's own name of a file, from an object key."""
    return key.rsplit("/", 1)[-1]


__all__ = ["Examination", "Part", "Sink", "examine", "file_name", "prefetch"]
