"""From a server to landing: what came so far is kept where a kill does not reach it, then put as one delivery."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import ClientError
from sqlalchemy import Engine, text

from footprints import ledger
from footprints.contracts import Contract
from footprints.feeds import state
from footprints.feeds.plan import Feed
from footprints.feeds.state import Fetch, ItemState
from footprints.feeds.web import Clock
from footprints.ledger import LANDING, LandedObject
from footprints.settings import Settings
from footprints.storage import Store
from footprints.warehouse.engine import engine

PREFIX = "feeds/"
"""Where the archive bucket keeps parts of what is not whole yet."""
PART_BYTES = 64 * 2**20
RESUME_WITHIN = timedelta(days=1)
"""A pull that was cut short longer ago begins anew: its first pages say what is not so any more."""


@dataclass(frozen=True)
class Run:
    """One pull of one feed."""

    contract: Contract
    feed: Feed
    settings: Settings
    clock: Clock
    force: bool = False

    @property
    def feed_id(self) -> str:
        """Name of the feed: that of its source."""
        return self.contract.source

    @property
    def warehouse(self) -> Engine:
        """The warehouse as the loader."""
        return engine(self.settings.need("warehouse_url"))

    @property
    def store(self) -> Store:
        """Our own buckets."""
        return Store(self.settings)

    def landing_key(self, name: str) -> str:
        """The key in landing of a file of this source."""
        return f"{LANDING}{self.contract.partner.id}/{self.contract.source}/{name}"


class Parts:
    """What has come of an item, in order: parts in the bucket, and a cursor in the database that says where to go on.

    `version` tells whether the parts belong to what is asked for now: the address, or an object's version.
    """

    def __init__(self, run: Run, known: ItemState, version: str) -> None:
        self.run = run
        self.item = known.item
        found = known.unfinished or {}
        is_ours = (
            not run.force
            and found.get("version") == version
            and run.clock.now() - datetime.fromisoformat(found["started_at"]) < RESUME_WITHIN
        )
        self.left: dict[str, Any] = found if is_ours else self._nothing(version)
        self.folder = f"{PREFIX}{run.feed_id}/{hashlib.sha256(known.item.encode()).hexdigest()[:16]}/"
        self.is_old = known.unfinished is not None and not is_ours
        if self.is_old:
            self.remove()

    @property
    def started_at(self) -> datetime:
        """When the item was first asked for, by this process or by one that was killed."""
        return datetime.fromisoformat(self.left["started_at"])

    @property
    def n_bytes(self) -> int:
        """How much is kept."""
        return sum(self.left["sizes"])

    def restore(self, file: BinaryIO) -> None:
        """Writes what is kept into an empty file, and leaves it at its end; where a part is gone, all begins anew."""
        store, bucket = self.run.store, self.run.settings.archive()
        try:
            for number in range(len(self.left["sizes"])):
                body = store.client.get_object(Bucket=bucket, Key=self._key(number))["Body"]
                shutil.copyfileobj(body, file, 2**20)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
                raise
        if file.tell() != self.n_bytes:
            file.seek(0)
            file.truncate()
            self.discard()
            self.left = self._nothing(self.left["version"])

    def keep(self, path: Path, up_to: int, **cursor: Any) -> None:
        """Keeps what the file holds beyond the parts, up to a place, and the cursor that goes with it."""
        if up_to < self.n_bytes:
            self.left["sizes"] = []  # the server began anew
        part = path.with_suffix(".part")
        with path.open("rb") as whole, part.open("wb") as piece:
            whole.seek(self.n_bytes)
            left = up_to - self.n_bytes
            while left and (block := whole.read(min(left, 2**20))):
                piece.write(block)
                left -= len(block)
        self.run.store.put_file(self.run.settings.archive(), self._key(len(self.left["sizes"])), part)
        self.left["sizes"].append(part.stat().st_size)
        part.unlink()
        self.note(**cursor)

    def note(self, **cursor: Any) -> None:
        """Keeps where we are."""
        self.left |= cursor
        state.keep_unfinished(self.run.warehouse, self.run.feed_id, self.item, self.left)

    def discard(self) -> None:
        """Forgets all that is kept."""
        state.keep_unfinished(self.run.warehouse, self.run.feed_id, self.item, None)
        self.remove()

    def remove(self) -> None:
        """Removes the parts from the bucket."""
        if not self.left["sizes"] and not self.is_old:
            return
        store, bucket = self.run.store, self.run.settings.archive()
        for key in list(store.list_keys(bucket, self.folder)):
            store.client.delete_object(Bucket=bucket, Key=key)

    def _nothing(self, version: str) -> dict[str, Any]:
        return {"version": version, "started_at": self.run.clock.now().isoformat(), "sizes": []}

    def _key(self, number: int) -> str:
        return f"{self.folder}{self.started_at:%Y%m%dT%H%M%S%f}/{number:05}"


def land(run: Run, fetch: Fetch, known: ItemState, parts: Parts, path: Path, name: str) -> None:
    """Puts a file into landing as a delivery and enrols it, unless its bytes are those that were put last.

    A kill between any two steps leads here again, and to one delivery all the same.
    """
    digest = sha256_of(path)
    fetch.sha256, fetch.size_bytes = digest, path.stat().st_size
    if digest == known.sha256 and not run.force:
        fetch.outcome = "unchanged"
        finish(run, fetch, None)
    else:
        key = run.landing_key(name)
        ready = {"key": key, "sha256": digest, "size_bytes": fetch.size_bytes}
        parts.note(ready=ready, etag=fetch.etag, last_modified=fetch.last_modified)
        run.store.put_file(run.settings.landing_bucket, key, path, {"sha256": digest})
        enrol_ready(run, fetch, parts)
    parts.remove()


def enrol_ready(run: Run, fetch: Fetch, parts: Parts) -> bool:
    """Enrols a file that was put, by this process or by one that was killed just after; whether it is there."""
    ready = parts.left.get("ready")
    if ready is None:
        return False
    landed = _landed(run, ready["key"], ready["sha256"])
    if landed is None:
        return False
    fetch.outcome = "delivered"
    fetch.object_key, fetch.sha256, fetch.size_bytes = ready["key"], ready["sha256"], ready["size_bytes"]
    fetch.etag, fetch.last_modified = parts.left.get("etag"), parts.left.get("last_modified")
    finish(run, fetch, landed)
    parts.remove()
    return True


def finish(run: Run, fetch: Fetch, landed: LandedObject | None) -> None:
    """Notes how an attempt ended, and enrols what it brought, in one transaction."""
    fetch.finished_at = run.clock.now()
    with run.warehouse.begin() as connection:
        if landed is not None:
            fetch.delivery_id = ledger.enrol(connection, landed, "feed")
            if fetch.delivery_id is None:  # an event was faster
                fetch.delivery_id = connection.execute(
                    text(
                        "SELECT delivery_id FROM meta.delivery"
                        " WHERE bucket = :bucket AND object_key = :key AND object_version = :version"
                    ),
                    {"bucket": landed.bucket, "key": landed.key, "version": landed.version},
                ).scalar()
        state.record(connection, run.feed_id, fetch)


def _landed(run: Run, key: str, digest: str) -> LandedObject | None:
    """The object of a key, where it is the one with these bytes."""
    bucket = run.settings.landing_bucket
    try:
        answer = run.store.client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            return None
        raise
    return run.store.head(bucket, key) if answer["Metadata"].get("sha256") == digest else None


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
