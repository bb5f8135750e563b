"""Feeds from a partner's own bucket, on a real store that knows the partner's credentials as well as ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.conftest import PARTNER_BUCKET
from tests.integration.feedsite import (
    BUCKET,
    MOMENTS,
    feed_site,
    fetches,
    kill_and_pull_again,
    landed,
    left_over,
    pulled,
)
from tests.integration.worksite import Site, contract, csv_bytes, write_expectations
from tests.replay import FakeTime

from footprints.contracts import load_contract
from footprints.feeds import bucket, pull
from footprints.settings import Settings

pytestmark = pytest.mark.integration


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def site(platform: Settings, tmp_path: Path) -> Site:
    return feed_site(platform, tmp_path, "http://127.0.0.1:1")


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


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_around_the_put_there_is_one_delivery(site, time, monkeypatch, moment):
    put_theirs(site, "a.csv", csv_bytes([("k1", "2021-01-01", "Sahara", 1)]))
    kill_and_pull_again(site, "test-bucket", time, monkeypatch, moment)
