"""One delivery end to end: archived, examined, loaded in one transaction, answered with a receipt."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
import pyarrow as pa
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from footprints import fixes, ledger, places, receipts, recognise, scratch, standing
from footprints.contracts import Contract, Layout, find_contract
from footprints.errors import DeliveryError, NotFoundError
from footprints.examine import Examination, as_part, by_gravity, examine, file_name, of_other
from footprints.model import MAX_MARKS, Counts, Delivery, Issue, Language, Mark, Receipt, Reject
from footprints.quality.deliveries import Profile, compare
from footprints.readers import open_file
from footprints.readers.returned import original_name
from footprints.receipts import answers
from footprints.receipts.answers import Answer
from footprints.settings import Settings
from footprints.storage import Store
from footprints.trends import load_trends
from footprints.warehouse import corrections, interview_checks
from footprints.warehouse.engine import driver, engine
from footprints.warehouse.load import Merge, Stage, Version, copy_rejects
from footprints.warehouse.reference import sync_source
from footprints.warehouse.tables import TABLES

RECEIPT_REJECTS = 1000
"""A receipt lists so many rejects; all stand in `meta.reject`."""

_stage_numbers = itertools.count(1)
"""One transaction may load many deliveries (a rebuild), even one within another: no two stages share a name."""


@dataclass(frozen=True)
class Verdict:
    """How a delivery ended."""

    delivery_id: int
    state: str
    source_id: str
    counts: Counts


class DatabaseSink:
    """Stages good records in temporary tables and keeps rejects, within the caller's transaction."""

    def __init__(self, connection: psycopg.Connection[Any], delivery_id: int, *, keeps_rejects: bool) -> None:
        self.connection = connection
        self.delivery_id = delivery_id
        self.keeps_rejects = keeps_rejects
        self.stages: list[Stage] = []
        self.checked: list[tuple[Stage, str]] = []

    def begin(self, layout: Layout, columns: tuple[str, ...]) -> None:
        """Creates the stage of a sheet."""
        self.stages.append(Stage(self.connection, layout, columns, next(_stage_numbers)))

    def records(self, records: pa.Table, row_numbers: npt.NDArray[np.int64]) -> None:
        """Copies records into the current stage."""
        self.stages[-1].copy(records, row_numbers)

    def refused(self, keys: list[str]) -> None:
        """Tells the current stage whose records must go."""
        self.stages[-1].refuse(keys)

    def rejects(self, rejects: list[Reject]) -> None:
        """Copies rejects into quarantine."""
        if self.keeps_rejects:
            copy_rejects(self.connection, self.delivery_id, rejects)

    def retract(self, row_numbers: npt.NDArray[np.int64]) -> None:
        """Takes rows out of the current stage."""
        self.stages[-1].execute(
            f"DELETE FROM {self.stages[-1].name} WHERE row_number = ANY(%(rows)s)", {"rows": row_numbers.tolist()}
        )

    def interviews(self, checked: pa.Table) -> None:
        """Stages how the interviews of the current sheet fared."""
        self.checked.append((self.stages[-1], interview_checks.copy(self.stages[-1], checked)))

    def drop(self) -> None:
        """Drops the stages, where the transaction goes on."""
        for stage in self.stages:
            stage.execute(f"DROP TABLE {stage.name}")


def process(delivery_id: int, settings: Settings) -> Verdict:
    """Works through one claimed delivery and answers it; a delivery with a verdict already is left as it is.

    Whatever is wrong with the file is a verdict. An exception means that we failed: nothing was changed, and the
    delivery may be processed again. The receipt is written before the commit, so that no verdict is without its
    receipt.
    """
    warehouse = engine(settings.need("warehouse_url"))
    store = Store(settings)
    with warehouse.connect() as connection:
        delivery = ledger.get(connection, delivery_id)
    if delivery.state != "received":
        return Verdict(delivery_id, delivery.state, delivery.source_id, delivery.counts)
    with scratch.folder() as folder:
        path = folder / "object"
        try:
            delivery = _fetch(delivery, store, settings, path)
        except DeliveryError as error:
            with warehouse.begin() as connection:
                return _quarantine(connection, delivery, [_hold(error)], store, settings)
        except NotFoundError:
            with warehouse.begin() as connection:
                gone = replace(delivery, state="superseded")
                return _answer_whole(connection, gone, [Issue("object.gone", "note")], store, settings)
        try:
            with warehouse.begin() as connection:
                return _load_and_answer(connection, delivery, path, store, settings)
        except DeliveryError as error:
            issues = [_hold(error)]
        except (IntegrityError, psycopg.IntegrityError, psycopg.DataError) as error:
            issues = [_hold(_refused(error))]
        with warehouse.begin() as connection:
            return _quarantine(connection, delivery, issues, store, settings)


def _hold(error: DeliveryError) -> Issue:
    return Issue(error.rule, "hold", parameters=error.parameters)


def _refused(error: Exception) -> DeliveryError:
    """A constraint of the warehouse that no check foresaw: named, without the row that the driver would show."""
    original = error.orig if isinstance(error, IntegrityError) else error
    constraint = getattr(getattr(original, "diag", None), "constraint_name", None)
    column = getattr(getattr(original, "diag", None), "column_name", None)
    return DeliveryError("warehouse.refused", constraint=constraint or column or type(original).__name__)


def _fetch(delivery: Delivery, store: Store, settings: Settings, path: Path) -> Delivery:
    """The object in a file, archived; the delivery with its hash and archive key.

    Raises DeliveryError where the object is too large or its key malformed, NotFoundError where its version is gone.
    """
    if not delivery.source_id or not delivery.partner_id:
        raise DeliveryError("key.malformed")
    if delivery.size_bytes > settings.max_object_bytes:
        raise DeliveryError("file.too_large", limit=settings.max_object_bytes)
    if delivery.archive_key is not None and store.exists(settings.archive(), delivery.archive_key):
        sha256 = store.download(settings.archive(), delivery.archive_key, path)
        return replace(delivery, sha256=sha256)
    etag = delivery.object_version.split("@")[0]
    sha256 = store.download(delivery.bucket, delivery.object_key, path, if_match=etag)
    key = archive_key(delivery, sha256)
    if not store.exists(settings.archive(), key):
        store.put_file(settings.archive(), key, path)
    return replace(delivery, sha256=sha256, archive_key=key)


def archive_key(delivery: Delivery, sha256: str) -> str:
    """Where the bytes of a delivery are kept for ever: `archive/<source>/dt=<date>/<sha256>.<ext>`."""
    suffix = Path(file_name(delivery.object_key)).suffix.lower()
    suffix = suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else ""
    return f"archive/{delivery.source_id}/dt={delivery.received_at.astimezone(UTC):%Y-%m-%d}/{sha256}{suffix}"


def find_source(delivery: Delivery, settings: Settings) -> Contract:
    """The contract of a delivery. Raises DeliveryError where the source is unknown, or another partner's."""
    try:
        contract = find_contract(settings.expectations_dir, delivery.source_id)
    except NotFoundError:
        raise DeliveryError("source.unknown", source=delivery.source_id) from None
    if contract.partner.id != delivery.partner_id:
        raise DeliveryError("source.unknown", source=delivery.source_id)
    return contract


def unknown_source(delivery: Delivery, path: Path, settings: Settings) -> DeliveryError:
    """The error for a file under no source of its partner's: it names the source that the file looks like, if any."""
    unknown = DeliveryError("source.unknown", source=delivery.source_id)
    try:
        opened = open_file(path, settings.max_unpacked_bytes)
        matches = of_other(opened, file_name(delivery.object_key))
        partner, source = delivery.partner_id, delivery.source_id
        return recognise.other_source(partner, source, settings.expectations_dir, matches) or unknown
    except DeliveryError:
        return unknown


def _load_and_answer(
    connection: Connection, delivery: Delivery, path: Path, store: Store, settings: Settings
) -> Verdict:
    # A worker that was taken for dead may still be at it: whoever holds the row works, the other finds the verdict.
    state = connection.execute(
        text("SELECT state FROM meta.delivery WHERE delivery_id = :id FOR NO KEY UPDATE"), {"id": delivery.delivery_id}
    ).scalar_one()
    if state != "received":
        done = ledger.get(connection, delivery.delivery_id)
        return Verdict(done.delivery_id, done.state, done.source_id, done.counts)
    try:
        contract = find_source(delivery, settings)
    except DeliveryError:
        raise unknown_source(delivery, path, settings) from None
    sync_source(connection, contract)
    language = contract.partner.language

    def take_over(later: Sequence[int]) -> None:
        for twin_id in later:
            twin = _as_duplicate(connection, ledger.get(connection, twin_id), delivery.delivery_id)
            _answer(connection, twin, language, contract, [], store, settings)
        _reload(connection, delivery, store, settings)

    issues: list[Issue] = []
    examination = None
    before = fixes.closings(connection, delivery.source_id)
    first = _same_bytes(connection, delivery)
    if first is not None:
        loaded = _as_duplicate(connection, delivery, first)
    else:
        loaded, issues, examination = load(connection, delivery, path, contract, settings, take_over=take_over)
    if loaded.state != "loaded":
        _take_back(connection, loaded, store, settings)
    answer = Answer()
    if examination is not None:
        answer = _stand(connection, loaded, contract, examination)
        _mark_repeated(examination, issues)
        answer = answers.with_files(answer, examination, path, loaded, language, store, settings)
    verdict = _answer(connection, loaded, language, contract, issues, store, settings, answer)
    after = fixes.closings(connection, delivery.source_id)
    answer_again(connection, fixes.changed(before, after) - {delivery.delivery_id}, store, settings)
    return verdict


def _stand(connection: Connection, delivery: Delivery, contract: Contract, examination: Examination) -> Answer:
    """How the delivery stands to those before it; a file of rows to fix is not compared."""
    if examination.is_part:
        return Answer()
    before = standing.earlier(connection, delivery)
    return Answer(
        rhythm=standing.rhythm(contract, delivery, before),
        quality=standing.quality(delivery, examination.rows_flagged, before),
    )


def _mark_repeated(examination: Examination, issues: list[Issue]) -> None:
    """Marks rows whose key another row repeats, which only the merge finds."""
    if len(examination.parts) != 1:
        return
    sheet = examination.parts[0].sheet.name
    for issue in issues:
        if issue.rule == "key.repeated" and issue.severity == "flag":
            columns = ", ".join(issue.parameters.get("columns", ()))
            rows = issue.example_rows[: MAX_MARKS - len(examination.marks)]
            examination.marks += [Mark(sheet, row, "flag", issue.rule, columns, issue.parameters) for row in rows]


def _as_duplicate(connection: Connection, delivery: Delivery, first: int) -> Delivery:
    """The delivery as one that brings nothing new: what an earlier try of it left in quarantine goes."""
    for table in ("reject", "expectation_result"):
        connection.execute(text(f"DELETE FROM meta.{table} WHERE delivery_id = :id"), {"id": delivery.delivery_id})
    return replace(
        delivery, state="duplicate", duplicate_of=first, counts=Counts(), layout=None, as_of=None, engine=None
    )


def _take_back(connection: Connection, delivery: Delivery, store: Store, settings: Settings) -> None:
    """A replayed delivery that is not loaded any more: its earlier rows go, what they had replaced returns."""
    was_loaded = connection.execute(
        text("SELECT as_of IS NOT NULL FROM meta.delivery WHERE delivery_id = :id"), {"id": delivery.delivery_id}
    ).scalar()
    if was_loaded:
        lock_with_corrected(connection, delivery.source_id, settings)
        _reload(connection, delivery, store, settings)


def _reload(connection: Connection, delivery: Delivery, store: Store, settings: Settings) -> None:
    """Loads the source's other deliveries anew, as if this one had never come."""
    from footprints.redo import reload_source

    reload_source(connection, delivery.source_id, settings, store, because_of=delivery.delivery_id)


def load(
    connection: Connection,
    delivery: Delivery,
    path: Path,
    contract: Contract,
    settings: Settings,
    *,
    quietly: bool = False,
    take_over: Callable[[Sequence[int]], None] | None = None,
) -> tuple[Delivery, list[Issue], Examination | None]:
    """Examines the file and merges it, in the caller's transaction.

    Returns the delivery with its verdict, its issues and the examination (None for a duplicate).

    Issues of severity `hold` give `quarantined`, and then nothing is merged. `quietly` leaves rejects and results of
    checks as the first load wrote them. `take_over` is given the ids of later deliveries of the same bytes that were
    faster: they must end as if this one had come first. Raises DeliveryError where the file as a whole cannot be taken.
    """
    raw = driver(connection)
    closed = () if quietly else fixes.kept(raw, delivery.delivery_id)
    for table in ("snapshot", "refused_consent", *(() if quietly else ("reject", "expectation_result"))):
        connection.execute(text(f"DELETE FROM meta.{table} WHERE delivery_id = :id"), {"id": delivery.delivery_id})
    sink = DatabaseSink(raw, delivery.delivery_id, keeps_rejects=not quietly)
    examination = examine(
        path,
        file_name(delivery.object_key),
        contract,
        settings,
        sink,
        today=delivery.received_at.date(),
        privacy_key=settings.need("privacy_key"),
    )
    delivery = replace(
        delivery, layout="+".join(layout.name for layout in examination.layouts), engine=examination.engine
    )
    connection.execute(
        text("UPDATE meta.delivery SET is_part = :part, n_rows_flagged = :flagged WHERE delivery_id = :id"),
        {"part": examination.is_part, "flagged": examination.rows_flagged, "id": delivery.delivery_id},
    )
    if not quietly:
        _keep_results(connection, delivery.delivery_id, examination)
        fixes.keep(raw, delivery.delivery_id, closed)
    issues = list(examination.issues)
    if any(issue.severity == "hold" for issue in issues):
        held = Counts(rows_read=examination.rows_read, rows_rejected=examination.rows_read)
        return replace(delivery, state="quarantined", counts=held, as_of=None), issues, examination
    lock_sources(connection, {delivery.source_id, *corrections.surveys_corrected_by(contract)})
    # Another worker may have loaded the same bytes while this one read them.
    if (first := _same_bytes(connection, delivery)) is not None:
        return _as_duplicate(connection, delivery, first), [], None
    if take_over is not None and (later := _later_twins(connection, delivery)):
        take_over(later)
    if examination.is_part:
        for stage in sink.stages:
            stage.layout = as_part(stage.layout)
    _close_fixed(raw, delivery, sink.stages, examination, settings)
    as_of = _as_of(connection, delivery, sink.stages, examination)
    delivery = replace(delivery, as_of=as_of)
    connection.execute(
        text("UPDATE meta.delivery SET as_of = :as_of WHERE delivery_id = :id"),
        {"as_of": as_of, "id": delivery.delivery_id},
    )
    trends = load_trends(settings.sql_dir)
    version = Version(as_of, delivery.delivery_id)
    merges = [
        stage.merge(delivery.source_id, version, trends, siblings=sink.stages, layouts=contract.layouts)
        for stage in sink.stages
    ]
    for stage, checked in sink.checked:
        interview_checks.merge(stage, checked, delivery.source_id, delivery.delivery_id)
    for merge in merges:
        issues.extend(merge.issues)
    issues.extend(_merge_notes(merges))
    if not quietly:
        # A source that is loaded anew as a whole is settled once, at its end.
        corrections.settle_all(raw, contract, settings.sql_dir, delivery.delivery_id)
        issues.extend(_told_of_corrections(raw, delivery, examination))
        tables = [stage.layout.table for stage in sink.stages]
        key = settings.need("privacy_key")
        fixes.close_by_newer(raw, delivery.source_id, delivery.delivery_id, tables, key)
        if not examination.is_part:
            issues.extend(_compare_with_last(connection, delivery, examination))
        issues.extend(
            places.report(connection, delivery.delivery_id, examination.layouts, show_values=contract.show_values)
        )
    issues = by_gravity(issues)
    _supersede(connection, merges)
    counts = _counts(examination, merges)
    sink.drop()
    return replace(delivery, state="loaded", counts=counts), issues, examination


def _close_fixed(
    raw: psycopg.Connection[Any],
    delivery: Delivery,
    stages: list[Stage],
    examination: Examination,
    settings: Settings,
) -> None:
    """Closes the rejects of earlier deliveries for which good rows are staged."""
    sheets = {part.layout.name: part.sheet.name for part in examination.parts}
    staged = [(stage.name, sheets.get(stage.layout.name, "")) for stage in stages]
    returned = examination.opened.returned if examination.opened is not None else None
    references = returned.references if returned is not None else {}
    key = settings.need("privacy_key")
    fixes.close(raw, delivery.source_id, delivery.delivery_id, staged, references, key)


def _told_of_corrections(raw: psycopg.Connection[Any], delivery: Delivery, examination: Examination) -> Iterator[Issue]:
    tables = {layout.table for layout in examination.layouts}
    if "correction" in tables:
        yield from corrections.told_of_log(raw, delivery.delivery_id)
    if "interview" in tables:
        yield from corrections.told_of_survey(raw, delivery.source_id)


def lock_sources(connection: Connection, source_ids: Collection[str]) -> None:
    """Serialises the merges of several sources, always in the same order, so that nobody waits for each other."""
    for source_id in sorted(source_ids):
        lock_source(connection, source_id)


def lock_with_corrected(connection: Connection, source_id: str, settings: Settings) -> None:
    """Serialises the merges of a source and of the surveys that its cleaning logs correct."""
    surveys: set[str] = set()
    if (settings.expectations_dir / source_id / "contract.yaml").exists():
        surveys = corrections.surveys_corrected_by(find_contract(settings.expectations_dir, source_id))
    lock_sources(connection, {source_id, *surveys})


def lock_source(connection: Connection, source_id: str) -> None:
    """Serialises the merges of one source until the transaction ends; other sources go on."""
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('source ' || :source, 0))"), {"source": source_id}
    )


def _same_bytes(connection: Connection, delivery: Delivery) -> int | None:
    """The delivery that brought these bytes for this source first, if any before this one is loaded."""
    found: int | None = connection.execute(
        text(
            "SELECT min(delivery_id) FROM meta.delivery WHERE source_id = :source AND sha256 = :sha256"
            " AND delivery_id < :id AND state IN ('loaded', 'superseded')"
        ),
        {"source": delivery.source_id, "sha256": delivery.sha256, "id": delivery.delivery_id},
    ).scalar()
    return found


def _later_twins(connection: Connection, delivery: Delivery) -> list[int]:
    """Deliveries of the same bytes that came later and were faster, and those that were answered as their duplicates.

    Who is the duplicate must not depend on which worker was faster, nor on which was killed: always the later one.
    """
    return list(
        connection.execute(
            text(
                "SELECT delivery_id FROM meta.delivery WHERE source_id = :source AND sha256 = :sha256"
                " AND delivery_id > :id AND state IN ('loaded', 'superseded', 'duplicate')"
                " AND EXISTS (SELECT FROM meta.delivery twin WHERE twin.source_id = :source AND twin.sha256 = :sha256"
                " AND twin.delivery_id > :id AND twin.state IN ('loaded', 'superseded')) ORDER BY 1"
            ),
            {"source": delivery.source_id, "sha256": delivery.sha256, "id": delivery.delivery_id},
        ).scalars()
    )


def _as_of(connection: Connection, delivery: Delivery, stages: list[Stage], examination: Examination) -> datetime:
    """The moment that the delivery's facts are as of, by the first layout's rule; else the time of receipt.

    Rows that were put right are as of no earlier than the delivery that they come from: the newest among a few of its
    rows says nothing of it.
    """
    by_rule = _as_of_by_rule(delivery, stages)
    returned = examination.opened.returned if examination.opened is not None else None
    if returned is None or not examination.is_part:
        return by_rule
    fixed: datetime | None = connection.execute(
        text(
            "SELECT max(as_of) FROM meta.delivery WHERE source_id = :source AND delivery_id = ANY(:ids)"
            " AND delivery_id < :id"
        ),
        {
            "source": delivery.source_id,
            "ids": sorted({one.delivery_id for one in returned.references.values()}),
            "id": delivery.delivery_id,
        },
    ).scalar()
    return by_rule if fixed is None else max(by_rule, fixed)


def _as_of_by_rule(delivery: Delivery, stages: list[Stage]) -> datetime:
    for stage in stages:
        rule = stage.layout.as_of
        if "value" in rule:
            return datetime.fromisoformat(rule["value"]).replace(tzinfo=UTC)
        if "filename" in rule:
            found = re.search(rule["filename"], original_name(file_name(delivery.object_key)))
            if found:
                try:
                    return datetime.strptime(found.group(1), rule["format"]).replace(tzinfo=UTC)
                except ValueError:
                    continue
        if "column" in rule and (moment := stage.period(rule["column"])) is not None:
            return moment
    return delivery.received_at


def _merge_notes(merges: list[Merge]) -> Iterator[Issue]:
    refused = sum(merge.records_refused for merge in merges)
    if refused:
        yield Issue("consent.withdrawn", "note", parameters={"n": refused})
    gone = sum(merge.records_gone for merge in merges) - refused
    if gone:
        ids = sorted({i for merge in merges for i in merge.gone_deliveries})
        yield Issue("snapshot.superseded", "note", parameters={"n": gone, "deliveries": ids})
    if older := sum(merge.records_older for merge in merges):
        yield Issue("rows.older", "note", parameters={"n": older})


def _compare_with_last(connection: Connection, delivery: Delivery, examination: Examination) -> list[Issue]:
    """Keeps what this delivery covers and adds up to, and flags what is much less or other than the last one's.

    The last one is the newest older version of the same source that was read by the same layouts.
    """
    last = connection.execute(
        text(
            "SELECT profile FROM meta.delivery WHERE source_id = :source AND layout = :layout AND profile IS NOT NULL"
            " AND state IN ('loaded', 'superseded') AND (as_of, delivery_id) < (:as_of, :id)"
            " ORDER BY as_of DESC, delivery_id DESC LIMIT 1"
        ),
        {
            "source": delivery.source_id,
            "layout": delivery.layout,
            "as_of": delivery.as_of,
            "id": delivery.delivery_id,
        },
    ).scalar()
    profiles = {name: profile.to_json() for name, profile in examination.profiles.items()}
    connection.execute(
        text("UPDATE meta.delivery SET profile = CAST(:profile AS jsonb) WHERE delivery_id = :id"),
        {"profile": json.dumps(profiles), "id": delivery.delivery_id},
    )
    issues = []
    for layout in examination.layouts:
        # Only a snapshot claims to be whole: less in it than before is worth a word.
        if layout.mode == "snapshot" and last and layout.name in last:
            for issue in compare(Profile.from_json(last[layout.name]), examination.profiles[layout.name]):
                column = issue.column and layout.header_of(issue.column)
                named = {"column": column} if column else {}
                issues.append(replace(issue, column=column, parameters={**issue.parameters, **named}))
    return issues


def _supersede(connection: Connection, merges: list[Merge]) -> None:
    """Deliveries of which no record is left are superseded."""
    ids = sorted({i for merge in merges for i in merge.replaced_deliveries})
    if ids:
        tables = " ".join(
            f"AND NOT EXISTS (SELECT FROM core.{t} c WHERE c.delivery_id = d.delivery_id)" for t in TABLES
        )
        connection.execute(
            text(
                "UPDATE meta.delivery d SET state = 'superseded' WHERE state = 'loaded'"
                f" AND delivery_id = ANY(:ids) {tables}"
            ),
            {"ids": ids},
        )


def _counts(examination: Examination, merges: list[Merge]) -> Counts:
    return Counts(
        rows_read=examination.rows_read,
        rows_loaded=sum(m.rows_loaded for m in merges),
        rows_unchanged=sum(m.rows_unchanged for m in merges),
        rows_rejected=examination.rows_rejected,
        rows_duplicate=sum(m.rows_duplicate for m in merges),
        records_added=sum(m.records_added for m in merges),
        records_changed=sum(m.records_changed for m in merges),
        records_unchanged=sum(m.records_unchanged for m in merges),
        records_gone=sum(m.records_gone for m in merges),
        records_older=sum(m.records_older for m in merges),
    )


def _keep_results(connection: Connection, delivery_id: int, examination: Examination) -> None:
    if examination.results:
        connection.execute(
            text(
                "INSERT INTO meta.expectation_result (delivery_id, result_number, suite, expectation_type, column_name,"
                " severity, engine, n_checked, n_failed) VALUES (:delivery, :number, :suite, :expectation_type,"
                " :column, :severity, :engine, :n_checked, :n_failed)"
            ),
            [{"delivery": delivery_id, "number": i, **vars(r)} for i, r in enumerate(examination.results, start=1)],
        )


def _quarantine(
    connection: Connection, delivery: Delivery, issues: list[Issue], store: Store, settings: Settings
) -> Verdict:
    """The verdict on a file that cannot be taken as a whole, in its own transaction."""
    held = replace(delivery, state="quarantined", counts=Counts(), as_of=None)
    _take_back(connection, held, store, settings)
    return _answer_whole(connection, held, issues, store, settings)


def fail(delivery_id: int, settings: Settings) -> Verdict:
    """The verdict on a delivery that we failed to work through: the partner is told, and that nothing is lost."""
    with engine(settings.need("warehouse_url")).begin() as connection:
        delivery = replace(ledger.get(connection, delivery_id), state="failed")
        return _answer_whole(connection, delivery, [Issue("platform.failed", "hold")], Store(settings), settings)


def _answer_whole(
    connection: Connection, delivery: Delivery, issues: list[Issue], store: Store, settings: Settings
) -> Verdict:
    """Answers a delivery that was not read: in the language of its source's partner, or of whoever owns the prefix."""
    contract = None
    language: Language = "en"
    try:
        contract = find_source(delivery, settings)
        language = contract.partner.language
    except DeliveryError:
        known = connection.execute(
            text("SELECT language_code FROM meta.partner WHERE partner_id = :id"), {"id": delivery.partner_id}
        ).scalar()
        language = known or "en"
    return _answer(connection, delivery, language, contract, issues, store, settings)


def _answer(
    connection: Connection,
    delivery: Delivery,
    language: Language,
    contract: Contract | None,
    issues: list[Issue],
    store: Store,
    settings: Settings,
    answer: Answer | None = None,
) -> Verdict:
    """Writes issues, receipt and verdict of a delivery; the caller commits."""
    keys = receipts.keys(delivery)
    delivery = replace(delivery, finished_at=datetime.now(UTC), receipt_key=keys[0])
    keep_issues(connection, delivery.delivery_id, issues)
    answers.keep(connection, delivery.delivery_id, answer or Answer())
    _write_receipt(connection, delivery, language, contract, issues, store, settings)
    answers.remove_others(delivery, answer or Answer(), store)
    ledger.finish(
        connection,
        delivery.delivery_id,
        delivery.state,
        counts=delivery.counts,
        reason=next((issue.rule for issue in issues if issue.severity == "hold"), None),
        sha256=delivery.sha256,
        archive_key=delivery.archive_key,
        layout=delivery.layout,
        as_of=delivery.as_of,
        engine=delivery.engine,
        duplicate_of=delivery.duplicate_of,
        receipt_key=keys[0],
    )
    return Verdict(delivery.delivery_id, delivery.state, delivery.source_id, delivery.counts)


def keep_issues(connection: Connection, delivery_id: int, issues: Sequence[Issue]) -> None:
    """Writes the issues of a delivery in place of those it had."""
    connection.execute(text("DELETE FROM meta.issue WHERE delivery_id = :id"), {"id": delivery_id})
    if issues:
        connection.execute(
            text(
                "INSERT INTO meta.issue (delivery_id, issue_number, rule, severity, column_name, n_rows, example_rows,"
                " parameters) VALUES (:delivery, :number, :rule, :severity, :column, :n_rows, :example_rows,"
                " CAST(:parameters AS jsonb))"
            ),
            [
                {
                    "delivery": delivery_id,
                    "number": number,
                    **vars(issue),
                    "example_rows": list(issue.example_rows),
                    "parameters": json.dumps(issue.parameters, ensure_ascii=False),
                }
                for number, issue in enumerate(issues, start=1)
            ],
        )


def _write_receipt(
    connection: Connection,
    delivery: Delivery,
    language: Language,
    contract: Contract | None,
    issues: Sequence[Issue],
    store: Store,
    settings: Settings,
) -> None:
    """Writes both forms of a receipt in the bucket, from what the ledger holds."""
    receipt = make_receipt(connection, delivery, language, contract, issues)
    for key, body, kind in zip(
        receipts.keys(delivery),
        receipts.write(receipt, contact=settings.contact),
        ("application/json", "text/html; charset=utf-8"),
        strict=True,
    ):
        store.put_bytes(delivery.bucket, key, body, kind)


def answer_again(connection: Connection, delivery_ids: Iterable[int], store: Store, settings: Settings) -> None:
    """Writes the receipts of deliveries anew whose rejects a later delivery closed, or that close other ones now."""
    for delivery_id in sorted(delivery_ids):
        delivery = ledger.get(connection, delivery_id)
        if delivery.receipt_key is None or delivery.state not in ("loaded", "superseded", "quarantined"):
            continue
        try:
            contract = find_source(delivery, settings)
        except DeliveryError:
            continue
        issues = answers.issues_of(connection, delivery_id)
        _write_receipt(connection, delivery, contract.partner.language, contract, issues, store, settings)


def make_receipt(
    connection: Connection,
    delivery: Delivery,
    language: Language,
    contract: Contract | None,
    issues: Sequence[Issue],
) -> Receipt:
    """The receipt of a delivery, with the first of its rejects from quarantine."""
    rows = connection.execute(
        text(
            "SELECT row_number, rules, columns, sheet, provider_values, closed_by FROM meta.reject"
            " WHERE delivery_id = :id ORDER BY sheet, row_number LIMIT :limit"
        ),
        {"id": delivery.delivery_id, "limit": RECEIPT_REJECTS},
    ).all()
    answer = answers.of(connection, delivery.delivery_id)
    closed, n_open = fixes.closed_of(connection, delivery.delivery_id)
    is_live = delivery.state in ("loaded", "superseded", "quarantined")
    n_rejects = connection.execute(
        text("SELECT count(*) FROM meta.reject WHERE delivery_id = :id"), {"id": delivery.delivery_id}
    ).scalar_one()
    return Receipt(
        delivery=delivery,
        language=language,
        title=contract.title[language] if contract else delivery.source_id,
        issues=tuple(issues),
        rejects=tuple(Reject(r[0], tuple(r[1]), tuple(r[2]), r[3], r[4], closed_by=r[5]) for r in rows),
        n_rejects=n_rejects,
        files=answer.files,
        marking=answer.marking,
        rhythm=answer.rhythm,
        quality=answer.quality,
        closes=fixes.closed_by(connection, delivery.delivery_id) if is_live else (),
        closed=closed if is_live else (),
        n_open=n_open if is_live else 0,
    )
