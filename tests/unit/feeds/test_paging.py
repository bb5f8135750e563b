"""Pages: every style to its end, and the ways in which servers get lost."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprints.feeds.failure import FeedError
from footprints.feeds.paging import Cursor, first, pages, records, with_parameters
from footprints.feeds.plan import Feed, Paging

URL = "https://partner.example/data.json"
KOBO = Feed("http", "P1D", URL, records="results", paging=Paging("next", 3, total_key="count", size_parameter="limit"))
OFFSET = replace(KOBO, paging=Paging("offset", 3, total_key="count"))
PAGE = replace(KOBO, paging=Paging("page", 3, start_parameter="page", last_key="maxPages"))
STYLES = {"next": KOBO, "offset": OFFSET, "page": PAGE}


def server(rows: list[Any], at_most: int = 1000, *, says_total: bool = True) -> Any:
    """An API that understands all three styles."""

    def get(url: str) -> Any:
        query = {key: int(values[0]) for key, values in parse_qs(urlsplit(url).query).items()}
        size = min(query["limit"], at_most)
        start = (query["page"] - 1) * size if "page" in query else query.get("start", 0)
        following = start + size
        link = with_parameters(url, {"start": str(following)}) if following < len(rows) else None
        total = {"count": len(rows), "maxPages": -(-len(rows) // size)} if says_total else {}
        return {"next": link, "results": rows[start:following]} | total

    return get


def collect(feed: Feed, get: Any, cursor: Cursor | None = None) -> list[Any]:
    found = []
    for body in pages(feed, cursor or first(feed, feed.url), get):
        found += json.loads(b"[" + body + b"]")
    return found


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("says_total", [True, False])
@given(n_rows=st.integers(0, 20), size=st.integers(1, 7), at_most=st.integers(1, 7))
def test_every_record_comes_once_and_in_order(style, says_total, n_rows, size, at_most):
    """Also where the server makes pages smaller than it was asked to, and where it does not say how many there are."""
    rows = [{"row": number, "été": "naïve \u2028"} for number in range(n_rows)]
    feed = STYLES[style]
    assert feed.paging is not None
    feed = replace(feed, paging=replace(feed.paging, size=size))
    assert collect(feed, server(rows, at_most, says_total=says_total)) == rows


@pytest.mark.parametrize("style", STYLES)
@given(n_rows=st.integers(4, 20), stop_after=st.integers(1, 3))
def test_a_cursor_that_was_kept_goes_on_with_the_next_page(style, n_rows, stop_after):
    rows = [{"row": number} for number in range(n_rows)]
    feed, asked = STYLES[style], []

    def get(url: str) -> Any:
        asked.append(url)
        return server(rows)(url)

    cursor, found = first(feed, feed.url), []
    for body in pages(feed, cursor, get):
        found += json.loads(b"[" + body + b"]")
        if cursor.n_pages == stop_after:
            break
    kept = Cursor(**json.loads(json.dumps(cursor.as_json())))
    found += collect(feed, get, kept)
    assert found == rows
    assert len(asked) == len(set(asked))


def test_a_next_page_that_was_there_before_ends_the_pull():
    a, b = with_parameters(URL, {"start": "0"}), with_parameters(URL, {"start": "3"})
    answers = {"0": {"results": [1], "next": b}, "3": {"results": [2], "next": a}}
    with pytest.raises(FeedError, match="circles"):
        collect(
            replace(KOBO, paging=Paging("next")),
            lambda url: answers[parse_qs(urlsplit(url).query).get("start", ["0"])[0]],
        )


@pytest.mark.parametrize("style", ["offset", "page"])
def test_a_server_that_ignores_the_page_that_is_asked_for_is_found_out(style):
    with pytest.raises(FeedError, match="circles"):
        collect(STYLES[style], lambda url: {"results": [{"row": 1}]})


def test_a_page_that_names_itself_as_the_next_ends_the_pull():
    with pytest.raises(FeedError, match="circles"):
        collect(KOBO, lambda url: {"results": [], "next": url})


def test_pages_without_end_and_without_records_end(monkeypatch):
    monkeypatch.setattr("footprints.feeds.paging.MAX_PAGES", 50)
    numbers = iter(range(1000))
    with pytest.raises(FeedError, match="more than 50 pages"):
        collect(KOBO, lambda url: {"results": [], "next": f"{URL}?n={next(numbers)}"})


def test_records_that_are_missing_at_the_end_are_noticed():
    rows = [{"row": number} for number in range(7)]

    def get(url: str) -> Any:
        page = server(rows)(url)
        return page | {"results": page["results"][:1]} if page["next"] is None else page | {"count": 9}

    with pytest.raises(FeedError, match="7 records of 9"):
        collect(KOBO, lambda url: get(url) | {"count": 9})


def test_the_next_page_stays_under_tls():
    asked = []

    def get(url: str) -> Any:
        asked.append(url)
        return {"results": [len(asked)], "next": f"http://partner.example{'/2' if len(asked) == 1 else '/3'}"} | (
            {"next": None} if len(asked) == 3 else {}
        )

    collect(replace(KOBO, paging=Paging("next")), get)
    assert asked == [URL, "https://partner.example/2", "https://partner.example/3"]


@pytest.mark.parametrize("link", [5, ["x"], {"href": "x"}, "http://[::1", "file:///etc/passwd"])
def test_a_next_page_that_is_no_address(link):
    with pytest.raises(FeedError, match=r"no text|cannot be used"):
        collect(KOBO, lambda url: {"results": [1], "next": link})


@pytest.mark.parametrize("document", [None, [], "text", {}, {"results": None}, {"results": {"a": 1}}, {"error": "x"}])
def test_an_answer_without_records(document):
    with pytest.raises(FeedError, match="no list of records under 'results'"):
        collect(KOBO, lambda url: document)


def test_an_answer_that_says_that_it_is_an_error():
    feed = replace(KOBO, success={"isSuccess": True})
    assert records(feed, {"isSuccess": True, "results": [1]}) == [1]
    for document in ({"isSuccess": False, "results": []}, {"results": []}, []):
        with pytest.raises(FeedError, match="isSuccess is not true"):
            records(feed, document)


def test_parameters_replace_those_of_the_same_name():
    assert with_parameters(f"{URL}?a=1&start=0&b=", {"start": "9"}) == f"{URL}?a=1&b=&start=9"
