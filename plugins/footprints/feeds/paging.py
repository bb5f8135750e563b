"""Pages of an API, one after the other, until the API says that it was the last, or shows that it is lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from footprints.feeds.addresses import join
from footprints.feeds.failure import FeedError
from footprints.feeds.plan import Feed, Paging

MAX_PAGES = 10_000


@dataclass
class Cursor:
    """Where in the pages we are: the address of the next one (None after the last), and what came so far."""

    url: str | None
    n_pages: int = 0
    n_records: int = 0
    total: int | None = None
    digests: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For the ledger of feeds."""
        return asdict(self)


def first(feed: Feed, url: str) -> Cursor:
    """The cursor before the first page."""
    assert feed.paging is not None
    paging = feed.paging
    parameters = {paging.size_parameter: str(paging.size)} if paging.size else {}
    if paging.style == "offset":
        parameters[paging.start_parameter] = "0"
    if paging.style == "page":
        parameters[paging.start_parameter] = "1"
    return Cursor(with_parameters(url, parameters))


def pages(feed: Feed, cursor: Cursor, get: Callable[[str], Any]) -> Iterator[bytes]:
    """The records of each page from where the cursor stands, as the inside of a JSON list; empty pages give nothing.

    The cursor is moved on before a page is handed out. A server may make pages smaller than it was asked to. Raises
    FeedError where pages go round in circles, or hold other than the number of records that they speak of.
    """
    assert feed.paging is not None
    while cursor.url is not None:
        if cursor.n_pages >= MAX_PAGES:
            raise FeedError(f"more than {MAX_PAGES:,} pages", "ask for larger pages, or for less at a time")
        document = get(cursor.url)
        found = records(feed, document)
        body = b",\n".join(json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") for record in found)
        digest = hashlib.sha256(body).hexdigest()[:16]
        if found and digest in cursor.digests:
            raise FeedError("the pages go round in circles", "see the contract's `paging`")
        cursor.digests.append(digest)
        cursor.n_pages += 1
        cursor.n_records += len(found)
        cursor.total = _number(document, feed.paging.total_key) if feed.paging.total_key else None
        url = _next(feed.paging, document, cursor, len(found))
        if url is not None and url == cursor.url:
            raise FeedError("the pages go round in circles", "see the contract's `paging`")
        cursor.url = url
        if found:
            yield body
    if cursor.total is not None and cursor.total != cursor.n_records:
        raise FeedError(
            f"the pages hold {cursor.n_records:,} records of {cursor.total:,}",
            "they changed while we read them, or `paging` is wrong; we begin again",
        )


def records(feed: Feed, document: Any) -> list[Any]:
    """The records of an answer. Raises FeedError where it has none where the contract says, or tells of an error."""
    for key, value in feed.success.items():
        if not isinstance(document, dict) or document.get(key, None) != value:
            raise FeedError(f"the answer says that it is an error: {key} is not {json.dumps(value)}", "see `success`")
    found = document if feed.records is None else document.get(feed.records) if isinstance(document, dict) else None
    if not isinstance(found, list):
        where = "at its top" if feed.records is None else f"under {feed.records!r}"
        raise FeedError(f"the answer has no list of records {where}", "see the contract's `records`")
    return found


def _next(paging: Paging, document: Any, cursor: Cursor, n_found: int) -> str | None:
    url = cursor.url
    assert url is not None
    if paging.style == "next":
        link = document.get(paging.next_key) if isinstance(document, dict) else None
        if link is None or link == "":
            return None
        if not isinstance(link, str):
            raise FeedError("the address of the next page is no text", "see `next_key`")
        return _same_scheme(join(url, link), url)
    if paging.style == "offset":
        is_last = n_found == 0 or (cursor.total is not None and cursor.n_records >= cursor.total)
        return None if is_last else with_parameters(url, {paging.start_parameter: str(cursor.n_records)})
    last = _number(document, paging.last_key) if paging.last_key else None
    is_last = n_found == 0 or (last is not None and cursor.n_pages >= last)
    return None if is_last else with_parameters(url, {paging.start_parameter: str(cursor.n_pages + 1)})


def _same_scheme(url: str, like: str) -> str:
    """Servers behind a proxy write http where they are reached by https: the same host stays under TLS."""
    there, here = urlsplit(url), urlsplit(like)
    if (there.scheme, here.scheme) == ("http", "https") and there.hostname == here.hostname:
        return urlunsplit(there._replace(scheme="https", netloc=here.netloc))
    return url


def _number(document: Any, key: str | None) -> int | None:
    value = document.get(key) if isinstance(document, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def with_parameters(url: str, parameters: dict[str, str]) -> str:
    """An address with these parameters in its query, in place of those of the same name."""
    parts = urlsplit(url)
    kept = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key not in parameters]
    return urlunsplit(parts._replace(query=urlencode([*kept, *parameters.items()])))
