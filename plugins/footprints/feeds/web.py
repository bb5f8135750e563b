"""Requests to partners' APIs: paced, tried again, resumed, and kept to the addresses that the contract allows."""

from __future__ import annotations

import base64
import json
import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    LocationParseError,
    SSLError,
)

from footprints.feeds.addresses import Origin, join, origin, refuse_private, resolve
from footprints.feeds.failure import FeedError
from footprints.feeds.plan import Feed
from footprints.settings import FeedSecret

T = TypeVar("T")
BLOCK = 2**16
PAGE_BYTES = 32 * 2**20
"""A page of an API, which is parsed in memory, is at most so large."""
TRIES = 6
MAX_REDIRECTS = 5
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
PATIENCE_SECONDS = 120.0
"""A server that wants us to wait for longer is asked again by a later pull."""
DEADLINE_SECONDS = 3 * 3600.0
AGAIN = {408, 425, 429, 500, 502, 503, 504}
REDIRECTS = {301, 302, 303, 307, 308}
AGENT = "footprints (+feed of a mixed-migration hub)"


@dataclass(frozen=True)
class Clock:
    """Time as a feed sees it; tests bring their own."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random


@dataclass(frozen=True)
class Download:
    """What a request for a whole file came to: its last status, and what tells this version from the next."""

    status: int
    etag: str | None
    last_modified: str | None
    content_type: str


class Again(Exception):  # noqa: N818 - not an error yet: the next try may do
    """An answer, or the lack of one, after which another try may succeed."""

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after = retry_after


class Client:
    """Speaks to the server of one feed. Counts `n_requests`, `n_bytes` and the last `status` for the record.

    `trusted` is the origin that a setting of ours names: it may be private, and may do without TLS.
    """

    def __init__(self, feed: Feed, secret: FeedSecret | None, clock: Clock, trusted: Origin | None = None) -> None:
        self.feed = feed
        self.clock = clock
        self.trusted = trusted
        self.home: Origin | None = None
        self.n_requests = 0
        self.n_bytes = 0
        self.status: int | None = None
        self._sent_at: datetime | None = None
        self._credentials = _credentials(feed, secret)
        self._pools = self._guarded_pools()

    def close(self) -> None:
        """Closes all connections."""
        self._pools.clear()

    def page(self, url: str) -> Any:
        """The JSON document at an address, whole.

        Raises FeedError where it cannot be had, is no JSON, or is larger than `PAGE_BYTES`.
        """

        def attempt() -> Any:
            with self._open(url, {"Accept": "application/json", "Accept-Encoding": "gzip"}) as answer:
                if answer.status != 200:
                    raise FeedError(f"an unexpected answer (HTTP {answer.status})", status=answer.status)
                body = bytearray()
                for block in self._blocks(answer, PAGE_BYTES):
                    body += block
                refuse_page(answer.headers.get("Content-Type", ""), bytes(body[:512]), "json")
            try:
                return json.loads(body)
            except (ValueError, RecursionError):
                raise Again("the answer is no JSON document") from None

        return self._again(attempt, lambda: 0)

    def download(
        self,
        url: str,
        file: BinaryIO,
        *,
        headers: Mapping[str, str],
        validator: str | None = None,
        on_block: Callable[[int, str | None], None] = lambda have, validator: None,
    ) -> Download:
        """Streams what is at an address into a file, from where the file stands on if the server lets us.

        A connection that is cut is taken up by a Range request; `validator` (an ETag or a date) must still hold, or the
        file starts anew. `headers` make the request conditional: status 304 leaves the file empty. `on_block` hears how
        many bytes there are, and of which version.
        """
        state = {"validator": validator}

        def attempt() -> Download:
            have = file.tell()
            asked = {"Accept-Encoding": "identity"}
            if have and state["validator"]:
                asked |= {"Range": f"bytes={have}-", "If-Range": state["validator"]}
            else:
                have = _restart(file)
                asked |= headers
            with self._open(url, asked) as answer:
                got = Download(
                    answer.status,
                    answer.headers.get("ETag"),
                    answer.headers.get("Last-Modified"),
                    answer.headers.get("Content-Type", ""),
                )
                if answer.status == 304:
                    return got
                if answer.status == 206 and have and _starts_at(answer.headers.get("Content-Range", ""), have):
                    pass
                elif answer.status == 200:
                    have = _restart(file)
                    state["validator"] = _validator(answer)
                else:
                    state["validator"] = None
                    raise Again("the server does not go on where it was cut off", status=answer.status)
                for block in self._blocks(answer, self.feed.max_bytes - have):
                    file.write(block)
                    on_block(file.tell(), state["validator"])
                return got

        return self._again(attempt, file.tell)

    def _again(self, attempt: Callable[[], T], progress: Callable[[], int]) -> T:
        """Tries until it succeeds, or has failed `TRIES` times without getting any further."""
        failed, best = 0, progress()
        while True:
            try:
                return attempt()
            except Again as error:
                reached = progress()
                failed = 1 if reached > best else failed + 1
                best = max(best, reached)
                if failed >= TRIES:
                    raise FeedError(
                        f"{error.message}, {failed} times in a row",
                        "the partner's server has a fault; we try again later",
                        stops=True,
                        status=error.status,
                        retry_after=error.retry_after,
                    ) from None
                pause = error.retry_after
                if pause is None:
                    # Full jitter: clients that failed together do not come back together.
                    pause = self.clock.random() * min(LONGEST_PAUSE, FIRST_PAUSE * 2**failed)
                if pause > PATIENCE_SECONDS:
                    raise FeedError(
                        f"{error.message}: the server asks us to come back in {pause:.0f} s",
                        "we do",
                        stops=True,
                        status=error.status,
                        retry_after=pause,
                    ) from None
                self.clock.sleep(pause)

    @contextmanager
    def _open(self, url: str, headers: Mapping[str, str]) -> Iterator[urllib3.BaseHTTPResponse]:
        """The answer to a GET, redirects followed, its body not read yet."""
        if self.home is None:
            self.home = origin(url)
        try:
            answer = self._follow(url, headers)
        except HTTPError as error:
            raise _trouble(error) from None
        try:
            yield answer
        except HTTPError as error:
            raise _trouble(error) from None
        finally:
            # What is left of a body is of no use, and must not be read as the next answer.
            answer.close()
            answer.release_conn()

    def _follow(self, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        for _ in range(MAX_REDIRECTS + 1):
            self._allow(url)
            own = self._credentials if origin(url) == self.home else {}
            self._pace()
            self.n_requests += 1
            answer = self._pools.request(
                "GET",
                url,
                headers={"User-Agent": AGENT, **headers, **own},
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=10, read=self.feed.timeout_seconds),
            )
            self.status = answer.status
            if answer.status not in REDIRECTS:
                try:
                    _judge(answer, self.clock.now())
                except BaseException:
                    answer.close()
                    raise
                return answer
            target = answer.headers.get("Location", "")
            answer.close()
            url = join(url, target)
        raise FeedError(f"more than {MAX_REDIRECTS} redirects", "see the contract's `url`", status=self.status)

    def _allow(self, url: str) -> None:
        """Raises FeedError where the contract does not let us go to an address."""
        where = origin(url)
        if where != self.home and where[0] not in self.feed.hosts:
            raise FeedError(
                f"the server sends us to another host, {where[0]}", "`hosts` of the contract's feed allows one"
            )
        if urlsplit(url).scheme != "https" and where != self.trusted:
            raise FeedError("the server sends us to an address without TLS", "the contract's `url` must be https")

    def _pace(self) -> None:
        """Waits until the next request may be sent."""
        now = self.clock.now()
        if self._sent_at is not None:
            wait = 60 / self.feed.requests_per_minute - (now - self._sent_at).total_seconds()
            if wait > 0:
                self.clock.sleep(wait)
        self._sent_at = self.clock.now()

    def _blocks(self, answer: urllib3.BaseHTTPResponse, limit: int) -> Iterator[bytes]:
        """The body as it comes. Raises FeedError where it is longer than the limit, or takes for ever."""
        began, n_bytes = self.clock.now(), 0
        too_large = FeedError(
            f"larger than the {self.feed.max_bytes:,} bytes that the contract allows",
            "raise `max_bytes`, or fetch less at a time",
        )
        declared = answer.headers.get("Content-Length", "")
        if declared.isdigit() and int(declared) > limit:
            raise too_large
        while block := answer.read1(BLOCK, decode_content=True):
            n_bytes += len(block)
            self.n_bytes += len(block)
            if n_bytes > limit:
                raise too_large
            if (self.clock.now() - began).total_seconds() > DEADLINE_SECONDS:
                raise FeedError("the answer takes hours", "fetch less at a time", stops=True)
            yield block

    def _guarded_pools(self) -> urllib3.PoolManager:
        """Pools whose connections look at the address that they really have: a name may mean another one meanwhile."""
        client = self

        def connected(connection: HTTPConnection, connect: Callable[[], socket.socket]) -> socket.socket:
            where = (connection.host.lower(), connection.port)
            if client.feed.allow_private or where == client.trusted:
                return connect()
            refuse_private(connection.host, resolve(connection.host, connection.port))
            connection_socket = connect()
            try:
                refuse_private(connection.host, [connection_socket.getpeername()[0]])
            except FeedError:
                connection_socket.close()
                raise
            return connection_socket

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return connected(self, super()._new_conn)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return connected(self, super()._new_conn)

        class PlainPool(urllib3.HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(urllib3.HTTPSConnectionPool):
            ConnectionCls = Secure

        pools = urllib3.PoolManager(num_pools=4)
        pools.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
        return pools


def refuse_page(content_type: str, head: bytes, form: str) -> None:
    """Raises FeedError where an answer is a page for people (a login, a notice), or not of the contract's format."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    hint = "is the address right, and does the server want a login?"
    if start.startswith((b"<!doctype html", b"<html")) or "text/html" in content_type.lower():
        raise FeedError("the server answers with a web page instead of data", hint)
    if form == "json" and start[:1] not in (b"{", b"["):
        raise FeedError("the answer is no JSON document", hint)
    if form in ("xlsx", "zip") and not head.startswith(b"PK"):
        raise FeedError(f"the answer is no {form.upper()} file", hint)
    if form == "csv" and (start.startswith((b"<?xml", b"{")) or b"\x00\x00\x00\x00" in head):
        raise FeedError("the answer is no CSV file", hint)


def _credentials(feed: Feed, secret: FeedSecret | None) -> dict[str, str]:
    if feed.auth is None or secret is None:
        return {}
    password = secret.password.get_secret_value()
    if feed.auth.scheme == "basic":
        pair = base64.b64encode(f"{secret.login}:{password}".encode()).decode()
        return {feed.auth.header: f"Basic {pair}"}
    word = {"bearer": "Bearer ", "token": "Token ", "header": ""}[feed.auth.scheme]
    return {feed.auth.header: f"{word}{password}"}


def _judge(answer: urllib3.BaseHTTPResponse, now: datetime) -> None:
    """Raises Again or FeedError for a status that is no success."""
    status = answer.status
    if status in AGAIN:
        wait = retry_after(answer.headers.get("Retry-After"), now)
        raise Again(f"the server answers with HTTP {status}", status=status, retry_after=wait)
    if status in (401, 403, 407):
        raise FeedError(
            f"the server refuses us (HTTP {status})",
            "see the secret that the contract's `auth` names",
            stops=True,
            status=status,
        )
    # 416 answers a Range that is beyond the end: `download` starts anew.
    if status >= 400 and status != 416:
        raise FeedError(f"the server answers with HTTP {status}", "see the contract's `url`", status=status)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (a number, or a date); None where there is none that can be read."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), 1e9)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _trouble(error: HTTPError) -> Exception:
    """An exception of urllib3 as one of ours; its own words would hold the address with its query."""
    if isinstance(error, SSLError):
        return FeedError("the server's certificate is not valid", "it is not to be trusted until it is", stops=True)
    if isinstance(error, LocationParseError):
        return FeedError("the server names an address that cannot be used", "see the contract's feed")
    if isinstance(error, DecodeError):
        return Again("the answer's compression is broken")
    return Again(f"no whole answer ({type(error).__name__})")


def _validator(answer: urllib3.BaseHTTPResponse) -> str | None:
    """What a Range request can rely on: a strong ETag or a date, where the body came as it is."""
    etag = answer.headers.get("ETag")
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        return None
    if etag is not None:
        return None if etag.startswith("W/") else etag
    return answer.headers.get("Last-Modified")


def _starts_at(content_range: str, have: int) -> bool:
    return content_range.startswith(f"bytes {have}-")


def _restart(file: BinaryIO) -> int:
    file.seek(0)
    file.truncate()
    return 0
