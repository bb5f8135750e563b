"""Feeds against real servers: what a partner's API holds becomes deliveries, each once, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.integration.feedsite import (
    FILE,
    MOMENTS,
    feed_site,
    fetches,
    kill_and_pull_again,
    landed,
    left_over,
    pulled,
    rows,
)
from tests.integration.worksite import Site, contract, write_expectations
from tests.replay import Asked, FakeTime, Replay, Reply, cut, document, kobo, serving, static
from typer.testing import CliRunner

from footprints.cli import app
from footprints.errors import ConfigurationError, NotFoundError
from footprints.feeds import api, landing, pull, state
from footprints.settings import Settings

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server() -> Iterator[Replay]:
    with serving() as replay:
        yield replay


@pytest.fixture
def time(server: Replay) -> FakeTime:
    server.asked.clear()
    return FakeTime()


@pytest.fixture
def site(platform: Settings, tmp_path: Path, server: Replay) -> Site:
    return feed_site(platform, tmp_path, server.url)


def test_pulled_landed_enrolled_loaded_and_nothing_fetched_twice(site, server, time):
    server.on("/data", static(json.dumps(rows(3)).encode()))
    first = pulled(site, "test-file", time)
    assert (first.outcome, first.n_items) == ("fetched", {"delivered": 1})
    assert landed(site, "test-file") == ["landing/test/test-file/test-file_20240501T120000Z.json"]
    (delivery_id,) = first.delivery_ids
    assert site.get(delivery_id).object_key == landed(site, "test-file")[0]
    assert site.process(delivery_id) == ["loaded"]
    assert [record[1] for record in site.records("test-file").values()] == [1, 1, 1]

    time.pass_by(days=1)
    again = pulled(site, "test-file", time)
    assert (again.outcome, again.n_items, again.delivery_ids) == ("fetched", {"unchanged": 1}, ())
    assert server.asked[1].headers["if-none-match"] == '"v1"'
    assert len(landed(site, "test-file")) == 1
    assert [(f.outcome, f.http_status, f.n_bytes > 0) for f in fetches(site, "test-file")] == [
        ("delivered", 200, True),
        ("unchanged", 304, False),
    ]
    # The sweep finds nothing that the feed has not enrolled.
    assert site.sweep() == 0


def test_the_same_bytes_under_another_etag_are_not_put_again(site, server, time):
    body = json.dumps(rows(3)).encode()
    server.on("/data", static(body), static(body, '"v2"'), static(body, '"v2"'))
    pulled(site, "test-file", time)
    time.pass_by(days=1)
    assert pulled(site, "test-file", time).n_items == {"unchanged": 1}
    time.pass_by(days=1)
    assert pulled(site, "test-file", time).n_items == {"unchanged": 1}
    assert server.asked[2].headers["if-none-match"] == '"v2"'
    assert len(landed(site, "test-file")) == 1


def test_what_changed_is_a_delivery_of_its_own_and_force_asks_for_everything(site, server, time):
    server.on("/data", static(json.dumps(rows(3)).encode()))
    pulled(site, "test-file", time)
    server.on("/data", static(json.dumps(rows(3, dead=9)).encode(), '"v2"'))
    time.pass_by(days=1)
    changed = pulled(site, "test-file", time)
    assert changed.n_items == {"delivered": 1}
    assert site.process(*changed.delivery_ids) == ["loaded"]
    time.pass_by(days=1)
    forced = pulled(site, "test-file", time, force=True)
    assert forced.n_items == {"delivered": 1}
    assert "if-none-match" not in server.asked[-1].headers
    assert site.process(*forced.delivery_ids) == ["duplicate"]
    assert len(landed(site, "test-file")) == 3


def test_pages_become_one_whole_delivery(site, server, time):
    server.on("/data", kobo(f"{server.url}/data", rows(115), at_most=7))
    first = pulled(site, "test-pages", time)
    assert len(server.asked) == 17
    assert site.process(*first.delivery_ids) == ["loaded"]
    assert site.get(first.delivery_ids[0]).counts.rows_read == 115
    assert left_over(site) == []
    (fetch,) = fetches(site, "test-pages")
    assert (fetch.n_pages, fetch.n_requests) == (17, 17)
    time.pass_by(days=1)
    assert pulled(site, "test-pages", time).n_items == {"unchanged": 1}


def test_an_api_without_records_delivers_nothing(site, server, time):
    server.on("/data", kobo(f"{server.url}/data", []))
    assert pulled(site, "test-pages", time).n_items == {"empty": 1}
    assert landed(site, "test-pages") == []


def test_a_server_that_fails_at_page_eight_is_asked_for_page_eight_next_time(site, server, time):
    good = kobo(f"{server.url}/data", rows(115))

    def down(asked: Asked) -> Reply:
        return Reply(status=503) if asked.query.get("start") == "70" else good(asked)

    server.on("/data", down)
    failed = pulled(site, "test-pages", time)
    assert (failed.outcome, failed.n_items) == ("failed", {"failed": 1})
    assert "HTTP 503" in (failed.error or "")
    assert len(left_over(site)) == 7
    server.asked.clear()
    server.on("/data", good)
    time.pass_by(minutes=15)
    assert pull.due(site.settings, clock=time.clock) == ["test-bucket", "test-file", "test-pages", "test-years"]
    second = pulled(site, "test-pages", time)
    assert [asked.query["start"] for asked in server.asked] == ["70", "80", "90", "100", "110"]
    assert site.process(*second.delivery_ids) == ["loaded"]
    assert site.get(second.delivery_ids[0]).counts.rows_read == 115
    assert left_over(site) == []


def test_pages_that_are_gone_from_the_bucket_are_fetched_again(site, server, time):
    good = kobo(f"{server.url}/data", rows(30))
    server.on("/data", good, good, Reply(status=401))
    assert pulled(site, "test-pages", time).outcome == "failed"
    first, _ = left_over(site)
    site.store.client.delete_object(Bucket=site.settings.archive(), Key=first)
    server.on("/data", good)
    time.pass_by(hours=1)
    whole = pulled(site, "test-pages", time)
    assert site.process(*whole.delivery_ids) == ["loaded"]
    assert site.get(whole.delivery_ids[0]).counts.rows_read == 30
    assert left_over(site) == []


def test_pages_that_are_a_day_old_are_not_gone_on_with(site, server, time):
    good = kobo(f"{server.url}/data", rows(30))
    server.on("/data", good, Reply(status=401))
    assert pulled(site, "test-pages", time).outcome == "failed"
    server.on("/data", good)
    server.asked.clear()
    time.pass_by(days=2)
    assert pulled(site, "test-pages", time).n_items == {"delivered": 1}
    assert len(server.asked) == 3
    assert left_over(site) == []


PULL = """
import sys
from pathlib import Path
from footprints.feeds.pull import pull
from footprints.settings import settings
print(pull(sys.argv[1], settings()).outcome)
"""


def test_a_process_that_is_killed_between_pages_is_gone_on_with(site, server, time):
    """SIGKILL while page 8 of 12 is on its way: the next process asks for page 8, and the delivery is whole."""
    good, reached, gate, tick = kobo(f"{server.url}/data", rows(115)), *(threading.Event() for _ in range(3))

    def hangs(asked: Asked) -> Reply:
        if asked.query.get("start") == "70" and not gate.is_set():
            reached.set()
            gate.wait(30)
        return good(asked)

    server.on("/data", hangs)
    worker = subprocess.Popen([sys.executable, "-c", PULL, "test-pages"], env=environment(site))
    try:
        assert reached.wait(60)
        # While it lives nobody else pulls this feed, and the others go on.
        assert pulled(site, "test-pages", time).outcome == "busy"
        assert "test-pages" not in pull.due(site.settings)
        server.on("/data", good)
        time_of_others = FakeTime()
        server.on("/2021", document(rows(1)))
        assert pulled(site, "test-years", time_of_others).outcome == "failed"  # 2022 and 2023 are not there
    finally:
        worker.kill()
        worker.wait()
        gate.set()
    server.asked.clear()
    # Postgres sees a moment later that the process is gone, and lets go of its lock.
    while (with_now := pull.pull("test-pages", site.settings)).outcome == "busy":
        tick.wait(0.1)
    assert [asked.query["start"] for asked in server.asked if asked.path == "/data"] == ["70", "80", "90", "100", "110"]
    assert site.process(*with_now.delivery_ids) == ["loaded"]
    assert site.get(with_now.delivery_ids[0]).counts.rows_read == 115
    assert left_over(site) == []


def environment(site: Site) -> dict[str, str]:
    """The settings of a site for another process."""
    s = site.settings
    assert s.s3_secret_key is not None
    return os.environ | {
        "FOOTPRINTS_WAREHOUSE_URL": s.need("warehouse_url"),
        "FOOTPRINTS_LANDING_BUCKET": s.landing_bucket,
        "FOOTPRINTS_ARCHIVE_BUCKET": s.archive(),
        "FOOTPRINTS_EXPECTATIONS_DIR": str(s.expectations_dir),
        "FOOTPRINTS_FEED_URLS": s.feed_urls,
        "FOOTPRINTS_FEED_SECRETS": s.feed_secrets.get_secret_value(),
        "AWS_ENDPOINT_URL": str(s.s3_endpoint),
        "AWS_ACCESS_KEY_ID": str(s.s3_access_key),
        "AWS_SECRET_ACCESS_KEY": s.s3_secret_key.get_secret_value(),
    }


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("source", ["test-file", "test-pages"])
def test_killed_around_the_put_there_is_one_delivery(site, server, time, monkeypatch, moment, source):
    body = json.dumps(rows(30)).encode()
    server.on("/data", static(body) if source == "test-file" else kobo(f"{server.url}/data", rows(30)))
    kill_and_pull_again(site, source, time, monkeypatch, moment, server.asked.clear)
    # What was put is not fetched again, and of the pages only the last one.
    again = {"test-file": 1, "test-pages": 1}[source] if moment == "before the put" else 0
    assert len(server.asked) == again


def test_a_large_file_goes_on_at_its_last_part(site, server, time, monkeypatch):
    monkeypatch.setattr(landing, "PART_BYTES", 100_000)
    monkeypatch.setattr("footprints.feeds.api.PART_BYTES", 100_000)
    body = json.dumps(rows(20_000)).encode()
    good = static(body)
    server.on("/data", *(cut(good, 350_000 if n == 0 else 0) for n in range(12)))
    failed = pulled(site, "test-file", time)
    assert "times in a row" in (failed.error or "")
    assert left_over(site)
    server.on("/data", good)
    server.asked.clear()
    time.pass_by(hours=1)
    second = pulled(site, "test-file", time)
    (asked,) = server.asked
    assert int(asked.headers["range"].removeprefix("bytes=").removesuffix("-")) >= 200_000
    assert site.store.get_bytes(site.settings.landing_bucket, landed(site, "test-file")[0]) == body
    assert second.n_items == {"delivered": 1}
    assert left_over(site) == []


def test_one_item_that_fails_does_not_stop_its_siblings_and_is_asked_again_alone(site, server, time):
    for year in (2021, 2023):
        server.on(f"/{year}", static(json.dumps(rows(2, year=year)).encode()))
    server.on("/2022", Reply(b"<html>Maintenance</html>", headers={"Content-Type": "text/html"}))
    failed = pulled(site, "test-years", time)
    assert failed.n_items == {"delivered": 2, "failed": 1}
    assert failed.error == "year=2022: the server answers with a web page instead of data"
    assert len(landed(site, "test-years")) == 2

    (status,) = [s for s in pull.statuses(site.settings, clock=time.clock) if s.feed == "test-years"]
    assert (status.state, status.n_failures, status.error, status.n_deliveries) == ("failed", 1, failed.error, 2)
    server.asked.clear()
    server.on("/2022", document(rows(2, year=2022)))
    time.pass_by(minutes=20)
    assert pulled(site, "test-years", time).n_items == {"delivered": 1}
    assert server.paths() == ["/2022"]
    (status,) = [s for s in pull.statuses(site.settings, clock=time.clock) if s.feed == "test-years"]
    assert (status.state, status.n_failures, status.error) == ("waiting", 0, None)


def test_a_server_that_is_down_is_not_asked_for_every_item(site, server, time):
    for year in (2021, 2022, 2023):
        server.on(f"/{year}", Reply(status=500))
    assert pulled(site, "test-years", time).n_items == {"failed": 1}
    assert {asked.path for asked in server.asked} == {"/2021"}


def test_feeds_are_due_by_their_cadence_and_rest_when_they_fail(site, server, time):
    server.on("/data", static(json.dumps(rows(3)).encode()))
    chosen = Site(site.settings.model_copy(update={"feeds": "test-file, nobody"}))
    words = {s.feed: s.state for s in pull.statuses(chosen.settings, clock=time.clock)}
    assert words == {
        "test-bucket": "off", "test-file": "due", "test-pages": "off", "test-years": "off", "nobody": "no such feed"
    }  # fmt: skip
    pulled(chosen, "test-file", time)
    assert pull.due(chosen.settings, clock=time.clock) == []
    time.pass_by(hours=23)
    assert pull.due(chosen.settings, clock=time.clock) == []
    time.pass_by(hours=1)
    assert pull.due(chosen.settings, clock=time.clock) == ["test-file"]
    server.on("/data", Reply(status=429, headers={"Retry-After": str(5 * 3600)}))
    assert pulled(chosen, "test-file", time).outcome == "failed"
    for hours, is_due in ((4, False), (1, True)):
        time.pass_by(hours=hours)
        assert bool(pull.due(chosen.settings, clock=time.clock)) is is_due


def test_a_feed_without_its_secret_or_address_is_not_set_up(site, time):
    bare = Site(site.settings.model_copy(update={"feed_secrets": SecretStr("")}))
    (status,) = [s for s in pull.statuses(bare.settings, clock=time.clock) if s.feed == "test-bucket"]
    assert status.state == "not set up" and "their-bucket" in (status.missing or "")
    with pytest.raises(ConfigurationError, match="their-bucket"):
        pulled(bare, "test-bucket", time)
    with pytest.raises(NotFoundError):
        pulled(bare, "nobody", time)


def test_a_fault_of_ours_is_raised_and_noted(site, server, time, monkeypatch):
    def broken(*arguments: Any) -> None:
        raise RuntimeError("with words that stay unsaid")

    monkeypatch.setattr("footprints.feeds.api.land", broken)
    server.on("/data", static(json.dumps(rows(3)).encode()))
    with pytest.raises(RuntimeError):
        pulled(site, "test-file", time)
    (status,) = [s for s in pull.statuses(site.settings, clock=time.clock) if s.feed == "test-file"]
    assert (status.state, status.error) == ("failed", "a fault of ours (RuntimeError)")


def test_neither_a_fault_of_ours_nor_a_broken_contract_stops_the_other_feeds(site, server, time, monkeypatch):
    good = api.fetch_item

    def broken(run: Any, *arguments: Any) -> None:
        if run.feed_id == "test-file":
            raise RuntimeError("with words that stay unsaid")
        good(run, *arguments)

    monkeypatch.setattr("footprints.feeds.api.fetch_item", broken)
    broken_contract = site.settings.expectations_dir / "broken" / "contract.yaml"
    broken_contract.parent.mkdir()
    broken_contract.write_text("source: [")
    server.on("/data", kobo(f"{server.url}/data", rows(3)))
    for year in (2021, 2022, 2023):
        server.on(f"/{year}", document(rows(1, year=year)))
    results = {result.feed: result for result in pull.pull_due(site.settings, clock=time.clock)}
    assert {name: result.outcome for name, result in results.items()} == {
        "test-bucket": "failed",  # there is no such bucket
        "test-file": "failed",
        "test-pages": "fetched",
        "test-years": "fetched",
    }
    assert results["test-file"].error == "a fault of ours (RuntimeError)"


def test_only_what_is_new_is_asked_for(site, server, time):
    source = contract("test-since", as_of="received") | {
        "feed": FILE | {"since": {"parameter": "from", "format": "%Y-%m-%dT%H:%M:%SZ", "overlap": "PT2H"}}
    }
    write_expectations(site.settings.expectations_dir, source)
    urls = json.loads(site.settings.feed_urls) | {"test-since": server.url}
    new = Site(site.settings.model_copy(update={"feed_urls": json.dumps(urls)}))
    server.on("/data", document(rows(2)), document([]), document(rows(1, dead=5)), document(rows(2)))
    assert pulled(new, "test-since", time).n_items == {"delivered": 1}
    time.pass_by(days=1)
    assert pulled(new, "test-since", time).n_items == {"empty": 1}
    time.pass_by(days=1)
    assert pulled(new, "test-since", time).n_items == {"delivered": 1}
    assert pulled(new, "test-since", time, force=True).n_items == {"delivered": 1}
    assert [asked.query.get("from") for asked in server.asked] == [
        None,
        "2024-05-01T10:00:00Z",
        "2024-05-02T10:00:00Z",
        None,
    ]


def test_the_command_line_shows_and_pulls_feeds(site, server, monkeypatch):
    monkeypatch.setattr("footprints.cli.settings", lambda: site.settings)
    server.on("/data", kobo(f"{server.url}/data", rows(25)))
    for year in (2021, 2022, 2023):
        server.on(f"/{year}", Reply(status=404))
    runner = CliRunner()

    def lines(*arguments: str) -> tuple[int, Any]:
        done = runner.invoke(app, [*arguments, "--json"])
        return done.exit_code, json.loads(done.stdout)

    code, listed = lines("feeds")
    assert code == 0
    assert {entry["feed"]: entry["state"] for entry in listed} == dict.fromkeys(
        ["test-bucket", "test-file", "test-pages", "test-years"], "due"
    )
    code, (result,) = lines("pull", "test-pages")
    assert (code, result["outcome"], result["n_items"]) == (0, "fetched", {"delivered": 1})
    code, (result,) = lines("pull", "test-years")
    assert (code, result["outcome"]) == (1, "failed")
    shown = runner.invoke(app, ["feeds"]).stdout
    assert "year=2021: the server answers with HTTP 404 (and 2 more)" in " ".join(shown.split())
    code, results = lines("pull")  # the others that are due
    assert {entry["feed"]: entry["outcome"] for entry in results} == {"test-bucket": "failed", "test-file": "failed"}
    assert "no such bucket" in results[0]["error"]


def test_the_lock_is_the_feeds_own(site):
    with state.lock(site.warehouse, "one") as ours, state.lock(site.warehouse, "one") as again:
        with state.lock(site.warehouse, "two") as other:
            assert (ours, again, other) == (True, False, True)
        with site.warehouse.connect() as connection:
            assert state.running(connection, ["one", "two", "three"]) == {"one"}
    with state.lock(site.warehouse, "one") as ours:
        assert ours
