"""Feeds against real servers: what a partner's API or bucket holds becomes deliveries, each once."""

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
from sqlalchemy import text
from tests.conftest import PARTNER_BUCKET
from tests.integration.worksite import Site, contract, csv_bytes, write_expectations
from tests.replay import Asked, FakeTime, Replay, Reply, cut, document, kobo, serving, static

from footprints.errors import ConfigurationError, NotFoundError
from footprints.feeds import landing, pull, state
from footprints.settings import REPOSITORY, Settings

pytestmark = pytest.mark.integration

DATA = os.environ.get("FOOTPRINTS_DATA")
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
    """A platform with one source a kind of feed."""
    feeds = {"test-file": FILE, "test-years": YEARS, "test-pages": PAGES, "test-bucket": BUCKET}
    contracts = [contract(source, as_of="received") | {"feed": feed} for source, feed in feeds.items()]
    made = Site(
        platform.model_copy(
            update={
                "expectations_dir": write_expectations(tmp_path / "expectations", *contracts),
                "gx_rows": 0,
                "feeds": "all",
                "feed_urls": json.dumps(dict.fromkeys(feeds, server.url) | {"test-bucket": platform.s3_endpoint}),
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
    return pull.pull(source, site.settings, clock=time.clock, **arguments)


def fetches(site: Site, source: str) -> list[Any]:
    with site.warehouse.connect() as connection:
        return list(
            connection.execute(
                text("SELECT * FROM meta.feed_fetch WHERE feed_id = :feed ORDER BY fetch_id"), {"feed": source}
            ).all()
        )


def landed(site: Site, source: str) -> list[str]:
    return sorted(site.store.list_keys(site.settings.landing_bucket, f"landing/test/{source}/"))


def left_over(site: Site) -> list[str]:
    return list(site.store.list_keys(site.settings.archive(), landing.PREFIX))


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
    good, reached, gate = kobo(f"{server.url}/data", rows(115)), threading.Event(), threading.Event()

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
    with_now = pull.pull("test-pages", site.settings)
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


class Killed(BaseException):
    """Passes everything that catches exceptions, as a kill does."""


@pytest.mark.parametrize("moment", ["before the put", "after the put", "in the last transaction"])
@pytest.mark.parametrize("source", ["test-file", "test-pages", "test-bucket"])
def test_killed_around_the_put_there_is_one_delivery(site, server, time, monkeypatch, moment, source):
    if source == "test-bucket":
        put_theirs(site, "a.csv", csv_bytes([("k1", "2021-01-01", "Sahara", 1)]))
    elif source == "test-file":
        server.on("/data", static(json.dumps(rows(30)).encode()))
    else:
        server.on("/data", kobo(f"{server.url}/data", rows(30)))

    def kill(*arguments: Any, **more: Any) -> None:
        raise Killed

    target = {
        "before the put": (landing.Parts, "note"),
        "after the put": (landing, "enrol_ready"),
        "in the last transaction": (state, "record"),
    }[moment]
    if moment == "before the put" and source == "test-pages":
        target = (landing, "sha256_of")
    with monkeypatch.context() as patch:
        patch.setattr(*target, kill)
        with pytest.raises(Killed):
            pulled(site, source, time)
    server.asked.clear()
    time.pass_by(seconds=5)
    result = pulled(site, source, time)
    assert result.outcome == "fetched"
    assert len(landed(site, source)) == 1
    if moment != "before the put":
        assert server.asked == []  # what was put is not fetched again
    assert site.sweep() == 0
    with site.warehouse.connect() as connection:
        keys = connection.execute(text("SELECT object_key FROM meta.delivery")).scalars().all()
    assert keys == landed(site, source)
    assert left_over(site) == []


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


# ----------------------------------------------------------------------------------------------- a partner's own bucket


@pytest.fixture(autouse=True)
def their_bucket(platform: Settings) -> Iterator[None]:
    """An empty bucket of the partner, which only we as the store's owner may write to."""
    client = Site(platform).store.client
    if PARTNER_BUCKET not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=PARTNER_BUCKET)
    yield
    for key in list(Site(platform).store.list_keys(PARTNER_BUCKET, "")):
        client.delete_object(Bucket=PARTNER_BUCKET, Key=key)


def put_theirs(site: Site, name: str, body: bytes) -> None:
    site.store.put_bytes(PARTNER_BUCKET, f"outgoing/{name}", body, "text/csv")


def test_a_partners_bucket_is_copied_with_the_partners_credentials_and_its_layout(site, time):
    put_theirs(site, "2021/été & co.csv", csv_bytes([("k1", "2021-01-01", "Sahara", 1)]))
    put_theirs(site, "b.csv", csv_bytes([("k2", "2021-01-02", "Sahara", 2)]))
    put_theirs(site, "notes.txt", b"not ours")
    site.store.put_bytes(PARTNER_BUCKET, "elsewhere/c.csv", b"not ours", "text/csv")
    first = pulled(site, "test-bucket", time)
    assert first.n_items == {"delivered": 2}
    assert landed(site, "test-bucket") == [
        "landing/test/test-bucket/2021/été & co.csv",
        "landing/test/test-bucket/b.csv",
    ]
    assert site.process(*first.delivery_ids) == ["loaded", "loaded"]
    assert {key: record[1] for key, record in site.records("test-bucket").items()} == {"k1": 1, "k2": 2}

    time.pass_by(hours=1)
    assert pulled(site, "test-bucket", time) == pull.Pulled("test-bucket", "fetched")
    put_theirs(site, "b.csv", csv_bytes([("k2", "2021-01-02", "Sahara", 7)]))
    put_theirs(site, "2021/été & co.csv", csv_bytes([("k1", "2021-01-01", "Sahara", 1)]))  # again the same
    changed = pulled(site, "test-bucket", time)
    assert changed.n_items == {"delivered": 1}
    assert site.process(*changed.delivery_ids) == ["loaded"]
    assert site.records("test-bucket")["k2"][1] == 7


@pytest.mark.parametrize("secret", [{"login": "partner", "password": "wrong"}, {"login": "nobody", "password": "x"}])
def test_wrong_credentials_are_the_feeds_failure(site, time, secret):
    put_theirs(site, "a.csv", b"key\n1\n")
    wrong = Site(site.settings.model_copy(update={"feed_secrets": SecretStr(json.dumps({"their-bucket": secret}))}))
    failed = pulled(wrong, "test-bucket", time)
    assert failed.outcome == "failed"
    assert "refuses us" in (failed.error or "")


def test_the_partners_credentials_do_not_reach_our_bucket(site, time):
    theirs = contract("test-ours", as_of="received") | {"feed": BUCKET | {"bucket": site.settings.landing_bucket}}
    write_expectations(site.settings.expectations_dir, theirs)
    urls = json.loads(site.settings.feed_urls) | {"test-ours": site.settings.s3_endpoint}
    failed = pulled(Site(site.settings.model_copy(update={"feed_urls": json.dumps(urls)})), "test-ours", time)
    assert "refuses us" in (failed.error or "")


def test_an_object_that_is_too_large_is_left_and_the_others_come(site, time):
    limited = contract("test-bucket", as_of="received") | {"feed": BUCKET | {"max_bytes": 100}}
    write_expectations(site.settings.expectations_dir, limited)
    from footprints.contracts import load_contract

    load_contract.cache_clear()
    put_theirs(site, "large.csv", csv_bytes([(f"k{n}", "2021-01-01", "Sahara", 1) for n in range(100)]))
    put_theirs(site, "small.csv", csv_bytes([("k1", "2021-01-01", "Sahara", 1)]))
    result = pulled(site, "test-bucket", time)
    assert (result.outcome, result.n_items) == ("failed", {"failed": 1, "delivered": 1})
    assert "outgoing/large.csv: larger than the 100 bytes" in (result.error or "")


def test_an_endpoint_in_our_own_network_is_refused(site, time):
    inside = contract("test-inside", as_of="received") | {"feed": BUCKET | {"endpoint": "https://localhost"}}
    write_expectations(site.settings.expectations_dir, inside)
    failed = pulled(site, "test-inside", time)
    assert "private network" in (failed.error or "")


def test_a_large_object_goes_on_at_its_last_part(site, time, monkeypatch):
    from footprints.feeds import bucket

    monkeypatch.setattr(bucket, "PART_BYTES", 2**20)
    body = csv_bytes([(f"k{n}", "2021-01-01", "Sahara", 1) for n in range(150_000)])
    put_theirs(site, "large.csv", body)
    through = bucket._cut_short_is_no_end

    def cut_short(blocks: Iterator[bytes]) -> Iterator[bytes]:
        for number, block in enumerate(through(blocks)):
            if number == 2:
                raise bucket._Cut
            yield block

    with monkeypatch.context() as patch:
        patch.setattr(bucket, "_cut_short_is_no_end", cut_short)
        patch.setattr(bucket, "TRIES", 1)
        assert "cut again" in (pulled(site, "test-bucket", time).error or "")
    assert len(left_over(site)) == 2
    time.pass_by(hours=2)
    assert pulled(site, "test-bucket", time).n_items == {"delivered": 1}
    assert site.store.get_bytes(site.settings.landing_bucket, landed(site, "test-bucket")[0]) == body
    assert fetches(site, "test-bucket")[-1].n_bytes < len(body) - 2 * 2**20 + 1
    assert left_over(site) == []


# -------------------------------------------------------------------------------------- the sources that we really have


def real(site: Site, server: Replay, **urls: str) -> Site:
    """The same platform with our own contracts, whose base addresses lead to the replay server."""
    bases = {name.replace("_", "-"): server.url + path for name, path in urls.items()}
    secrets = SECRETS | {"dtm": {"password": "a-key"}}
    made = Site(
        site.settings.model_copy(
            update={
                "expectations_dir": REPOSITORY / "expectations",
                "feed_urls": json.dumps(bases),
                "feed_secrets": SecretStr(json.dumps(secrets)),
            }
        )
    )
    made.clear()
    return made


@pytest.mark.skipif(not DATA, reason="FOOTPRINTS_DATA is not set: the partners' files are not here")
def test_missing_migrants_by_year_from_its_api(site, server, time):
    folder = Path(str(DATA)) / "partners" / "iom-mmp"
    for year in range(2014, 2025):
        path = folder / f"{year}-json.json"
        answer = static(path.read_bytes(), f'"{year}"') if path.exists() else document([])
        server.on(f"/global-figures/{year}/json", answer)
    ours = real(site, server, iom_missing_migrants="")
    first = pulled(ours, "iom-missing-migrants", time)
    assert first.n_items == {"delivered": 2, "empty": 9}
    assert ours.process(*first.delivery_ids) == ["loaded", "loaded"]
    with ours.warehouse.connect() as connection:
        n_incidents = connection.execute(
            text("SELECT count(*) FROM core.incident WHERE source_id = 'iom-missing-migrants'")
        ).scalar_one()
    expected = [json.loads((folder / f"{year}-json.json").read_bytes()) for year in (2016, 2024)]
    assert n_incidents == sum(len({json.dumps(row, sort_keys=True) for row in part}) for part in expected)
    time.pass_by(days=7)
    assert pulled(ours, "iom-missing-migrants", time).n_items == {"unchanged": 2, "empty": 9}


@pytest.mark.skipif(not DATA, reason="FOOTPRINTS_DATA is not set: the partners' files are not here")
def test_displacement_by_level_and_country_from_dtms_api(site, server, time):
    nothing = {"result": [], "statusCode": 200, "isSuccess": True, "errorMessages": [], "totalRecordsCount": 0}

    def level(number: int) -> Any:
        path = Path(str(DATA)) / "partners" / "iom-dtm" / f"displacement-admin{number}-admin0pcode-tcd.json"
        good = static(path.read_bytes(), f'"{number}"')
        return lambda asked: good(asked) if asked.query["Admin0Pcode"] == "TCD" else document(nothing)

    for number in (0, 1, 2):
        server.on(f"/v3/displacement/admin{number}", level(number))
    ours = real(site, server, iom_dtm="")
    first = pulled(ours, "iom-dtm", time)
    assert first.n_items["delivered"] == 3 and first.n_items["empty"] == 33
    assert set(ours.process(*first.delivery_ids)) == {"loaded"}
    assert {asked.headers["ocp-apim-subscription-key"] for asked in server.asked} == {"a-key"}
    server.on("/v3/displacement/admin0", document(nothing | {"isSuccess": False}))
    time.pass_by(days=7)
    assert "isSuccess is not true" in (pulled(ours, "iom-dtm", time).error or "")


def test_kobo_pages_with_its_token(site, server, time):
    """The shape of KoboToolbox's API: groups with slashes, a repeat as a list, attachments that we do not fetch."""
    interview = {"_id": 1, "_uuid": "u-1", "intro/consent": "yes", "journey/stops": [{"journey/stops/place": "agadez"}]}
    submissions = [interview | {"_id": number, "_uuid": f"u-{number}"} for number in range(25)]
    path = "/api/v2/assets/a1/data.json"
    server.on(path, kobo(server.url + path, submissions, at_most=10))
    ours = real(site, server, mhub_survey="/api/v2/assets/a1/")
    assert pulled(ours, "mhub-survey", time).n_items == {"delivered": 1}
    assert {asked.headers["authorization"] for asked in server.asked} == {"Token a-token"}
    (key,) = ours.store.list_keys(ours.settings.landing_bucket, "landing/mhub/mhub-survey/")
    whole = json.loads(ours.store.get_bytes(ours.settings.landing_bucket, key))
    assert whole == {"results": submissions}


def test_the_lock_is_the_feeds_own(site):
    with state.lock(site.warehouse, "one") as ours, state.lock(site.warehouse, "one") as again:
        with state.lock(site.warehouse, "two") as other:
            assert (ours, again, other) == (True, False, True)
        with site.warehouse.connect() as connection:
            assert state.running(connection, ["one", "two", "three"]) == {"one"}
    with state.lock(site.warehouse, "one") as ours:
        assert ours
