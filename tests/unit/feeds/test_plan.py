"""The section `feed` of a contract, and when a feed is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.integration.worksite import contract, write_expectations

from footprints.contracts import load_contract, load_contracts
from footprints.errors import ConfigurationError, ContractError
from footprints.feeds.plan import Feed, Item, file_name, items
from footprints.feeds.schedule import next_after, parse_cadence, parse_duration, rest
from footprints.settings import REPOSITORY, Settings

NOW = datetime(2024, 5, 31, 12, tzinfo=UTC)
HTTP: dict[str, Any] = {"kind": "http", "cadence": "P1D", "url": "https://partner.example/data"}
S3: dict[str, Any] = {"kind": "s3", "cadence": "PT1H", "bucket": "theirs"}


def feed_of(tmp_path: Path, feed: dict[str, Any], mode: str = "upsert") -> Feed:
    document = contract("with-feed", mode=mode) | {"feed": feed}
    found = load_contract(write_expectations(tmp_path / "expectations", document) / "with-feed").feed
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("P1D", "2024-06-01T12:00"), ("PT6H", "2024-05-31T18:00"), ("P1M", "2024-06-30T12:00"),
        ("P1W", "2024-06-07T12:00"),
        ("P1Y9M", "2026-02-28T12:00"), ("P1M1DT30M", "2024-07-01T12:30"), ("PT90S", "2024-05-31T12:01:30"),
        ("0 6 * * *", "2024-06-01T06:00"), ("30 12 31 * *", "2024-05-31T12:30"), ("0 0 * * MON", "2024-06-03T00:00"),
    ],
)  # fmt: skip
def test_next_after(text, then):
    assert next_after(text, NOW) == datetime.fromisoformat(then).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1", "1D", "P-1D", "P0D", "PT0S", "P99999D", "P1DT", "daily", "* * * *", "61 * * * *", "@daily"],
)
def test_what_is_no_cadence(text):
    with pytest.raises(ValueError, match="is"):
        parse_cadence(text)


def test_a_day_that_never_comes():
    assert next_after("0 0 31 2 *", NOW).year == 9999


@given(st.integers(1, 4000), st.sampled_from("YMWD"))
def test_durations_go_forward(number, unit):
    duration = parse_duration(f"P{number}{unit}")
    if NOW.year + number < 9000:
        assert duration.after(NOW) > NOW


def test_a_feed_that_fails_rests_longer_and_longer_up_to_a_day():
    rests = [rest(n) for n in range(12)]
    assert rests[:3] == [timedelta(minutes=15)] * 2 + [timedelta(minutes=30)]
    assert rests == sorted(rests)
    assert rests[-1] == timedelta(days=1)


def test_each_combination_is_an_item(tmp_path):
    feed = feed_of(
        tmp_path,
        HTTP
        | {
            "url": "https://partner.example/admin{level}",
            "each": {"level": [0, 1], "year": {"from": 2023, "to": "this_year"}},
            "query": {"year": "{year}", "q": "a b"},
            "file": "level{level}-{year}-{fetched}.json",
        },
    )
    found = list(items(feed, None, NOW))
    assert [item.name for item in found] == [
        "level=0,year=2023",
        "level=0,year=2024",
        "level=1,year=2023",
        "level=1,year=2024",
    ]
    assert found[1].url == "https://partner.example/admin0?year=2024&q=a+b"
    assert file_name(feed, "s", found[1], NOW) == "level0-2024-20240531T120000Z.json"


@pytest.mark.parametrize(
    ("url", "base", "address"),
    [
        ("https://partner.example/data?x=1", None, "https://partner.example/data?x=1"),
        ("https://partner.example/data?x=1", "http://127.0.0.1:99", "http://127.0.0.1:99/data?x=1"),
        ("data.json", "https://kobo.example/api/v2/assets/a1/", "https://kobo.example/api/v2/assets/a1/data.json"),
    ],
)
def test_a_setting_replaces_the_base_address(tmp_path, url, base, address):
    (item,) = items(feed_of(tmp_path, HTTP | {"url": url}), base, NOW)
    assert (item.name, item.url) == ("", address)


def test_a_file_without_a_name_gets_one(tmp_path):
    feed = feed_of(tmp_path, HTTP | {"format": "csv"})
    item = Item("y=a/../b c", "", {"y": "a/../b c"})
    assert file_name(feed, "partner-data", item, NOW) == "partner-data_a-..-b-c_20240531T120000Z.csv"


@given(
    st.dictionaries(st.sampled_from("abc"), st.text(max_size=20), max_size=3), st.sampled_from(["", "{a}-{fetched}.x"])
)
def test_a_file_name_is_one_segment_of_a_key_and_tells_the_moment(values, template):
    feed = Feed("http", "P1D", file=template)
    name = file_name(feed, "source", Item("", "", {"a": "", **values}), NOW)
    assert "20240531T120000Z" in name
    assert not set(name) & set('/\\\n\r\0?*:"<>| ')


@given(st.text(max_size=12))
def test_any_text_is_a_cadence_or_is_refused(text):
    try:
        parse_cadence(text)
    except ValueError:
        return
    assert next_after(text, NOW) > NOW


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cadence": "daily"}, "feed.cadence"),
        ({"url": "http://partner.example/data"}, "feed.url"),
        ({"url": "https://user:word@partner.example/"}, "feed.url"),
        ({"url": "https://partner.example/{year}"}, "{year} is not a key of each"),
        ({"url": "https://partner.example/{"}, "unbalanced"),
        ({"query": {"a": "{fetched}"}}, "{fetched} is not a key of each"),
        ({"file": "data.json"}, "needs {fetched}"),
        ({"paging": {"style": "next"}}, "`records` says where"),
        ({"paging": {"style": "offset"}, "records": "results"}, "needs a size"),
        ({"paging": {"style": "scroll"}, "records": "results"}, "feed.paging.style"),
        ({"auth": {"secret": "key", "password": "word"}}, "feed.auth"),
        ({"since": {"parameter": "from", "overlap": "soon"}}, "since.overlap"),
        ({"since": {"parameter": "from", "value": "now"}}, "since.value"),
        ({"bucket": "theirs"}, "feed"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
    ],
)
def test_a_broken_feed_is_refused_with_its_key(tmp_path, change, message):
    with pytest.raises(ContractError) as caught:
        feed_of(tmp_path, HTTP | change)
    assert message in caught.value.message


@pytest.mark.parametrize(
    "change", [{"bucket": None}, {"endpoint": "http://store.example"}, {"url": "https://x.example/"}]
)
def test_a_broken_feed_of_a_bucket_is_refused(tmp_path, change):
    feed = {key: value for key, value in (S3 | change).items() if value is not None}
    with pytest.raises(ContractError, match="feed"):
        feed_of(tmp_path, feed)


def test_what_is_new_only_is_no_snapshot(tmp_path):
    with pytest.raises(ContractError, match="no snapshot"):
        feed_of(tmp_path, HTTP | {"since": {"parameter": "from"}}, mode="snapshot")


def test_our_own_contracts_hold_no_secret_and_one_name_a_file():
    feeds = {name: c.feed for name, c in load_contracts(REPOSITORY / "expectations").items() if c.feed is not None}
    assert {"iom-missing-migrants", "iom-dtm", "mhub-survey"} <= set(feeds)
    for source, feed in feeds.items():
        found = list(items(feed, "https://base.example", NOW))
        assert len({file_name(feed, source, item, NOW) for item in found}) == len(found)
        raw = yaml.safe_load((REPOSITORY / "expectations" / source / "contract.yaml").read_text("utf-8"))["feed"]
        assert set(raw.get("auth", {})) <= {"secret", "scheme", "header"}


@pytest.mark.parametrize("text", ["[]", "{", '{"kobo": "word"}', '{"kobo": {"passwort": "word"}}'])
def test_settings_that_are_not_as_they_should_be_are_named_without_their_words(monkeypatch, text):
    monkeypatch.setenv("FOOTPRINTS_FEED_SECRETS", text)
    with pytest.raises(ConfigurationError, match="FOOTPRINTS_FEED_SECRETS") as caught:
        Settings().secrets()
    assert "word" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_settings_as_they_should_be(monkeypatch):
    monkeypatch.setenv("FOOTPRINTS_FEED_SECRETS", '{"kobo": {"password": "word"}}')
    monkeypatch.setenv("FOOTPRINTS_FEED_URLS", '{"mhub-survey": "https://kobo.example/"}')
    read = Settings()
    assert read.secrets()["kobo"].password.get_secret_value() == "word"
    assert read.base_urls() == {"mhub-survey": "https://kobo.example/"}
    assert '"word"' not in repr(read)
