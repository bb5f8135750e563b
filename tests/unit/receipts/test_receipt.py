"""A receipt as JSON and as a page: it validates, comes back equal, tells the verdict and lets nothing run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.receipts import receipt_samples as samples

from footprints.errors import FootprintsError
from footprints.model import (
    Closing,
    Counts,
    Delivery,
    ExpectationResult,
    Issue,
    Quality,
    Receipt,
    ReceiptFile,
    Reject,
    Rhythm,
)
from footprints.receipts import keys, parse, summary_line, write
from footprints.receipts.page import REJECTS_SHOWN

REPOSITORY = Path(__file__).resolve().parents[3]
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((REPOSITORY / "expectations" / "receipt.schema.json").read_text("utf-8"))
)
LANGUAGES = ("en", "fr", "ar")
KINDS = {**samples.KINDS, "hostile": samples.hostile}

texts = st.text(st.characters(exclude_categories=()), max_size=12)
counts = st.integers(0, 10**12)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
rules = st.sampled_from(
    ["type.date", "layout.unknown", "gate.rejects", "expectation.column_values_to_be_between"]
) | texts.filter(bool)
issues = st.builds(
    Issue,
    rule=rules,
    severity=st.sampled_from(["hold", "reject", "flag", "note"]),
    column=st.none() | texts,
    n_rows=counts,
    example_rows=st.lists(counts, max_size=3).map(tuple),
    parameters=st.dictionaries(
        st.sampled_from(["columns", "formats", "min_value", "max_value", "share", "limit", "expected", "found", "n"])
        | texts,
        json_values,
        max_size=4,
    ),
)
closings = st.lists(st.builds(Closing, counts, counts, counts), max_size=2).map(tuple)
rejects = st.builds(
    Reject,
    row_number=counts,
    rules=st.lists(rules, max_size=2).map(tuple),
    columns=st.lists(texts, max_size=2).map(tuple),
    sheet=texts,
    provider_values=st.none() | st.dictionaries(texts, texts, max_size=2),
    closed_by=st.none() | counts,
)
shares = st.floats(0, 1)
deliveries = st.builds(
    Delivery,
    delivery_id=counts,
    partner_id=texts,
    source_id=texts,
    bucket=texts,
    object_key=texts,
    object_version=texts,
    size_bytes=counts,
    enrolled_by=st.sampled_from(["webhook", "sqs", "sweep", "rebuild", "feed"]),
    state=st.sampled_from(["received", "duplicate", "loaded", "quarantined", "failed", "superseded", "withdrawn"]),
    received_at=moments,
    finished_at=st.none() | moments,
    sha256=st.none() | st.just("ab" * 32),
    archive_key=st.none() | texts,
    layout=st.none() | texts,
    as_of=st.none() | moments,
    engine=st.sampled_from([None, "gx", "masks"]),
    counts=st.builds(Counts, *[counts] * 10),
    duplicate_of=st.none() | counts,
    reason=st.none() | texts,
    receipt_key=st.none() | texts,
)
receipts = st.builds(
    Receipt,
    delivery=deliveries,
    language=st.sampled_from(LANGUAGES),
    title=texts,
    issues=st.lists(issues, max_size=3).map(tuple),
    rejects=st.lists(rejects, max_size=3).map(tuple),
    n_rejects=counts,
    expectation_results=st.lists(
        st.builds(
            ExpectationResult,
            suite=texts,
            expectation_type=texts,
            column=st.none() | texts,
            severity=st.sampled_from(["critical", "warning", "info"]),
            engine=st.sampled_from(["gx", "masks"]),
            n_checked=counts,
            n_failed=counts,
        ),
        max_size=2,
    ).map(tuple),
    files=st.lists(
        st.builds(ReceiptFile, st.sampled_from(["marked", "to_fix"]), texts.filter(bool), counts), max_size=2
    ).map(tuple),
    marking=st.sampled_from([None, "done", "too_large", "failed"]),
    rhythm=st.none()
    | st.builds(
        Rhythm,
        st.sampled_from(["P1M", "P1Y6M", "P2W", "P1D"]),
        st.sampled_from(["first", "early", "on_time", "late"]),
        st.none() | counts,
        st.none() | moments,
        counts,
    ),
    quality=st.none()
    | st.builds(Quality, st.sampled_from(["better", "same", "worse"]), counts, shares, shares, shares, shares),
    closes=closings,
    closed=closings,
    n_open=counts,
)


class Elements(HTMLParser):
    """Elements and attributes of a page, and the text a person sees."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def read(html: bytes) -> Elements:
    elements = Elements()
    elements.feed(html.decode("utf-8"))
    elements.close()
    assert elements.open == []
    return elements


@given(receipts)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_receipt_validates_and_comes_back_equal(receipt: Receipt) -> None:
    document, html = write(receipt, "data@example.org")
    SCHEMA.validate(json.loads(document))
    assert parse(document) == receipt
    assert write(parse(document), "data@example.org") == (document, html)
    read(html)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_samples_validate_and_come_back_equal(kind: str, language: Any) -> None:
    receipt = KINDS[kind](language)
    document, html = write(receipt)
    SCHEMA.validate(json.loads(document))
    assert parse(document) == receipt
    page = read(html)
    assert ("lang", language) in page.attributes
    assert ("dir", "rtl" if language == "ar" else "ltr") in page.attributes
    assert str(receipt.delivery.delivery_id) in page.text
    assert "…" not in page.text.replace("39…", "").replace("21…", "")  # no placeholder stayed empty
    assert not re.search("[٠-٩۰-۹]", page.text)


def test_a_document_that_is_no_receipt_is_refused_without_its_content() -> None:
    for document in (b"", b"[]", b'{"format": "secret"}', write(samples.clean())[0].replace(b'"counts"', b'"secret"')):
        with pytest.raises(FootprintsError) as error:
            parse(document)
        assert "secret" not in f"{error.value} {error.value.hint}"


def test_parameters_of_numpy_and_dates_become_json() -> None:
    issue = Issue(
        "total.jumped",
        "flag",
        "n",
        parameters={"before": np.int64(3), "after": float("nan"), "d": date(2024, 1, 2), "s": {2, 1}, "t": (1,)},
    )
    document = json.loads(write(replace(samples.clean(), issues=(issue,)))[0])
    assert document["issues"][0]["parameters"] == {
        "before": 3,
        "after": "nan",
        "d": "2024-01-02",
        "s": [1, 2],
        "t": [1],
    }


def test_values_stand_in_the_document_only_where_the_receipt_has_them() -> None:
    assert all("values" in reject for reject in json.loads(write(samples.problems())[0])["rejects"])
    assert not any("values" in reject for reject in json.loads(write(samples.held())[0])["rejects"])


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (Counts(100, 96, 0, 3, 1), "Loaded: 96 of 100 rows; 3 rejected, 1 repeated"),
        (Counts(8810, 8810), "Loaded: all 8,810 rows"),
        (Counts(1, 1), "Loaded: the only row"),
        (Counts(100, 0, 100), "Loaded: nothing new; we already had all 100 rows"),
        (Counts(100, 4, 96), "Loaded: 4 of 100 rows; 96 unchanged"),
        (Counts(1, 0, 0, 1), "Loaded: 0 of 1 row; 1 rejected"),
        (Counts(), "Loaded: 0 of 0 rows"),
    ],
)
def test_the_verdict_of_a_loaded_delivery_is_told_by_its_counts(counts: Counts, expected: str) -> None:
    receipt = samples.clean("ar")
    assert summary_line(replace(receipt, delivery=replace(receipt.delivery, counts=counts))) == expected


def test_the_verdict_in_other_languages() -> None:
    assert (
        summary_line(samples.problems(), "fr")
        == "Chargé\u00a0: 96 sur un total de 100 lignes\u00a0; 3 rejetées, 1 répétée"
    )
    assert summary_line(samples.problems(), "ar") == "تم التحميل: 96 من أصل 100 من الصفوف؛ المرفوضة: 3، المكررة: 1"


def test_the_verdict_of_a_held_delivery_names_the_cause() -> None:
    assert summary_line(samples.held()) == "Held: nothing of this file was loaded (Too many rows with errors)"
    assert summary_line(replace(samples.held(), issues=())).endswith("(Too many rows with errors)")
    assert summary_line(samples.duplicate()) == "This file was received before"


def test_a_page_says_where_and_what_to_do() -> None:
    text = read(write(samples.problems())[1]).text
    for said in ("Reported Date", "14, 57", "October 27, 2024", "31 Febuary 2024", "data team", "Rejected rows"):
        assert said in text
    assert "Unknown layout" not in text
    text = read(write(samples.unknown_layout())[1]).text
    for said in ("Fecha", "web-2024 (Main ID, Incident ID)", "tell us and we will add it"):
        assert said in text


def test_a_page_lists_the_first_thousand_rejects_and_counts_the_rest() -> None:
    receipt = samples.held()
    page = read(write(receipt)[1])
    assert page.tags.count("tr") == REJECTS_SHOWN + 1
    assert "Shown here: 1,000. Not shown: 300." in page.text
    assert "To protect" not in page.text
    assert "not shown, to protect the people" in page.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_a_partner_names_runs(language: Any) -> None:
    html = write(samples.hostile(language), samples.HOSTILE)[1]
    page = read(html)
    assert not {"script", "img", "iframe", "object", "svg", "form", "base"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "style", "action")]
    links = [value for name, value in page.attributes if name == "href"]
    # A file beside the receipt is linked as such, whatever its name: it is no address of its own.
    assert all(value == "data:," or re.fullmatch(r"#issue-\d+|\./[\w.%~/-]+", value or "") for value in links)
    assert "./javascript%3Aalert%283%29.csv" in links
    assert "<script>alert(1)</script>" in page.text  # it is told as text
    assert "\u202e" not in page.text and "\u2069" not in page.text
    assert "49" not in page.text.replace("2049", "")  # nor evaluated as a template


def test_a_page_tells_rhythm_quality_copies_and_fixed_rows() -> None:
    text = " ".join(read(write(samples.answered())[1]).text.split())
    for said in (
        "Late by 12 days. Due by delivery 1190 and the agreed rhythm (1 month): 2024-03-29.",
        "Worse than usual. Rejected: 3% of rows, usually 0.4%. To be checked: 35%, usually 36.2%.",
        "This delivery closes 12 rows of delivery 1190; remaining open: 3.",
        "This delivery closes 1 row of delivery 1101; remaining open: 0.",
        "1 of 3 rows fixed by delivery 1301. Remaining open: 2.",
        "✓ fixed by delivery 1301",
        "Incidents 2024-03 (final).to-fix.csvOnly the rows to fix.",
        "send that file alone",
    ):
        assert said in text, said
    every = replace(samples.answered(), n_open=0)
    assert "Later deliveries put all rejected rows right" in read(write(every)[1]).text


def test_a_receipt_of_an_older_version_is_still_read() -> None:
    document = json.loads(write(samples.problems())[0])
    for name in ("files", "marking", "rhythm", "quality", "closes", "closed", "n_open"):
        del document[name]
    for reject in document["rejects"]:
        del reject["closed_by"]
    assert parse(json.dumps(document)) == samples.problems()


def test_a_page_needs_nothing_from_outside() -> None:
    html = write(samples.problems())[1].decode()
    assert not re.findall(r"https?://|url\(|@import", html)
    assert "default-src 'none'" in html and "unsafe-inline" not in html


def test_only_an_address_becomes_a_link() -> None:
    assert 'href="mailto:data@example.org"' in write(samples.clean(), "data@example.org")[1].decode()
    assert "mailto" not in write(samples.clean(), "javascript:alert(1)@example.org")[1].decode()


def test_keys_stand_under_the_partner_s_prefix() -> None:
    folder = "receipts/example-partner/example-incidents/1287"
    assert keys(samples.DELIVERY) == (f"{folder}/receipt.json", f"{folder}/receipt.html")
    assert keys(replace(samples.DELIVERY, partner_id="..", source_id="a/b"))[0] == "receipts/_/a_b/1287/receipt.json"


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_colours_have_the_contrast_that_wcag_asks_for() -> None:
    css = (REPOSITORY / "plugins" / "footprints" / "receipts" / "page.css").read_text("utf-8")
    themes = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    ]
    assert len(themes) == 3  # light, dark, print
    pairs = [(ink, paper) for ink in ("ink", "soft", "link", "good", "warn", "bad") for paper in ("page", "paper")]
    pairs += [(name, f"{name}-paper") for name in ("good", "warn", "bad", "calm")]
    pairs += [("ink", f"{name}-paper") for name in ("good", "warn", "bad", "calm")]
    for theme in themes:
        assert not [(a, b) for a, b in pairs if _contrast(theme[a], theme[b]) < 4.5]
