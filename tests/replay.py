"""A server on loopback that answers as partners' APIs do, and misbehaves when told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from footprints.feeds.web import Clock


@dataclass(frozen=True)
class Reply:
    """An answer. `cut_at`: the connection is closed after so many bytes; `length`: what Content-Length claims."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    length: int | None = None
    chunked: bool = False


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


Answer = Reply | Callable[[Asked], Reply]


class Replay:
    """The server. `on` says what a path answers: each answer once, in order, and the last of them from then on."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        replay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                asked = Asked(parts.path, dict(parse_qsl(parts.query)), {k.lower(): v for k, v in self.headers.items()})
                replay.asked.append(asked)
                waiting = replay.answers.get(parts.path, [Reply(status=404)])
                answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                self.send(answer(asked) if callable(answer) else answer)

            def send(self, reply: Reply) -> None:
                self.send_response(reply.status)
                headers = {"Content-Type": "application/json"} | reply.headers
                if reply.chunked:
                    headers["Transfer-Encoding"] = "chunked"
                else:
                    headers["Content-Length"] = str(len(reply.body) if reply.length is None else reply.length)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                body = reply.body[: reply.cut_at]
                if reply.chunked:
                    body = b"%x\r\n%s\r\n" % (len(body), body) + (b"" if reply.cut_at is not None else b"0\r\n\r\n")
                self.wfile.write(body)
                if reply.cut_at is not None or reply.length is not None:
                    self.close_connection = True

            def log_message(self, *arguments: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hangs up early is the point of some tests."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def on(self, path: str, *answers: Answer) -> None:
        """Sets what a path answers."""
        self.answers[path] = list(answers)

    def paths(self) -> list[str]:
        """The paths that were asked for, with their queries, in order."""
        return [asked.path + (f"?{urlencode(asked.query)}" if asked.query else "") for asked in self.asked]


@contextmanager
def serving() -> Iterator[Replay]:
    """A running server."""
    replay = Replay()
    thread = threading.Thread(target=replay.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield replay
    finally:
        replay.server.shutdown()
        replay.server.server_close()
        thread.join()


def document(value: Any, **headers: str) -> Reply:
    """A JSON document."""
    return Reply(json.dumps(value).encode(), headers=headers)


def static(body: bytes, etag: str = '"v1"', content_type: str = "application/json") -> Callable[[Asked], Reply]:
    """A file on a good server: conditional requests and ranges are answered as they should be."""

    def answer(asked: Asked) -> Reply:
        headers = {"ETag": etag, "Content-Type": content_type, "Accept-Ranges": "bytes"}
        if asked.headers.get("if-none-match") == etag:
            return Reply(status=304, headers=headers)
        start = asked.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-")
        if start != "0" and asked.headers.get("if-range") == etag:
            span = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return Reply(body[int(start) :], 206, headers | {"Content-Range": span})
        return Reply(body, headers=headers)

    return answer


def kobo(url: str, records: list[Any], at_most: int = 1000) -> Callable[[Asked], Reply]:
    """KoboToolbox's data: `count`, `next`, `previous`, `results`; a page never holds more than `at_most`."""

    def answer(asked: Asked) -> Reply:
        start, size = int(asked.query.get("start", 0)), min(int(asked.query.get("limit", 100)), at_most)
        more = start + size < len(records)
        following = f"{url}?{urlencode({'limit': size, 'start': start + size})}" if more else None
        page = {"count": len(records), "next": following, "previous": None, "results": records[start : start + size]}
        return document(page)

    return answer


def cut(answer: Callable[[Asked], Reply], at: int) -> Callable[[Asked], Reply]:
    """The same answer, but the connection breaks after so many bytes."""
    return lambda asked: replace(answer(asked), cut_at=at)


class FakeTime:
    """A clock that stands still until somebody sleeps; `slept` is for how long they did, in seconds."""

    def __init__(self, start: datetime = datetime(2024, 5, 1, 12, tzinfo=UTC)) -> None:
        self.moment = start
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Passes the time."""
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)

    def pass_by(self, **time: float) -> None:
        """Lets time pass, given as for `timedelta`."""
        self.moment += timedelta(**time)

    @property
    def clock(self) -> Clock:
        """For a feed. What would be random is always one half."""
        return Clock(lambda: self.moment, self.sleep, lambda: 0.5)

    def http_date(self, seconds: float) -> str:
        """A date so many seconds from now, as HTTP writes it."""
        return format_datetime(self.moment + timedelta(seconds=seconds), usegmt=True)
