"""Requests against a server that misbehaves: what is tried again, what is resumed, what is refused. No test waits."""

from __future__ import annotations

import gzip
import io
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.replay import FakeTime, Replay, Reply, cut, document, serving, static

from footprints.feeds.addresses import is_public, origin
from footprints.feeds.failure import FeedError
from footprints.feeds.plan import Auth, Feed
from footprints.feeds.web import TRIES, Client, refuse_page, retry_after
from footprints.settings import FeedSecret

FEED = Feed("http", "P1D", "https://partner.example/data", requests_per_minute=6000, timeout_seconds=5)
BODY = json.dumps([{"row": number} for number in range(2000)]).encode()


@pytest.fixture(scope="module")
def server() -> Iterator[Replay]:
    with serving() as replay:
        yield replay


@pytest.fixture
def time(server: Replay) -> FakeTime:
    server.asked.clear()
    return FakeTime()


def client(server: Replay, time: FakeTime, secret: FeedSecret | None = None, **changes: Any) -> Client:
    return Client(replace(FEED, **changes), secret, time.clock, origin(server.url))


def download(of: Client, url: str, **arguments: Any) -> tuple[bytes, Any]:
    file = io.BytesIO()
    got = of.download(url, file, headers=arguments.pop("headers", {}), **arguments)
    return file.getvalue(), got


def test_a_page_is_read(server, time):
    server.on("/page", document({"results": [1]}))
    assert client(server, time).page(f"{server.url}/page") == {"results": [1]}
    assert time.slept == []


def test_a_compressed_page_is_read_and_measured_unpacked(server, time):
    packed = gzip.compress(b'["' + b"x" * 200_000_000 + b'"]', 1)
    server.on("/bomb", Reply(packed, headers={"Content-Encoding": "gzip"}))
    server.on("/packed", Reply(gzip.compress(BODY), headers={"Content-Encoding": "gzip"}))
    assert client(server, time).page(f"{server.url}/packed") == json.loads(BODY)
    with pytest.raises(FeedError, match="larger"):
        client(server, time).page(f"{server.url}/bomb")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_fault_is_tried_again_with_longer_and_longer_pauses(server, time, status):
    server.on("/flaky", Reply(status=status), Reply(status=status), Reply(status=status), document([]))
    assert client(server, time).page(f"{server.url}/flaky") == []
    assert [pause for pause in time.slept if pause > 0.1] == [1.0, 2.0, 4.0]  # half of 2, 4, 8


def test_a_lasting_fault_is_given_up(server, time):
    server.on("/down", Reply(status=503))
    with pytest.raises(FeedError, match="HTTP 503, 6 times in a row") as caught:
        client(server, time).page(f"{server.url}/down")
    assert caught.value.stops and caught.value.status == 503
    assert len(server.asked) == TRIES


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(server, time, form):
    value = "17" if form == "seconds" else time.http_date(17)
    server.on("/busy", Reply(status=429, headers={"Retry-After": value}), document([]))
    assert client(server, time).page(f"{server.url}/busy") == []
    assert 17 in time.slept


def test_a_long_retry_after_is_left_to_a_later_pull(server, time):
    server.on("/busy", Reply(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(FeedError, match="3600 s") as caught:
        client(server, time).page(f"{server.url}/busy")
    assert caught.value.retry_after == 3600 and caught.value.stops
    assert time.slept == []


@pytest.mark.parametrize(("value", "seconds"), [(None, None), ("soon", None), ("-3", None), ("0", 0), ("9" * 400, 1e9)])
def test_retry_after_that_is_none(value, seconds):
    assert retry_after(value, FakeTime().moment) == seconds


@given(st.text(max_size=30) | st.integers().map(str) | st.floats().map(str))
def test_whatever_a_server_writes_there_is_a_pause_or_none(value):
    seconds = retry_after(value, FakeTime().moment)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(("status", "stops"), [(401, True), (403, True), (404, False), (410, False), (400, False)])
def test_a_refusal_is_not_tried_again(server, time, status, stops):
    server.on("/no", Reply(b"secret words", status=status))
    with pytest.raises(FeedError, match=f"HTTP {status}") as caught:
        client(server, time).page(f"{server.url}/no?token=abc")
    assert caught.value.stops is stops
    assert "abc" not in caught.value.message + caught.value.hint
    assert "secret words" not in caught.value.message + caught.value.hint
    assert len(server.asked) == 1


def test_nobody_listens(server, time):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        lonely = Client(FEED, None, time.clock, origin(nobody))
        with pytest.raises(FeedError, match="no whole answer"):
            lonely.page(f"{nobody}/page")
    assert lonely.n_requests == TRIES


@pytest.mark.parametrize(
    "broken",
    [
        Reply(BODY, cut_at=1000),
        Reply(BODY, cut_at=1000, chunked=True),
        Reply(BODY, length=len(BODY) + 10),
        Reply(BODY[:-1], headers={"Content-Type": "application/json"}),
        Reply(gzip.compress(BODY)[:-200], headers={"Content-Encoding": "gzip"}),
        Reply(b"\x1f\x8b\x08 this is no gzip", headers={"Content-Encoding": "gzip"}),
    ],
    ids=["cut", "cut in a chunk", "longer than it says", "no whole document", "cut gzip", "broken gzip"],
)
def test_a_page_that_is_not_whole_is_asked_for_again(server, time, broken):
    server.on("/torn", broken, Reply(BODY))
    assert client(server, time).page(f"{server.url}/torn") == json.loads(BODY)
    assert len(server.asked) == 2


def test_a_download_goes_on_where_it_was_cut(server, time):
    good = static(BODY)
    server.on("/file", cut(good, 9000), cut(good, 5000), good)
    body, got = download(client(server, time), f"{server.url}/file")
    assert body == BODY
    assert (got.etag, got.status) == ('"v1"', 206)
    assert [asked.headers.get("range") for asked in server.asked] == [None, "bytes=9000-", "bytes=14000-"]
    assert server.asked[1].headers["if-range"] == '"v1"'


def test_a_download_whose_file_changed_meanwhile_starts_anew(server, time):
    server.on("/file", cut(static(BODY), 9000), static(BODY[::-1], '"v2"'))
    body, got = download(client(server, time), f"{server.url}/file")
    assert (body, got.etag) == (BODY[::-1], '"v2"')


@pytest.mark.parametrize("etag", ['W/"weak"', None])
def test_a_download_without_a_strong_etag_starts_anew(server, time, etag):
    headers = {"ETag": etag} if etag else {}
    server.on("/file", Reply(BODY, headers=headers, cut_at=9000), Reply(BODY, headers=headers))
    assert download(client(server, time), f"{server.url}/file")[0] == BODY
    assert "range" not in server.asked[1].headers


def test_a_wrong_range_is_not_taken(server, time):
    wrong = Reply(BODY[5:], 206, {"Content-Range": f"bytes 5-{len(BODY) - 1}/{len(BODY)}", "ETag": '"v1"'})
    server.on("/file", cut(static(BODY), 9000), wrong, static(BODY))
    assert download(client(server, time), f"{server.url}/file")[0] == BODY


def test_a_range_beyond_the_end_starts_anew(server, time):
    server.on("/file", cut(static(BODY), 9000), Reply(status=416), static(BODY))
    assert download(client(server, time), f"{server.url}/file")[0] == BODY


def test_progress_does_not_use_up_the_tries(server, time):
    good = static(BODY)
    server.on("/file", *(cut(good, 1000) for _ in range(3 * TRIES)), good)
    assert download(client(server, time), f"{server.url}/file")[0] == BODY


def test_a_file_that_did_not_change_is_not_sent(server, time):
    server.on("/file", static(BODY))
    body, got = download(client(server, time), f"{server.url}/file", headers={"If-None-Match": '"v1"'})
    assert (body, got.status) == (b"", 304)


def test_a_file_that_is_too_large_is_refused_by_what_it_says_and_by_what_it_is(server, time):
    server.on("/said", Reply(BODY))
    server.on("/unsaid", Reply(BODY, chunked=True))
    for path, n_bytes in (("/said", 0), ("/unsaid", 1)):
        small = client(server, time, max_bytes=10_000)
        with pytest.raises(FeedError, match="10,000 bytes"):
            download(small, f"{server.url}{path}")
        assert (small.n_bytes > 0) is bool(n_bytes)


def test_requests_keep_the_pace_of_the_contract(server, time):
    server.on("/page", document([]))
    slow = client(server, time, requests_per_minute=10)
    for _ in range(3):
        slow.page(f"{server.url}/page")
    assert time.slept == [6.0, 6.0]


def test_an_answer_that_never_ends_is_given_up(server, time):
    server.on("/slow", Reply(BODY * 20))
    with pytest.raises(FeedError, match="hours"):
        download(client(server, time), f"{server.url}/slow", on_block=lambda have, validator: time.pass_by(minutes=100))


def test_a_server_that_says_nothing_times_out(time):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        deaf = Client(replace(FEED, timeout_seconds=0.05), None, time.clock, origin(url))
        with pytest.raises(FeedError, match="ReadTimeoutError"):
            deaf.page(f"{url}/page")
    assert deaf.n_requests == TRIES


# ------------------------------------------------------------------------------------------------ where a feed may go


def test_redirects_on_the_same_host_are_followed(server, time):
    server.on("/old", Reply(status=301, headers={"Location": "/new?x=1"}))
    server.on("/new", document(["here"]))
    assert client(server, time).page(f"{server.url}/old") == ["here"]


def test_a_loop_of_redirects_ends(server, time):
    server.on("/a", Reply(status=302, headers={"Location": "/b"}))
    server.on("/b", Reply(status=302, headers={"Location": "/a"}))
    with pytest.raises(FeedError, match="redirects"):
        client(server, time).page(f"{server.url}/a")
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("http://169.254.169.254/latest/meta-data/", "another host"),
        ("https://elsewhere.example/data", "another host"),
        ("http://127.0.0.1:1/", "another host"),
        ("http://user:word@127.0.0.1/", "cannot be used"),
        ("file:///etc/passwd", "cannot be used"),
        ("gopher://127.0.0.1/", "cannot be used"),
        ("http://[::1", "cannot be used"),
        ("//evil.example/x", "another host"),
    ],
)
def test_a_redirect_elsewhere_is_refused(server, time, target, message):
    server.on("/lure", Reply(status=302, headers={"Location": target}))
    with pytest.raises(FeedError, match=message):
        client(server, time).page(f"{server.url}/lure")
    assert len(server.asked) == 1


def test_a_host_that_the_contract_allows_gets_no_credentials_and_must_be_public(server, time):
    with serving() as other:
        other.on("/file", document(["moved"]))
        port = other.server.server_port
        server.on("/lure", Reply(status=302, headers={"Location": f"http://localhost:{port}/file"}))
        secret = FeedSecret(password="word")
        feed = {"hosts": ("localhost",), "auth": Auth("key", "token")}
        with pytest.raises(FeedError, match="without TLS"):
            client(server, time, secret, **feed).page(f"{server.url}/lure")
        tls = Reply(status=302, headers={"Location": f"https://localhost:{port}/file"})
        server.on("/lure", tls)
        with pytest.raises(FeedError, match="private network"):
            client(server, time, secret, **feed).page(f"{server.url}/lure")
        assert other.asked == []
        # Allowed to go there, it meets a server without a certificate.
        with pytest.raises(FeedError, match="certificate"):
            client(server, time, secret, **feed, allow_private=True).page(f"{server.url}/lure")
        assert other.asked == []


def test_another_host_is_told_no_secret(server, time):
    server.on("/page", document([]))
    away = client(server, time, FeedSecret(password="word"), hosts=("127.0.0.1",), auth=Auth("key"))
    away.home = ("api.partner.example", 443)
    away.page(f"{server.url}/page")
    assert "authorization" not in server.asked[0].headers


def test_an_address_of_a_contract_must_be_public(time):
    with serving() as server:
        server.on("/data", document([]))
        of_contract = f"https://localhost:{server.server.server_port}/data"
        with pytest.raises(FeedError, match="private network"):
            Client(FEED, None, time.clock).page(of_contract)
        assert server.asked == []


def test_the_peer_of_a_connection_is_looked_at_too(server, time, monkeypatch):
    """A name that is public when it is looked up, and ours when it is connected to."""
    monkeypatch.setattr("footprints.feeds.web.resolve", lambda host, port: ["93.184.216.34"])
    with pytest.raises(FeedError, match="private network"):
        Client(FEED, None, time.clock).page(f"https://localhost:{server.server.server_port}/data")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1",
        "ff02::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "::ffff:8.8.8.8"])
def test_addresses_that_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (Auth("key"), "authorization", "Bearer word"),
        (Auth("key", "token"), "authorization", "Token word"),
        (Auth("key", "basic"), "authorization", "Basic bWU6d29yZA=="),
        (Auth("key", "header", "Ocp-Apim-Subscription-Key"), "ocp-apim-subscription-key", "word"),
    ],
)
def test_credentials_go_in_the_header_that_the_contract_names(server, time, auth, header, value):
    server.on("/page", document([]))
    client(server, time, FeedSecret(login="me", password="word"), auth=auth).page(f"{server.url}/page")
    assert server.asked[0].headers[header] == value


# ---------------------------------------------------------------------------------------------------- what is delivered


@pytest.mark.parametrize(
    ("content_type", "head", "form"),
    [
        ("text/html; charset=utf-8", b"Please sign in", "csv"),
        ("application/json", b"\n<!DOCTYPE html><html>", "json"),
        ("text/csv", b"\xef\xbb\xbf<HTML>", "csv"),
        ("application/json", b"Internal error", "json"),
        ("application/octet-stream", b"{}", "xlsx"),
        ("application/zip", b"<?xml", "zip"),
        ("text/csv", b'{"error": 1}', "csv"),
        ("text/csv", b"<?xml version='1.0'?>", "csv"),
    ],
)
def test_a_page_for_people_is_no_delivery(content_type, head, form):
    with pytest.raises(FeedError, match=r"web page|is no"):
        refuse_page(content_type, head, form)


@pytest.mark.parametrize(
    ("head", "form"),
    [(b"\xef\xbb\xbf{}", "json"), (b" [", "json"), (b"a,b\n1,2\n", "csv"), (b"PK\x03\x04", "xlsx"), (b"PK", "zip")],
)
def test_what_the_contract_says_is_a_delivery(head, form):
    refuse_page("application/octet-stream", head, form)


def test_a_web_page_with_status_200_is_refused(server, time):
    server.on("/login", Reply(b"<html>Sign in</html>", headers={"Content-Type": "text/html"}))
    with pytest.raises(FeedError, match="web page"):
        client(server, time).page(f"{server.url}/login")


def test_no_secret_in_a_representation():
    assert "hushed" not in repr(FeedSecret(login="me", password="hushed"))
