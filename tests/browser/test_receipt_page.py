"""The receipt page in a real browser: it asks for nothing, logs nothing, runs nothing, and fits a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.chromium import needs_chromium
from tests.unit.receipts import receipt_samples as samples

from footprints.receipts import messages, write

pytestmark = [
    pytest.mark.browser,
    needs_chromium,
]


@pytest.mark.parametrize("kind", ["problems", "answered", "unknown-layout", "hostile"])
@pytest.mark.parametrize("language", ["en", "fr", "ar"])
def test_a_page_opens_by_itself(browser: Any, tmp_path: Path, kind: str, language: Any) -> None:
    receipt = {**samples.KINDS, "hostile": samples.hostile}[kind](language)
    file = tmp_path / "receipt.html"
    file.write_bytes(write(receipt, "data@example.org")[1])
    page = browser.new_page(viewport={"width": 360, "height": 740})
    requests: list[str] = []
    noise: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda entry: noise.append(entry.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("dialog", lambda dialog: (noise.append(dialog.message), dialog.dismiss()))
    page.goto(file.as_uri())

    assert [url for url in requests if url != file.as_uri() and not url.startswith("data:")] == []
    assert noise == []
    assert page.evaluate("document.documentElement.lang") == language
    assert page.evaluate("getComputedStyle(document.body).direction") == ("rtl" if language == "ar" else "ltr")
    # The style sheet was let in by the page's own policy, and nothing sticks out of a phone's screen.
    assert page.evaluate("getComputedStyle(document.querySelector('.verdict')).borderInlineStartWidth") == "8px"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    text = page.inner_text("body")
    assert messages.visible(receipt.delivery.object_key.split("/", 3)[-1]) in text
    assert "1287" in page.inner_text("footer")
    assert page.locator("h1").count() == 1
    if kind in ("problems", "answered"):
        page.click("table a >> nth=0")
        assert page.evaluate("document.querySelector(':target h3') !== null")
    page.close()
