"""The webhook of the api-server, with a real ledger and store behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest
from fastapi.testclient import TestClient

import footprints_plugin
from footprints import ledger
from footprints.settings import Settings, settings
from footprints.storage import Store
from footprints.sweep import sweep
from footprints.warehouse.engine import engine
from footprints.warehouse.migrate import libpq_url

pytestmark = pytest.mark.integration

KEY = "landing/iom/flows/round 5 + été.csv"
TOKEN = {"Authorization": "Bearer token-of-the-tests"}


@pytest.fixture
def webhook(platform: Settings) -> Iterator[TestClient]:
    with psycopg.connect(libpq_url(platform.need("warehouse_owner_url")), autocommit=True) as connection:
        connection.execute("TRUNCATE meta.delivery CASCADE")
    footprints_plugin._store.cache_clear()
    Store(platform).put_bytes(platform.landing_bucket, KEY, b"a\n1\n", "text/csv")
    yield TestClient(footprints_plugin.app)
    footprints_plugin._store.cache_clear()


def filer_event(bucket: str, key: str = KEY) -> str:
    folder, _, name = f"/buckets/{bucket}/{key}".rpartition("/")
    message = {"new_entry": {"name": name, "attributes": {}}, "new_parent_path": folder}
    return json.dumps({"event_type": "create", "key": f"{folder}/{name}", "message": message})


def enrolled(platform: Settings) -> list[tuple[str, str]]:
    with engine(platform.need("warehouse_url")).connect() as connection:
        return [(item.object_key, item.enrolled_by) for item in ledger.list_deliveries(connection)]


def test_event_is_in_the_ledger_when_it_is_answered(webhook, platform):
    answer = webhook.post("/events", content=filer_event(platform.landing_bucket), headers=TOKEN)
    assert (answer.status_code, answer.json()) == (200, {"n_enrolled": 1})
    assert enrolled(platform) == [(KEY, "webhook")]


def test_event_that_comes_again_enrols_nothing(webhook, platform):
    body = filer_event(platform.landing_bucket)
    counts = [webhook.post("/events", content=body, headers=TOKEN).json()["n_enrolled"] for _ in range(3)]
    assert counts == [1, 0, 0]


def test_sweep_finds_what_the_event_found(webhook, platform):
    """Event and listing must name one version alike, or each delivery would be enrolled twice."""
    webhook.post("/events", content=filer_event(platform.landing_bucket), headers=TOKEN)
    swept = sweep(platform)
    assert (swept.n_enrolled, swept.n_pending) == (0, 1)
    Store(platform).put_bytes(platform.landing_bucket, "landing/iom/flows/missed.csv", b"a\n1\n", "text/csv")
    Store(platform).put_bytes(platform.landing_bucket, "receipts/iom/flows/1/receipt.json", b"{}", "text/json")
    again = sweep(platform)
    assert (again.n_listed, again.n_enrolled, again.n_pending) == (swept.n_listed + 1, 1, 2)
    assert sweep(platform).n_enrolled == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic eA=="},
    ],
)
def test_caller_without_the_token_is_refused(webhook, platform, headers):
    answer = webhook.post("/events", content=filer_event(platform.landing_bucket), headers=headers)
    assert answer.status_code == 401
    assert enrolled(platform) == []


@pytest.mark.parametrize("sent", ["Bearer ", "Bearer token-of-the-tests"])
def test_without_a_token_of_ours_all_are_refused(webhook, platform, monkeypatch, sent):
    for unset in (None, ""):
        if unset is None:
            monkeypatch.delenv("FOOTPRINTS_WEBHOOK_TOKEN", raising=False)
        else:
            monkeypatch.setenv("FOOTPRINTS_WEBHOOK_TOKEN", unset)
        settings.cache_clear()
        answer = webhook.post("/events", content=filer_event(platform.landing_bucket), headers={"Authorization": sent})
        assert answer.status_code == 401
    settings.cache_clear()


def test_body_above_the_limit_is_refused(webhook):
    body = b"x" * (footprints_plugin.MAX_BODY_BYTES + 1)
    assert webhook.post("/events", content=body, headers=TOKEN).status_code == 413


def test_unknown_body_is_refused(webhook):
    assert webhook.post("/events", content=b"hello", headers=TOKEN).status_code == 400


def test_failing_ledger_is_a_5xx_and_nothing_is_kept(webhook, platform, monkeypatch):
    real = ledger.enrol

    def enrol(connection, landed, by):
        real(connection, landed, by)
        raise psycopg.OperationalError("terminating connection")

    monkeypatch.setattr(ledger, "enrol", enrol)
    answer = webhook.post("/events", content=filer_event(platform.landing_bucket), headers=TOKEN)
    assert answer.status_code == 503
    assert enrolled(platform) == []


def test_health_needs_no_token(webhook):
    assert webhook.get("/health").json() == {"status": "ok"}
