"""Which feeds are due, and pulling one: item by item, each attempt noted, a failure kept to the feed that has it."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from footprints.contracts import Contract, find_contract, load_contract
from footprints.errors import ConfigurationError, ContractError, NotFoundError
from footprints.feeds import api, bucket, state
from footprints.feeds.addresses import origin
from footprints.feeds.failure import FeedError
from footprints.feeds.landing import Run, finish
from footprints.feeds.plan import items
from footprints.feeds.schedule import next_after, rest
from footprints.feeds.state import FeedState, Fetch, ItemState
from footprints.feeds.web import Client, Clock
from footprints.settings import FeedSecret, Settings
from footprints.warehouse.engine import engine
from footprints.work import describe

log = logging.getLogger(__name__)

Secrets = Callable[[str], FeedSecret | None]
"""Finds a secret by the name that a contract gives it; None where there is none."""


@dataclass(frozen=True)
class Pulled:
    """How a pull went. `outcome`: `fetched`, `failed`, or `busy` where another process pulls the feed."""

    feed: str
    outcome: str
    n_items: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None
    delivery_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class FeedStatus:
    """A feed as `footprints feeds` shows it.

    `state`: `off` (FOOTPRINTS_FEEDS does not name it), `not set up` (`missing` says what), `no such feed`, `pulling`,
    `failed` (and rests until `due_at`), `due`, `waiting` (until `due_at`).
    """

    feed: str
    kind: str
    state: str
    cadence: str
    succeeded_at: datetime | None = None
    due_at: datetime | None = None
    n_failures: int = 0
    error: str | None = None
    missing: str | None = None
    n_deliveries: int = 0


def from_settings(settings: Settings) -> Secrets:
    """Secrets as FOOTPRINTS_FEED_SECRETS has them."""
    return settings.secrets().get


def due(settings: Settings, secrets: Secrets | None = None, clock: Clock | None = None) -> list[str]:
    """The feeds that are to be pulled now."""
    return [s.feed for s in statuses(settings, secrets, clock) if s.state == "due"]


def statuses(settings: Settings, secrets: Secrets | None = None, clock: Clock | None = None) -> list[FeedStatus]:
    """Every feed of the contracts, and those that only FOOTPRINTS_FEEDS knows. A broken contract is passed over."""
    secrets, now = secrets or from_settings(settings), (clock or Clock()).now()
    contracts = {contract.source: contract for contract in _contracts(settings)}
    chosen = {name for name in re.split(r"[,\s]+", settings.feeds) if name}
    with engine(settings.need("warehouse_url")).connect() as connection:
        known = state.feeds(connection)
        running = state.running(connection, contracts)
        rows = connection.execute(
            text("SELECT feed_id, count(*) FROM meta.feed_fetch WHERE outcome = 'delivered' GROUP BY feed_id")
        ).all()
    n_deliveries = {row[0]: row[1] for row in rows}
    out = []
    for source, contract in contracts.items():
        feed = contract.feed
        assert feed is not None
        was = known.get(source, FeedState(source))
        due_at = _due_at(feed.cadence, was, now)
        missing = _missing(contract, settings, secrets)
        if source in running:
            word = "pulling"
        elif not chosen & {source, "all"}:
            word = "off"
        elif due_at > now:  # whoever pulled it last had all that it needs
            word = "failed" if was.n_failures else "waiting"
        else:
            word = "due" if missing is None else "not set up"
        out.append(
            FeedStatus(
                source,
                feed.kind,
                word,
                feed.cadence,
                was.succeeded_at,
                due_at if word in ("waiting", "failed") else None,
                was.n_failures,
                was.error,
                missing,
                n_deliveries.get(source, 0),
            )
        )
    return out + [FeedStatus(name, "", "no such feed", "") for name in sorted(chosen - {"all"} - set(contracts))]


def _contracts(settings: Settings) -> Iterator[Contract]:
    for path in sorted(settings.expectations_dir.glob("*/contract.yaml")):
        try:
            contract = load_contract(path.parent)
        except ContractError as error:
            log.error("A contract is passed over: %s", error.message)
            continue
        if contract.feed is not None:
            yield contract


def _due_at(cadence: str, was: FeedState, now: datetime) -> datetime:
    if was.retry_at is not None:
        return was.retry_at
    if was.round_at is not None or was.succeeded_at is None:  # cut short, or never pulled
        return now
    return next_after(cadence, was.succeeded_at)


def _missing(contract: Contract, settings: Settings, secrets: Secrets) -> str | None:
    """What a feed needs and does not have, in words; None where it can go."""
    feed = contract.feed
    assert feed is not None
    if feed.kind == "http" and "://" not in feed.url and contract.source not in settings.base_urls():
        return f"its base address in FOOTPRINTS_FEED_URLS, under {contract.source!r}"
    if feed.auth is not None and secrets(feed.auth.secret) is None:
        return f"the secret {feed.auth.secret!r} in FOOTPRINTS_FEED_SECRETS, or the connection feed_{feed.auth.secret}"
    return None


def pull(
    source: str,
    settings: Settings,
    *,
    force: bool = False,
    secrets: Secrets | None = None,
    clock: Clock | None = None,
) -> Pulled:
    """Fetches what is new of a feed and lands it, whether it is due or not; `force` asks for everything anew.

    What the partner's server does wrong is in the result and in `meta.feed`. Raises NotFoundError where the source has
    no feed, ConfigurationError where its secret or address is missing; any other exception is a fault of ours, and
    noted too.
    """
    secrets, clock = secrets or from_settings(settings), clock or Clock()
    contract = find_contract(settings.expectations_dir, source)
    if contract.feed is None:
        raise NotFoundError(f"the source {source!r} has no feed", "see `footprints feeds`; docs/add-a-source.md")
    missing = _missing(contract, settings, secrets)
    if missing is not None:
        raise ConfigurationError(f"the feed {source!r} needs {missing}", "see docs/runbooks/pull_feeds.md")
    secret = secrets(contract.feed.auth.secret) if contract.feed.auth else None
    run = Run(contract, contract.feed, settings, clock, force)
    with state.lock(run.warehouse, source) as ours:
        if not ours:
            return Pulled(source, "busy")
        round_at = _begin(run)
        try:
            fetches, failures = _pull_all(run, secret, round_at)
        except Exception as error:
            # Noted for who looks at the feed, and raised: the task of this feed is to be red.
            with suppress(Exception):
                _fail(run, f"a fault of ours ({type(error).__name__})", None)
            raise
        counts = dict(Counter(fetch.outcome for fetch in fetches))
        ids = tuple(fetch.delivery_id for fetch in fetches if fetch.delivery_id is not None)
        if not failures:
            with run.warehouse.begin() as connection:
                state.succeed(connection, source)
            return Pulled(source, "fetched", counts, None, ids)
        message = _told(failures)
        log.warning("The feed %s failed: %s", source, message)
        _fail(run, message, max((error.retry_after or 0 for _, error in failures), default=0))
        return Pulled(source, "failed", counts, message, ids)


def pull_due(
    settings: Settings, *, force: bool = False, secrets: Secrets | None = None, clock: Clock | None = None
) -> list[Pulled]:
    """Pulls each feed that is due, one after the other; a fault of ours at one of them does not stop the others."""
    results = []
    for source in due(settings, secrets, clock):
        try:
            results.append(pull(source, settings, force=force, secrets=secrets, clock=clock))
        except Exception as error:  # noqa: BLE001 - whatever it is, the neighbours go on
            log.error("The feed %s: %s", source, describe(error))
            results.append(Pulled(source, "failed", error=f"a fault of ours ({type(error).__name__})"))
    return results


def _begin(run: Run) -> datetime:
    """Notes that a pull begins, and returns when its round did: a round that was cut short goes on."""
    now = run.clock.now()
    with run.warehouse.begin() as connection:
        was = state.feeds(connection).get(run.feed_id, FeedState(run.feed_id))
        goes_on = was.round_at is not None and not run.force and now < next_after(run.feed.cadence, was.round_at)
        round_at = was.round_at if goes_on and was.round_at is not None else now
        state.begin(connection, run.feed_id, now, round_at)
    return round_at


def _fail(run: Run, message: str, retry_after: float | None) -> None:
    now = run.clock.now()
    with run.warehouse.begin() as connection:
        n_failures = state.feeds(connection)[run.feed_id].n_failures + 1
        # Never longer than until it would be due anyway: one item that is gone for good must not slow the others.
        pause = min(rest(n_failures), next_after(run.feed.cadence, now) - now)
        state.fail(connection, run.feed_id, message, now + max(pause, timedelta(seconds=retry_after or 0)))


def _told(failures: list[tuple[str, FeedError]]) -> str:
    """What a pull failed of: the first failure, and how many more there were."""
    item, error = failures[0]
    which = f"{item}: " if item else ""
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return f"{which}{error.message}{more}"


def _pull_all(
    run: Run, secret: FeedSecret | None, round_at: datetime
) -> tuple[list[Fetch], list[tuple[str, FeedError]]]:
    """Goes through the items of a feed, as far as this round has not been through them."""
    fetches: list[Fetch] = []
    failures: list[tuple[str, FeedError]] = []
    try:
        for name, work in _work(run, secret, round_at):
            fetch = Fetch(name, run.clock.now())
            try:
                work(fetch)
            except FeedError as error:
                failures.append((name, error))
                fetch.outcome, fetch.error = "failed", error.message
                fetch.http_status = error.status or fetch.http_status
                finish(run, fetch, None)
                if error.stops:
                    break
            finally:
                fetches.append(fetch)
    except FeedError as error:  # of the listing, before any item
        failures.append(("", error))
    return fetches, failures


def _work(run: Run, secret: FeedSecret | None, round_at: datetime) -> Iterator[tuple[str, Callable[[Fetch], None]]]:
    base = run.settings.base_urls().get(run.feed_id)
    if run.feed.kind == "s3":
        yield from _objects(run, secret, base)
        return
    client = Client(run.feed, secret, run.clock, origin(base) if base else None)
    try:
        every = list(items(run.feed, base, run.clock.now()))
        with run.warehouse.connect() as connection:
            known = state.items(connection, run.feed_id, [item.name for item in every])
        for item in every:
            was = known.get(item.name, ItemState(item.name))
            if not run.force and was.checked_at is not None and was.checked_at >= round_at:
                continue

            def work(fetch: Fetch, item: Any = item, was: ItemState = was) -> None:
                api.fetch_item(run, client, item, was, fetch)

            yield item.name, work
    finally:
        client.close()


def _objects(run: Run, secret: FeedSecret | None, base: str | None) -> Iterator[tuple[str, Callable[[Fetch], None]]]:
    client = bucket.connect(run, secret, base)
    found = bucket.listing(run, client)
    with run.warehouse.connect() as connection:
        known = state.items(connection, run.feed_id, [remote.key for remote in found])
    for remote in found:
        was = known.get(remote.key, ItemState(remote.key))
        if was.etag == remote.etag and was.checked_at is not None and not run.force:
            if was.last_modified != remote.last_modified.isoformat():
                with run.warehouse.begin() as connection:
                    state.seen(connection, run.feed_id, remote.key, run.clock.now(), remote.last_modified.isoformat())
            continue

        def work(fetch: Fetch, remote: Any = remote, was: ItemState = was) -> None:
            bucket.fetch_object(run, client, remote, was, fetch)

        yield remote.key, work
