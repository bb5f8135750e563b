"""A platform with one source for each kind of feed, and what tests of feeds look at."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from tests.conftest import PARTNER_BUCKET
from tests.integration.worksite import Site, contract, write_expectations
from tests.replay import FakeTime

from footprints.feeds import landing, pull, state
from footprints.settings import Settings

FILE: dict[str, Any] = {
    "kind": "http",
    "cadence": "P1D",
    "url": "https://partner.example/data",
    "requests_per_minute": 6000,
}
YEARS = FILE | {
    "url": "https://partner.example/{year}",
    "each": {"year": [2021, 2022, 2023]},
    "file": "{year}-{fetched}.json",
}
PAGES = FILE | {"records": "results", "paging": {"style": "next", "size": 10, "total_key": "count"}}
BUCKET = {
    "kind": "s3",
    "cadence": "PT1H",
    "bucket": PARTNER_BUCKET,
    "prefix": "outgoing/",
    "pattern": r".*\.csv",
    "auth": {"secret": "their-bucket"},
}
SECRETS = {"their-bucket": {"login": "partner", "password": "partners-secret"}, "kobo": {"password": "a-token"}}


def rows(n_rows: int, dead: int = 1, year: int = 2021) -> list[dict[str, Any]]:
    """Records of the synthetic source, as an API hands them out."""
    return [
        {"key": f"k{number}", "day": f"{year}-01-{number % 28 + 1:02}", "region": "Sahara", "dead": dead}
        for number in range(n_rows)
    ]


def feed_site(platform: Settings, folder: Path, url: str) -> Site:
    """A platform with one source a kind of feed; those of HTTP lead to a replay server at `url`."""
    feeds = {"test-file": FILE, "test-years": YEARS, "test-pages": PAGES, "test-bucket": BUCKET}
    contracts = [contract(source, as_of="received") | {"feed": feed} for source, feed in feeds.items()]
    made = Site(
        platform.model_copy(
            update={
                "expectations_dir": write_expectations(folder / "expectations", *contracts),
                "gx_rows": 0,
                "feeds": "all",
                "feed_urls": json.dumps(dict.fromkeys(feeds, url) | {"test-bucket": platform.s3_endpoint}),
                "feed_secrets": SecretStr(json.dumps(SECRETS)),
            }
        )
    )
    made.clear()
    with made.warehouse.begin() as connection:
        for table in ("feed_fetch", "feed_item", "feed"):
            connection.execute(text(f"DELETE FROM meta.{table}"))
    return made


def pulled(site: Site, source: str, time: FakeTime, **arguments: Any) -> pull.Pulled:
    """Pulls a feed at the time of the test."""
    return pull.pull(source, site.settings, clock=time.clock, **arguments)


def fetches(site: Site, source: str) -> list[Any]:
    """The attempts of a feed, in order."""
    with site.warehouse.connect() as connection:
        return list(
            connection.execute(
                text("SELECT * FROM meta.feed_fetch WHERE feed_id = :feed ORDER BY fetch_id"), {"feed": source}
            ).all()
        )


def landed(site: Site, source: str) -> list[str]:
    """The keys of a source in landing."""
    return sorted(site.store.list_keys(site.settings.landing_bucket, f"landing/test/{source}/"))


def left_over(site: Site) -> list[str]:
    """What is kept of feeds that are not whole."""
    return list(site.store.list_keys(site.settings.archive(), landing.PREFIX))


class Killed(BaseException):
    """Passes everything that catches exceptions, as a kill does."""


MOMENTS = ("before the put", "after the put", "in the last transaction")


def kill_and_pull_again(
    site: Site,
    source: str,
    time: FakeTime,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    between: Callable[[], None] = lambda: None,
) -> None:
    """Ends a pull at this moment, pulls again, and looks whether there is one delivery of the one file."""

    def kill(*arguments: Any, **more: Any) -> None:
        raise Killed

    place, name = {
        "before the put": (landing, "sha256_of"),
        "after the put": (landing, "enrol_ready"),
        "in the last transaction": (state, "record"),
    }[moment]
    with monkeypatch.context() as patch:
        patch.setattr(place, name, kill)
        with pytest.raises(Killed):
            pulled(site, source, time)
    between()
    time.pass_by(seconds=5)
    assert pulled(site, source, time).outcome == "fetched"
    assert len(landed(site, source)) == 1
    assert site.sweep() == 0
    with site.warehouse.connect() as connection:
        keys = connection.execute(text("SELECT object_key FROM meta.delivery")).scalars().all()
    assert list(keys) == landed(site, source)
    assert left_over(site) == []
