"""The section `feed` of a contract: where a source is fetched from, how, and how often."""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from footprints.errors import ContractError
from footprints.feeds.schedule import parse_cadence, parse_duration

FETCHED = "{fetched}"
FETCHED_FORMAT = "%Y%m%dT%H%M%SZ"
MAX_BYTES = 2 * 2**30
TIMEOUT_SECONDS = 60.0
REQUESTS_PER_MINUTE = 60.0

Scheme = Literal["bearer", "token", "basic", "header"]


@dataclass(frozen=True)
class Auth:
    """Which secret a request carries, and how: the contract only knows the secret's name."""

    secret: str
    scheme: Scheme = "bearer"
    header: str = "Authorization"


@dataclass(frozen=True)
class Paging:
    """How an API hands out its records in pages.

    `next`: each page holds the address of the next one. `offset`: the number of records to pass over stands in the
    parameter `start`. `page`: the number of the page does; `last` is the key of the number of the last one.
    """

    style: Literal["next", "offset", "page"]
    size: int | None = None
    size_parameter: str = "limit"
    start_parameter: str = "start"
    next_key: str = "next"
    total_key: str | None = None
    last_key: str | None = None


@dataclass(frozen=True)
class Since:
    """The parameter that asks for what is new since the last pull. `value` holds `{since}`, written by `format`."""

    parameter: str
    value: str = "{since}"
    format: str = "%Y-%m-%dT%H:%M:%S"
    overlap: str = "PT1H"


@dataclass(frozen=True)
class Feed:
    """What the section `feed` says. Sizes in bytes, times in seconds, `requests_per_minute` as it says."""

    kind: Literal["http", "s3"]
    cadence: str
    url: str = ""
    each: Mapping[str, tuple[str, ...] | Mapping[str, Any]] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    format: Literal["json", "csv", "xlsx", "zip"] = "json"
    records: str | None = None
    success: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""
    paging: Paging | None = None
    since: Since | None = None
    bucket: str = ""
    prefix: str = ""
    pattern: str = ".*"
    endpoint: str | None = None
    auth: Auth | None = None
    hosts: tuple[str, ...] = ()
    allow_private: bool = False
    requests_per_minute: float = REQUESTS_PER_MINUTE
    timeout_seconds: float = TIMEOUT_SECONDS
    max_bytes: int = MAX_BYTES


@dataclass(frozen=True)
class Item:
    """One request of a feed, or one series of pages: what becomes one delivery. `name` tells it from its siblings."""

    name: str
    url: str
    values: Mapping[str, str]


def parse_feed(entry: Mapping[str, Any], where: str, modes: Sequence[str]) -> Feed:
    """The feed of a contract whose layouts have these modes; the schema has seen the section already.

    Raises ContractError naming the key.
    """
    try:
        parse_cadence(entry["cadence"])
    except ValueError as error:
        raise ContractError(f"{where}.cadence: {error}") from None
    paging, since, auth = entry.get("paging"), entry.get("since"), entry.get("auth")
    simple: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in entry.items()
        if key not in ("paging", "since", "auth", "each", "hosts")
    }
    feed = Feed(
        **simple,
        each={k: tuple(map(str, v)) if isinstance(v, list) else v for k, v in entry.get("each", {}).items()},
        paging=Paging(**paging) if paging else None,
        since=Since(**since) if since else None,
        auth=Auth(**auth) if auth else None,
        hosts=tuple(host.lower() for host in entry.get("hosts", ())),
    )
    _check(feed, where, modes)
    return feed


def _check(feed: Feed, where: str, modes: Sequence[str]) -> None:
    if feed.kind == "s3":
        return
    if feed.paging and (feed.format != "json" or feed.records is None):
        raise ContractError(f"{where}.paging: pages are of format json, and `records` says where their records stand")
    if feed.paging and feed.paging.style == "offset" and feed.paging.size is None:
        raise ContractError(f"{where}.paging.size: an offset needs a size of page")
    known = {*feed.each, "fetched"}
    for key, template in (("url", feed.url), ("file", feed.file), *((f"query.{k}", v) for k, v in feed.query.items())):
        for name in _placeholders(template, f"{where}.{key}"):
            if name not in known or (name == "fetched" and key != "file"):
                raise ContractError(f"{where}.{key}: {{{name}}} is not a key of each")
    if feed.file and FETCHED not in feed.file:
        raise ContractError(
            f"{where}.file: needs {FETCHED}: a file of the same name would overwrite one that still waits"
        )
    if feed.since:
        if "snapshot" in modes:
            raise ContractError(
                f"{where}.since: what is new since the last pull is no snapshot: what it does not hold would be gone"
            )
        try:
            parse_duration(feed.since.overlap)
        except ValueError as error:
            raise ContractError(f"{where}.since.overlap: {error}") from None


def _placeholders(template: str, where: str) -> list[str]:
    try:
        return [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError:
        raise ContractError(f"{where}: {template!r}: unbalanced braces") from None


def items(feed: Feed, base: str | None, today: datetime) -> Iterator[Item]:
    """Each request of an HTTP feed: one a combination of the values in `each`, in their order.

    `base` is the address that replaces the contract's own up to the path, or precedes a contract's relative one.
    """
    names = list(feed.each)
    for combination in itertools.product(*(_values(feed.each[name], today.year) for name in names)):
        values = dict(zip(names, combination, strict=True))
        query = {key: text.format(**values) for key, text in feed.query.items()}
        address = _address(feed.url.format(**values), base)
        url = f"{address}{'&' if '?' in address else '?'}{urlencode(query)}" if query else address
        yield Item(",".join(f"{k}={v}" for k, v in values.items()), url, values)


def _values(entry: tuple[str, ...] | Mapping[str, Any], this_year: int) -> list[str]:
    if isinstance(entry, tuple):
        return list(entry)
    last = this_year if entry["to"] == "this_year" else int(entry["to"])
    return [str(number) for number in range(int(entry["from"]), last + 1)]


def _address(url: str, base: str | None) -> str:
    if base is None:
        return url
    parts = urlsplit(url)
    rest = parts.path + (f"?{parts.query}" if parts.query else "")
    return f"{base.rstrip('/')}/{rest.lstrip('/')}"


def file_name(feed: Feed, source: str, item: Item, fetched: datetime) -> str:
    """What a fetched file is called in landing: nobody else's name, and never the same twice."""
    moment = fetched.strftime(FETCHED_FORMAT)
    if feed.file:
        name = feed.file.format(**item.values, fetched=moment)
    else:
        name = "_".join([source, *item.values.values(), moment]) + f".{feed.format}"
    return re.sub(r"[^\w.()+,=-]", "-", name)
