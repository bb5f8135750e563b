"""One item of an HTTP feed: asked for, checked, and landed."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path
from typing import BinaryIO

from footprints import scratch
from footprints.feeds import paging
from footprints.feeds.failure import FeedError
from footprints.feeds.landing import PART_BYTES, Parts, Run, enrol_ready, finish, land
from footprints.feeds.plan import Item, file_name
from footprints.feeds.schedule import parse_duration
from footprints.feeds.state import Fetch, ItemState
from footprints.feeds.web import Client, refuse_page

LOOK_BYTES = 16 * 2**20
"""A JSON document up to this size is looked into before it is delivered: parsed it takes eight times as much."""


def fetch_item(run: Run, client: Client, item: Item, known: ItemState, fetch: Fetch) -> None:
    """Fetches an item as far as it is new, and lands it. Raises FeedError."""
    url = _address(run, item, known)
    parts = Parts(run, known, url)
    n_requests, n_bytes = client.n_requests, client.n_bytes

    def count() -> None:
        fetch.n_requests, fetch.n_bytes = client.n_requests - n_requests, client.n_bytes - n_bytes
        fetch.http_status = client.status

    if enrol_ready(run, fetch, parts):
        return
    try:
        with scratch.folder() as folder:
            path = folder / "body"
            with path.open("w+b") as file:
                parts.restore(file)
                if run.feed.paging:
                    is_there = _collect(run, client, url, parts, path, file, fetch)
                else:
                    is_there = _download(run, client, url, known, parts, path, file, fetch)
            count()
            if is_there:
                land(run, fetch, known, parts, path, file_name(run.feed, run.feed_id, item, parts.started_at))
            else:
                finish(run, fetch, None)
    except FeedError as error:
        count()
        if not error.stops:  # what came so far is of no use
            parts.discard()
        raise


def _address(run: Run, item: Item, known: ItemState) -> str:
    since = run.feed.since
    if since is None or known.checked_at is None or run.force:
        return item.url
    overlap = parse_duration(since.overlap)
    # Backwards by the forward step: months do not occur in overlaps, and would be off by a day at most.
    moment = known.checked_at - (overlap.after(known.checked_at) - known.checked_at)
    text = since.value.replace("{since}", moment.astimezone(UTC).strftime(since.format))
    return paging.with_parameters(item.url, {since.parameter: text})


def _collect(run: Run, client: Client, url: str, parts: Parts, path: Path, file: BinaryIO, fetch: Fetch) -> bool:
    """Puts all pages together as one JSON document; whether there is any record."""
    feed = run.feed
    head, tail = (f'{{"{feed.records}": [\n', "\n]}\n") if feed.records else ("[\n", "\n]\n")
    kept = parts.left.get("cursor")
    cursor = paging.Cursor(**kept) if kept and parts.n_bytes else paging.first(feed, url)
    n_before = cursor.n_records
    if not parts.n_bytes:
        file.write(head.encode())
    for body in paging.pages(feed, cursor, client.page):
        if n_before:
            file.write(b",\n")
        file.write(body)
        n_before = cursor.n_records
        if file.tell() > feed.max_bytes:
            raise FeedError(
                f"larger than the {feed.max_bytes:,} bytes that the contract allows", "fetch less at a time"
            )
        fetch.n_pages = cursor.n_pages
        if cursor.url is not None:
            file.flush()
            parts.keep(path, file.tell(), cursor=cursor.as_json())
    fetch.n_pages = cursor.n_pages
    file.write(tail.encode())
    if not cursor.n_records:
        fetch.outcome = "empty"
    return cursor.n_records > 0


def _download(
    run: Run,
    client: Client,
    url: str,
    known: ItemState,
    parts: Parts,
    path: Path,
    file: BinaryIO,
    fetch: Fetch,
) -> bool:
    """Streams one document into the file; whether there is anything new in it."""
    headers = {"Accept": "*/*"}
    if not run.force and known.sha256 is not None:
        headers |= {"If-None-Match": known.etag} if known.etag else {}
        headers |= {"If-Modified-Since": known.last_modified} if known.last_modified else {}

    def keep(have: int, validator: str | None) -> None:
        if have < parts.n_bytes:
            parts.left["sizes"] = []
        if validator is not None and have - parts.n_bytes >= PART_BYTES:
            file.flush()
            parts.keep(path, have, validator=validator)

    got = client.download(url, file, headers=headers, validator=parts.left.get("validator"), on_block=keep)
    fetch.etag, fetch.last_modified = got.etag, got.last_modified
    if got.status == 304:
        fetch.outcome = "unchanged"
        fetch.etag, fetch.last_modified = got.etag or known.etag, got.last_modified or known.last_modified
        return False
    file.flush()
    fetch.n_pages = 1
    if not _has_records(run, path, got.content_type):
        fetch.outcome = "empty"
        return False
    return True


def _has_records(run: Run, path: Path, content_type: str) -> bool:
    """Whether a file holds anything. Raises FeedError where it is not what the contract says."""
    size = path.stat().st_size
    if not size:
        return False
    with path.open("rb") as file:
        refuse_page(content_type, file.read(512), run.feed.format)
        file.seek(max(0, size - 512))
        end = file.read().rstrip()
    if run.feed.format != "json":
        return True
    if not end.endswith((b"}", b"]")):
        raise FeedError("the JSON document is cut off", "the partner's server has a fault; we try again later")
    if size > LOOK_BYTES:  # its receipt will tell
        return True
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise FeedError("the answer is no JSON document", "see the contract's `url`") from None
    return bool(paging.records(run.feed, document))
