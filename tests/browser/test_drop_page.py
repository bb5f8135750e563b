"""The drop page in a real browser: a bad file is told, a good one sent to the store by the page and answered."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from tests.chromium import needs_chromium

import footprints_plugin
from footprints import invites, ledger, pipeline
from footprints.drop_page import routes
from footprints.settings import Settings
from footprints.stack import ports
from footprints.stack.ports import LOOPBACK
from footprints.stack.seaweedfs import allow_uploads_from
from footprints.storage import Store
from footprints.sweep import sweep
from footprints.warehouse import reference
from footprints.warehouse.engine import engine

pytestmark = [
    pytest.mark.browser,
    pytest.mark.integration,
    needs_chromium,
]
SHOTS = os.environ.get("FOOTPRINTS_SHOTS")
HEADER = "incident_id,incident_date,country,dead,missing"
GOOD = f"{HEADER}\nA1,2016-05-01,Mali,1,0\nA2,2016-05-02,Niger,0,2\n"
BAD = f"{HEADER}\nB1,2016-05-01,Mali,1,0\nB2,31/31/2016,Niger,0,2\nB3,2016-05-03,Atlantis,x,2\n"
WORDS = {
    "en": ("Held: nothing", "Send this file", "Loaded."),
    "fr": ("Retenu", "Envoyer ce fichier", "Chargé."),
    "ar": ("لم", "أرسل هذا الملف", "تم التحميل."),
}
DROP_JS = """
([name, text]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([text], name, { type: "text/csv" }));
  const zone = document.getElementById("zone");
  for (const kind of ["dragenter", "dragover", "drop"])
    zone.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
}
"""


@pytest.fixture(scope="module")
def address(platform: Settings) -> Iterator[str]:
    """The page's address on a server of its own, with a store that lets its origin in."""
    reference.sync(engine(platform.need("warehouse_url")), platform.expectations_dir)
    routes._examiner.cache_clear()
    server = FastAPI()
    server.mount("/footprints", footprints_plugin.app)
    port = ports.choose()
    running = uvicorn.Server(uvicorn.Config(server, LOOPBACK, port, log_level="warning"))
    thread = threading.Thread(target=running.run)
    thread.start()
    url = f"http://{LOOPBACK}:{port}/footprints/drop"
    allow_uploads_from(Store(platform).client, platform.landing_bucket, url)
    yield url
    running.should_exit = True
    thread.join()
    routes._examiner().stop()
    routes._examiner.cache_clear()
    for key in list(Store(platform).list_keys(platform.landing_bucket, "")):
        Store(platform).client.delete_object(Bucket=platform.landing_bucket, Key=key)


@pytest.fixture
def link(platform: Settings, address: str) -> str:
    with engine(platform.need("warehouse_url")).begin() as connection:
        return f"{address}#{invites.invite(connection, 'mhub', platform.expectations_dir)[1]}"


def shot(page: Any, name: str) -> None:
    """A picture, where somebody wants to look."""
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("fr", 390), ("ar", 390), ("ar", 1280)])
def test_a_partner_mends_and_sends_a_file(
    browser: Any, platform: Settings, address: str, link: str, tmp_path: Path, language: str, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, locale=language)
    page.set_default_timeout(60_000)
    noise: list[str] = []
    requests: list[str] = []
    page.on("console", lambda entry: noise.append(entry.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    held, send, loaded = WORDS[language]

    # The link's code signs in, and is gone from the address bar; it never was in a request's address.
    page.goto(link)
    page.wait_for_selector("#file")
    assert "#" not in page.url
    page.goto(f"{address}?lang={language}")
    assert page.evaluate("document.documentElement.lang") == language
    assert page.evaluate("getComputedStyle(document.body).direction") == ("rtl" if language == "ar" else "ltr")
    shot(page, f"drop-{language}-{width}-empty")

    # A bad file, chosen by the keyboard's way: what is wrong, in which rows.
    bad = tmp_path / "mai.csv"
    bad.write_text(BAD)
    page.check("input[value=mhub-incidents]")
    page.set_input_files("#file", str(bad))
    page.wait_for_selector("#answer .verdict.quarantined")
    assert held in page.inner_text("#answer")
    details = page.inner_text("#details")
    assert "incident_date" in details and "country" in details
    assert page.locator("#details table tbody tr").count() == 2
    assert page.locator("#status").get_attribute("aria-live") == "polite"
    assert "mai.csv" in page.inner_text("#status")
    assert page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shot(page, f"drop-{language}-{width}-bad")

    # A good one, dragged in and sent.
    name = f"juin-{language}-{width}.csv"
    text = GOOD.replace("A1", f"A1-{language}-{width}").replace("A2", f"A2-{language}-{width}")
    page.evaluate(DROP_JS, [name, text])
    page.wait_for_selector("#answer .verdict.loaded")
    assert page.inner_text("#send") == send
    page.click("#send")
    page.wait_for_selector("#send:disabled")
    page.wait_for_selector("#progress", state="hidden")
    page.wait_for_selector("#outcome p:not(.alert)")
    keys = [key for key in Store(platform).list_keys(platform.landing_bucket, "landing/") if key.endswith(name)]
    assert len(keys) == 1
    assert keys[0].startswith("landing/mhub/mhub-incidents/")
    assert Store(platform).get_bytes(platform.landing_bucket, keys[0]).decode() == text

    # The platform does its work; the page hears of it.
    sweep(platform)
    with engine(platform.need("warehouse_url")).connect() as connection:
        (delivery,) = [one for one in ledger.list_deliveries(connection) if one.object_key == keys[0]]
    assert pipeline.process(delivery.delivery_id, platform).state == "loaded"
    page.wait_for_selector("#outcome a")
    assert loaded in page.inner_text("#outcome")
    assert name in page.inner_text("#deliveries")
    shot(page, f"drop-{language}-{width}-sent")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("#outcome a")
    page.wait_for_selector("main .verdict.loaded")
    assert name in page.inner_text("body")

    assert noise == []
    store = platform.s3_endpoint or ""
    elsewhere = [url for url in requests if not url.startswith((address, store, "data:"))]
    assert elsewhere == []
    token = link.partition("#")[2]
    assert not [url for url in requests if token in url.partition("#")[0]]
    page.close()


def test_a_wrong_link_is_told_and_the_keyboard_reaches_everything(browser: Any, address: str, link: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}#wrong")
    page.wait_for_selector("[role=alert]")
    page.close()
    page = browser.new_page()
    page.goto(link)
    page.wait_for_selector("#file")
    reached = []
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", reached
        if reached[-1] == "file":
            break
    assert reached[-1] == "file"
    page.close()
