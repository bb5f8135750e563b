"""The drop page's server, with a real ledger and a real store: who may do what, and what a signed upload can do."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import footprints_plugin
from footprints import invites, ledger, pipeline, receipts
from footprints.check import check_file
from footprints.drop_page import examiner, routes, uploads
from footprints.settings import REPOSITORY, Settings
from footprints.storage import Store
from footprints.warehouse import reference
from footprints.warehouse.engine import engine
from footprints.warehouse.migrate import libpq_url

pytestmark = pytest.mark.integration

BASE = "/footprints/drop"
ORIGIN = {"Origin": "http://testserver"}
HEADER = "incident_id,incident_date,country,dead,missing"
GOOD = f"{HEADER}\nA1,2016-05-01,Mali,1,0\nA2,2016-05-02,Niger,0,2\n".encode()
BAD = f"{HEADER}\nB1,2016-05-01,Mali,1,0\nB2,31/31/2016,Niger,0,2\nB3,2016-05-03,Atlantis,x,2\n".encode()
SECRET_NAME = "Fatoumata-Diallo-0612345678.csv"


@pytest.fixture(scope="module")
def site(platform: Settings) -> Iterator[Settings]:
    reference.sync(engine(platform.need("warehouse_url")), platform.expectations_dir)
    routes._examiner.cache_clear()
    yield platform
    routes._examiner().stop()
    routes._examiner.cache_clear()
    store = Store(platform)
    for key in list(store.list_keys(platform.landing_bucket, "")):
        store.client.delete_object(Bucket=platform.landing_bucket, Key=key)


def invited(site: Settings, partner: str, days: int = 1) -> tuple[invites.Invite, str]:
    with engine(site.need("warehouse_url")).begin() as connection:
        return invites.invite(connection, partner, site.expectations_dir, days)


def browser() -> TestClient:
    """A browser before the page, which the api-server mounts as Airflow does."""
    server = FastAPI()
    server.mount("/footprints", footprints_plugin.app)
    return TestClient(server, follow_redirects=False, headers=ORIGIN)


def signed_in(site: Settings, partner: str = "mhub") -> TestClient:
    client = browser()
    answer = client.post(f"{BASE}/sign-in", data={"token": invited(site, partner)[1]})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and f"Path={BASE}" in cookie
    return client


def check(client: TestClient, body: bytes, name: str = "may.csv", source: str = "mhub-incidents") -> httpx.Response:
    return client.post(f"{BASE}/check/{source}", content=body, headers={"X-File-Name": name})


def upload(client: TestClient, body: bytes, **more: Any) -> dict[str, Any]:
    source = more.pop("source", "mhub-incidents")
    answer = client.post(f"{BASE}/upload/{source}", json={"name": "may.csv", "size": len(body), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def put(signed: dict[str, Any], body: bytes, **over: str) -> int:
    return httpx.put(signed["url"], content=body, headers={**signed["headers"], **over}).status_code


def landed(site: Settings) -> set[str]:
    return set(Store(site).list_keys(site.landing_bucket, "landing/"))


def enrol(site: Settings, key: str) -> int:
    with engine(site.need("warehouse_url")).begin() as connection:
        delivery_id = ledger.enrol(connection, Store(site).head(site.landing_bucket, key), "sweep")
    assert delivery_id is not None
    return delivery_id


# ------------------------------------------------------------------------------------------------ who may call


CALLS = [
    ("GET", "/deliveries"),
    ("GET", "/template/mhub-incidents/report"),
    ("GET", "/receipts/1/receipt.html"),
    ("POST", "/check/mhub-incidents"),
    ("POST", "/upload/mhub-incidents"),
    ("POST", "/verdict"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_stranger_gets_nothing(site, method, path):
    client = browser()
    headers = {"X-File-Name": "a.csv"}
    assert client.request(method, BASE + path, headers=headers, json={}).status_code == 401
    client.cookies.set(routes.COOKIE, "made-up", path=BASE)
    assert client.request(method, BASE + path, headers=headers, json={}).status_code == 401


def test_a_stranger_sees_the_form_and_no_name_of_a_partner_or_source(site):
    text = browser().get(BASE).text
    assert 'name="token"' in text
    assert "mhub" not in text.lower() and "incident" not in text.lower()


@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-out", "/check/mhub-incidents", "/upload/mhub-incidents", "/verdict"]
)
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://testserver.evil.example"])
def test_another_origins_page_cannot_make_a_browser_call(site, path, origin):
    client = signed_in(site)
    headers = {"Origin": origin, "X-File-Name": "a.csv"}
    assert client.post(BASE + path, headers=headers, json={}).status_code == 403
    del client.headers["Origin"]
    assert client.post(BASE + path, headers={"X-File-Name": "a.csv"}, json={}).status_code == 403


@pytest.mark.parametrize("token", ["", "x", "0" * 43, "'; DROP TABLE meta.partner_invite; --", "\x00", "é" * 50])
def test_a_wrong_token_opens_nothing(site, token):
    answer = browser().post(f"{BASE}/sign-in", data={"token": token})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_revoked_link_opens_nothing_and_ends_its_sessions(site):
    made, token = invited(site, "mhub")
    client = browser()
    assert client.post(f"{BASE}/sign-in", data={"token": token}).status_code == 303
    assert client.get(f"{BASE}/deliveries").status_code == 200
    with engine(site.need("warehouse_url")).begin() as connection:
        assert invites.revoke(connection, "mhub", made.invite_id) == 1
    assert client.get(f"{BASE}/deliveries").status_code == 401
    assert client.post(f"{BASE}/upload/mhub-incidents", json={"name": "a", "size": 1}).status_code == 401
    assert client.post(f"{BASE}/sign-in", data={"token": token}).status_code == 403


def test_an_expired_link_and_an_expired_session_open_nothing(site):
    made, token = invited(site, "mhub")
    client = signed_in(site)
    with psycopg.connect(libpq_url(site.need("warehouse_owner_url")), autocommit=True) as connection:
        connection.execute(
            "UPDATE meta.partner_invite SET expires_at = now() - interval '1 s' WHERE invite_id = %s", [made.invite_id]
        )
        connection.execute("UPDATE meta.partner_session SET expires_at = now() - interval '1 s'")
    assert browser().post(f"{BASE}/sign-in", data={"token": token}).status_code == 403
    assert client.get(f"{BASE}/deliveries").status_code == 401


def test_signing_out_ends_the_session_everywhere(site):
    client = signed_in(site)
    stolen = client.cookies.get(routes.COOKIE)
    assert client.post(f"{BASE}/sign-out").status_code == 303
    thief = browser()
    thief.cookies.set(routes.COOKIE, stolen, path=BASE)
    assert thief.get(f"{BASE}/deliveries").status_code == 401


def test_neither_token_nor_session_stands_in_the_database(site):
    made, token = invited(site, "mhub")
    client = browser()
    client.post(f"{BASE}/sign-in", data={"token": token})
    with psycopg.connect(libpq_url(site.need("warehouse_owner_url"))) as connection:
        rows = connection.execute(
            "SELECT p::text FROM meta.partner_invite p UNION ALL SELECT s::text FROM meta.partner_session s"
        ).fetchall()
    text = str(rows)
    assert str(made.invite_id) in text
    assert token not in text and client.cookies.get(routes.COOKIE) not in text


def test_a_partner_sees_its_own_sources_only(site):
    own, other = signed_in(site, "mhub"), signed_in(site, "frontex")
    page = own.get(BASE)
    assert "mhub-incidents" in page.text and "frontex" not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert other.get(f"{BASE}/template/mhub-incidents/report").status_code == 404
    assert check(other, GOOD).status_code == 404
    assert other.post(f"{BASE}/upload/mhub-incidents", json={"name": "a.csv", "size": 1}).status_code == 404
    template = own.get(f"{BASE}/template/mhub-incidents/report")
    assert template.content.startswith(b"PK") and "attachment" in template.headers["content-disposition"]


# ------------------------------------------------------------------------------------------------ the check


def test_the_verdict_is_that_of_footprints_check_and_nothing_stays(site, tmp_path, caplog):
    client = signed_in(site)
    caplog.set_level(logging.DEBUG)

    def copies() -> set[Path]:
        return set(Path(tempfile.gettempdir()).glob(f"footprints-*/**/*{SECRET_NAME}*"))

    before = copies()
    answer = check(client, BAD, SECRET_NAME)
    path = tmp_path / SECRET_NAME
    path.write_bytes(BAD)
    expected = check_file(path, "mhub-incidents", site)
    assert answer.status_code == 200
    found = answer.json()
    counts = expected.delivery.counts
    assert (found["state"], found["rows_read"], found["rows_rejected"]) == (
        expected.delivery.state,
        counts.rows_read,
        counts.rows_rejected,
    )
    assert found["state"] == "quarantined"
    assert "Atlantis" not in caplog.text and SECRET_NAME not in caplog.text
    assert copies() == before
    assert landed(site) == set()


def test_the_page_speaks_the_language_that_is_asked_for(site):
    client = signed_in(site)
    for language in ("fr", "ar"):
        answer = client.post(
            f"{BASE}/check/mhub-incidents",
            content=BAD,
            headers={"X-File-Name": "%D8%A3%D9%8A%D8%A7%D8%B1.csv", "X-Language": language},
        )
        assert {"fr": "Retenu", "ar": "محجوز"}[language] in answer.json()["page"]


@pytest.mark.parametrize("name", ["", "..", "a%2Fb.csv", "..%2F..%2Fetc%2Fpasswd", "a%00b.csv", "a%5Cb", "x" * 300])
def test_a_name_that_leads_elsewhere_is_refused(site, name):
    client = signed_in(site)
    answer = check(client, GOOD, name)
    assert (answer.status_code, answer.json()) == (400, {"error": "name"})


def test_too_large_a_file_is_refused_whatever_length_it_claims(site, monkeypatch):
    monkeypatch.setattr(site, "drop_check_bytes", 100)
    client = signed_in(site)
    assert check(client, b"x" * 101).json() == {"error": "check_too_large"}

    def parts() -> Iterator[bytes]:
        yield b"x" * 60
        yield b"x" * 60

    answer = client.post(f"{BASE}/check/mhub-incidents", content=parts(), headers={"X-File-Name": "a.csv"})
    assert (answer.status_code, answer.json()) == (413, {"error": "check_too_large"})


def test_who_has_files_in_work_waits_and_others_do_not(site, monkeypatch):
    client, other = signed_in(site), signed_in(site, "frontex")
    monkeypatch.setitem(routes._receiving, "mhub", routes.OF_ONE_PARTNER)
    answer = check(client, GOOD)
    assert (answer.status_code, answer.json()) == (429, {"error": "busy"})
    assert check(other, b"a,b\n1,2\n", source="frontex").status_code == 200


def test_the_helper_has_no_secret_and_a_killed_one_is_replaced(site):
    client = signed_in(site)
    assert check(client, GOOD).json()["state"] == "loaded"
    helper = routes._examiner().helper
    assert helper is not None
    known = Path(f"/proc/{helper.pid}/environ").read_bytes().decode()
    for name in ("s3_secret_key", "webhook_token", "privacy_key", "warehouse_url", "s3_access_key"):
        value = getattr(site, name)
        assert (value if isinstance(value, str) else value.get_secret_value()) not in known
    os.kill(helper.pid, signal.SIGKILL)
    helper.wait()
    assert check(client, GOOD).json()["state"] == "loaded"


@pytest.mark.parametrize(
    ("what", "ends"),
    [
        ("bytearray(3 << 30)", "MemoryError"),
        ("open('big', 'wb').truncate(3 << 30)", "OSError"),
        ("print(signal.alarm(0))", str(examiner.SECONDS)),
    ],
)
def test_a_child_that_wants_too_much_is_stopped_by_the_kernel(tmp_path, what, ends):
    code = f"""
import signal
from footprints.drop_page import examiner
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
examiner._limit()
{what}
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "plugins")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ends in done.stdout + done.stderr


# ------------------------------------------------------------------------------------------------ the upload


def test_a_file_is_sent_answered_and_its_receipt_opened_by_its_partner_only(site):
    client, other = signed_in(site), signed_in(site, "frontex")
    sha256 = check(client, GOOD).json()["sha256"]
    signed = upload(client, GOOD, sha256=sha256)
    assert signed["key"].startswith("landing/mhub/mhub-incidents/") and signed["key"].endswith("/may.csv")
    assert client.post(f"{BASE}/verdict", json={"key": signed["key"]}).json() == {"state": None}
    assert put(signed, GOOD) == 200
    delivery_id = enrol(site, signed["key"])
    assert pipeline.process(delivery_id, site).state == "loaded"

    found = client.post(f"{BASE}/verdict", json={"key": signed["key"]}).json()
    assert found == {"state": "loaded", "receipt": f"{BASE}/receipts/{delivery_id}/receipt.html"}
    receipt = client.get(found["receipt"])
    assert receipt.status_code == 200 and "may.csv" in receipt.text
    assert receipt.headers["content-security-policy"].startswith("sandbox")
    saved = client.get(f"{BASE}/receipts/{delivery_id}/receipt.json")
    assert saved.status_code == 307
    assert receipts.parse(httpx.get(saved.headers["location"]).content).delivery.delivery_id == delivery_id
    assert "may.csv" in client.get(BASE).text

    assert other.post(f"{BASE}/verdict", json={"key": signed["key"]}).status_code == 404
    assert other.get(found["receipt"]).status_code == 404
    assert "may.csv" not in other.get(BASE).text
    assert client.get(f"{BASE}/receipts/{delivery_id}/nothing.txt").status_code == 404
    assert client.get(f"{BASE}/receipts/{delivery_id}/..%2F..%2F..%2Freceipt.json").status_code == 404


def raw_put(signed: dict[str, Any], path: str, body: bytes) -> int:
    """A PUT whose path is sent as it is: clients would mend it."""
    parts = urlsplit(signed["url"])
    lines = [f"PUT {path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in signed["headers"].items()] + ["Connection: close", "", ""]
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as connection:
        connection.sendall("\r\n".join(lines).encode() + body)
        return int(connection.recv(64).split()[1])


def test_a_signed_upload_reaches_its_own_key_and_no_other(site):
    signed = upload(signed_in(site), GOOD)
    path = urlsplit(signed["url"]).path
    before = landed(site)
    folder = path.rsplit("/", 1)[0]
    attempts = [
        path.replace("/mhub/", "/frontex/"),
        path.replace("/mhub-incidents/", "/mhub-survey/"),
        path.replace("/landing/", "/receipts/"),
        path.replace("/landing/", "/archive/"),
        f"{folder}/../../../frontex/frontex/x.csv",
        f"{folder}/%2e%2e/%2e%2e/%2e%2e/frontex/frontex/x.csv",
        f"{folder}/..%2f..%2f..%2ffrontex%2ffrontex%2fx.csv",
        f"{folder}/..%252f..%252fx.csv",
        f"{path}/x",
        f"{path}%2fx",
        f"{path}%00",
        f"/{path}",
        path.rsplit("/landing/", 1)[0] + "//landing/mhub/x.csv",
    ]
    for attempt in attempts:
        assert raw_put(signed, attempt, GOOD) >= 400, attempt
    assert landed(site) == before
    listing = urlsplit(signed["url"])._replace(path=path.split("/landing/")[0]).geturl()
    assert httpx.get(listing).status_code >= 400
    assert httpx.get(signed["url"]).status_code >= 400
    assert httpx.delete(signed["url"]).status_code >= 400
    assert raw_put(signed, path, GOOD) == 200


def test_a_signed_upload_takes_the_size_and_the_bytes_that_were_checked(site):
    client = signed_in(site)
    sha256 = check(client, GOOD).json()["sha256"]
    signed = upload(client, GOOD, sha256=sha256)
    before = landed(site)
    other = GOOD.replace(b"Mali", b"Chad")
    assert len(other) == len(GOOD)
    assert put(signed, GOOD + b"x") >= 400
    assert put(signed, GOOD[:-1]) >= 400
    assert put(signed, other) >= 400
    assert put(signed, GOOD, **{"Content-Type": "text/html"}) >= 400
    bare = {k: v for k, v in signed["headers"].items() if k != "If-None-Match"}
    assert httpx.put(signed["url"], content=GOOD, headers=bare).status_code >= 400
    assert landed(site) == before
    assert put(signed, GOOD) == 200


def test_a_signed_upload_that_is_used_again_overwrites_nothing(site):
    signed = upload(signed_in(site), GOOD)
    assert put(signed, GOOD) == 200
    head = Store(site).head(site.landing_bucket, signed["key"])
    assert put(signed, GOOD.replace(b"Mali", b"Chad")) == 412
    assert Store(site).head(site.landing_bucket, signed["key"]) == head


def test_two_uploads_of_one_name_are_two_objects(site):
    client = signed_in(site)
    one, two = upload(client, GOOD), upload(client, GOOD)
    assert one["key"] != two["key"]
    assert (put(one, GOOD), put(two, GOOD)) == (200, 200)


def test_an_expired_upload_is_refused(site, monkeypatch):
    monkeypatch.setattr(uploads, "EXPIRES_SECONDS", 1)
    signed = upload(signed_in(site), GOOD)
    end = time.monotonic() + 30
    while (
        put(signed, GOOD + b"too long") != 403
        or "expired" not in httpx.put(signed["url"], content=GOOD + b"x", headers=signed["headers"]).text.lower()
    ):
        assert time.monotonic() < end
        time.sleep(0.2)
    before = landed(site)
    assert put(signed, GOOD) == 403
    assert landed(site) == before


@pytest.mark.parametrize("name", ["../x.csv", "a/b.csv", "a\\b.csv", "", " . ", "a\nb.csv", "a\u202eb.csv", "x" * 300])
def test_no_upload_is_signed_for_a_name_that_leads_elsewhere(site, name):
    client = signed_in(site)
    answer = client.post(f"{BASE}/upload/mhub-incidents", json={"name": name, "size": 1})
    assert (answer.status_code, answer.json()) == (400, {"error": "name"})


@pytest.mark.parametrize(
    "name", ["mai 2016 + été & co.csv", "أيار.xlsx", "100%.csv", "a?b#c.csv", "%2e%2e%2f.csv", "a..b"]
)
def test_odd_but_honest_names_arrive_as_they_are(site, name):
    signed = upload(signed_in(site), GOOD, name=name)
    assert put(signed, GOOD) == 200
    assert signed["key"] in landed(site)
    assert signed["key"].rsplit("/", 1)[-1] == name


@pytest.mark.parametrize(
    "asked",
    [
        {"name": "a.csv"},
        {"name": "a.csv", "size": -1},
        {"name": "a.csv", "size": "5"},
        {"name": "a.csv", "size": True},
        {"name": "a.csv", "size": 5, "sha256": "x"},
        {"name": ["a"], "size": 5},
        [],
    ],
)
def test_a_malformed_request_is_refused(site, asked):
    assert signed_in(site).post(f"{BASE}/upload/mhub-incidents", json=asked).status_code == 400


def test_an_upload_over_the_limit_is_not_signed(site):
    asked = {"name": "a.csv", "size": site.drop_max_bytes + 1}
    answer = signed_in(site).post(f"{BASE}/upload/mhub-incidents", json=asked)
    assert (answer.status_code, answer.json()) == (413, {"error": "too_large"})
