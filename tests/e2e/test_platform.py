"""The whole platform, with its real processes: files dropped as partners drop them, verdicts, figures, and what stays.

The tests of this module build on each other and run in order, on one stack of their own.
"""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import jsonschema
import psutil
import psycopg
import pytest
from sqlalchemy import create_engine

from footprints import trends
from footprints.samples import survey
from footprints.samples.demo import write_demo
from footprints.samples.incidents import small_csv
from footprints.settings import REPOSITORY
from footprints.stack import processes, state

DATA = Path(os.environ.get("FOOTPRINTS_DATA", REPOSITORY / "../shared/data")).resolve() / "partners"
HAS_DATA = DATA.is_dir()
FOOTPRINTS = [sys.executable, "-c", "from footprints.cli import main; main()"]
CHROMIUM = Path("/usr/bin/chromium")
SECRETS = ("+223 76 00 11 22", "Fatoumata Exemple", "not-a-date-but-a-name")

pytestmark = [pytest.mark.integration, pytest.mark.slow]
real_files = pytest.mark.skipif(not HAS_DATA, reason=f"no real files at {DATA}: set FOOTPRINTS_DATA")


def _module(name: str) -> ModuleType:
    """A module of independent counts (pytest's importlib mode has no packages for them)."""
    path = Path(__file__).parents[1] / "integration" / "real_files" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class Platform:
    """A running stack, reached as a person reaches it: the command line, S3 and Postgres."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("FOOTPRINTS_", "AWS_", "PG"))}
        self.environment["FOOTPRINTS_HOME"] = str(home)

    def run(self, *args: str, ok: tuple[int, ...] = (0,)) -> str:
        """What a command prints. Its exit code must be among `ok`."""
        done = subprocess.run(
            [*FOOTPRINTS, *args], env=self.environment, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode in ok, (args, done.returncode, done.stderr[-2000:])
        return done.stdout

    def json(self, *args: str, ok: tuple[int, ...] = (0,)) -> Any:
        """What a command prints as JSON."""
        return json.loads(self.run(*args, "--json", ok=ok))

    def exports(self) -> dict[str, str]:
        """What `footprints env` exports."""
        lines = self.run("env").splitlines()
        return dict(shlex.split(line.removeprefix("export "))[0].split("=", 1) for line in lines)

    def s3(self) -> Any:
        """A plain S3 client of a partner's."""
        e = self.exports()
        return boto3.client(
            "s3",
            endpoint_url=e["AWS_ENDPOINT_URL"],
            aws_access_key_id=e["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=e["AWS_SECRET_ACCESS_KEY"],
            region_name=e["AWS_DEFAULT_REGION"],
        )

    def variable(self, name: str) -> str:
        """A variable of the running stack that only its own processes know."""
        text = (self.home / "env").read_text()
        return next(shlex.split(line)[0].split("=", 1)[1] for line in text.splitlines() if line.startswith(f"{name}="))

    def checksums(self) -> dict[str, str]:
        """Content of every core and trend table."""
        engine = create_engine(self.variable("FOOTPRINTS_WAREHOUSE_URL"))
        with engine.connect() as connection:
            found = trends.checksum(connection)
        engine.dispose()
        return found

    def deliveries(self, wait_for: int = 0, timeout: float = 300) -> list[dict[str, Any]]:
        """All deliveries, oldest first, once there are so many and each has its verdict."""
        end = time.monotonic() + timeout
        while True:
            found = self.json("deliveries")
            if len(found) >= wait_for and all(d["state"] != "received" for d in found):
                return sorted(found, key=lambda d: d["id"])
            assert time.monotonic() < end, [d for d in found if d["state"] == "received"]
            time.sleep(1)


@pytest.fixture(scope="module")
def platform_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="module")
def stack(platform_home: Path) -> Iterator[Platform]:
    running = Platform(platform_home)
    try:
        running.run("up")
        yield running
    finally:
        running.run("down", "--delete")


@pytest.fixture(scope="module")
def partner_files() -> dict[str, Any]:
    """Path below the partners' folder → what the file holds by an independent count."""
    incidents, populations = _module("counts_incidents"), _module("counts_unhcr_dtm")
    counts = {count.path: count for count in incidents.all_counts(DATA)}
    for make in populations.FILES:
        expected = make()
        counts[expected.file] = expected
    return counts


def _rows(count: Any) -> int:
    return int(count.rows if hasattr(count, "rows") else count.n_rows)


def _duplicates(count: Any) -> int:
    return len(count.duplicates) if hasattr(count, "duplicates") else int(count.n_duplicate)


def _assert_accounts(delivery: dict[str, Any]) -> None:
    parts = ("rows_loaded", "rows_unchanged", "rows_rejected", "rows_duplicate")
    assert delivery["rows_read"] == sum(delivery[part] for part in parts), delivery


def test_samples_end_as_their_generator_says(stack: Platform, tmp_path: Path) -> None:
    samples = write_demo(tmp_path, seed=7)
    for sample in samples:
        found = stack.json("drop", str(sample.path), "--source", sample.source, "--wait", ok=(0, 6))
        [delivery] = found
        expect = sample.expect
        assert delivery["state"] == expect.state, (sample.path.name, delivery)
        assert delivery["rows_read"] == expect.rows_read, sample.path.name
        assert delivery["rows_rejected"] == expect.rows_rejected, sample.path.name
        assert delivery["rows_duplicate"] == expect.rows_duplicate, sample.path.name
        _assert_accounts(delivery)


def test_the_mali_snapshot_is_in_the_trend_table(stack: Platform) -> None:
    stack.run("refresh")
    cells = stack.json("trends", "--country", "MLI", "--period", "2016-03/2016-05")
    whole = {cell["indicator"]: cell for cell in cells if cell["place"] is None and cell["profile"] == "all"}
    unsafe, negative, not_staying = (
        whole[name] for name in ("felt-unsafe", "negative-encounter", "not-planning-to-stay")
    )
    assert {unsafe["base"], negative["base"], not_staying["base"]} == {109}
    assert round(unsafe["value"], 2) == 0.46
    assert negative["value"] > 0.70
    assert round(not_staying["value"], 2) == 0.96
    assert unsafe["low"] < unsafe["value"] < unsafe["high"]
    for cell in cells:
        assert cell["is_suppressed"] == (cell["base"] is None)
        assert cell["base"] is None or cell["base"] >= 5


def test_the_dashboard_role_sees_trends_and_nothing_else(stack: Platform) -> None:
    e = stack.exports()
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    with psycopg.connect(**{key: e[name] for key, name in names.items()}, autocommit=True) as connection:  # type: ignore[arg-type]
        row = connection.execute("SELECT count(*) FROM trends.cell").fetchone()
        assert row is not None
        assert row[0] > 100
        for table in ("core.interview", "core.incident", "meta.delivery", "meta.reject"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT 1 FROM {table}".encode())


def test_bad_files_are_answered_and_harm_no_neighbour(stack: Platform) -> None:
    before = len(stack.deliveries())
    s3, bucket = stack.s3(), stack.exports()["FOOTPRINTS_LANDING_BUCKET"]
    header = (
        "incident_id,main_id,incident_date,country,region,route,origin,region_of_origin,dead,missing,dead_and_missing"
    )
    good = f"{header}\nE2E-1,,2024-05-01,Niger,,,,,1,0,1\n".encode()
    drops = {
        "landing/mhub/mhub-incidents/empty.csv": (b"", "file.empty"),
        "landing/mhub/mhub-incidents/header only.csv": (f"{header}\n".encode(), None),
        "landing/mhub/mhub-incidents/été + 100 % é'\"<b>.csv": (b"\x00\x01\x02" * 500, "file.format_unknown"),
        "landing/mhub/mhub-incidents/a%2Fb%20c.csv": (b"one,two\n1,2\n", "layout.unknown"),
        f"landing/mhub/mhub-incidents/{'n' * 200}.csv": (b'{"not": "a table"', "file.unreadable"),
        "landing/mhub/no-such-source/file.csv": (good, "source.unknown"),
        "landing/unhcr/mhub-incidents/of-another-partner.csv": (good, "source.unknown"),
        "landing/stray.csv": (good, "key.malformed"),
        "landing/mhub/mhub-incidents/bomb.xlsx": (b"PK\x03\x04" + b"\x00" * 60, None),
    }
    for key, (body, _) in drops.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    found = stack.deliveries(before + len(drops))[before:]
    by_key = {d["key"]: d for d in found}
    for key, (_, rule) in drops.items():
        assert by_key[key]["state"] == "quarantined", by_key[key]
        assert rule is None or by_key[key]["reason"] == rule, by_key[key]
        assert s3.get_object(Bucket=bucket, Key=by_key[key]["receipt_key"])["Body"].read()


def test_no_personal_value_leaves_the_file(stack: Platform, tmp_path: Path) -> None:
    """A phone number and a name in columns that are dropped or hashed, and in a cell that is rejected."""
    path = tmp_path / "with-identifiers.csv"
    survey.write_kobo_csv(path, survey.field_interviews(40, seed=4, first_year=2019))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    names = list(rows[0])
    enumerator = next(name for name in names if name.split("/")[-1] == "enumerator_id")
    today = next(name for name in names if name.split("/")[-1] == "today")
    for row in rows:
        row["phonenumber"], row[enumerator] = SECRETS[0], SECRETS[1]
    rows[3][today] = SECRETS[2]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*dict.fromkeys([*names, "phonenumber"])], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    [delivery] = stack.json("drop", str(path), "--source", "mhub-survey", "--wait")
    assert delivery["rows_rejected"] == 1
    for log in stack.home.rglob("*"):
        if log.is_file() and ("logs" in log.parts or log.suffix in (".log", ".html")):
            text = log.read_text("utf-8", errors="replace")
            assert not [secret for secret in SECRETS if secret in text], log
    receipt = stack.run("receipt", str(delivery["id"]), "--json")
    rejects = stack.run("rejects", str(delivery["id"]), "--json")
    assert not [secret for secret in SECRETS if secret in receipt + rejects]
    with psycopg.connect(stack.variable("FOOTPRINTS_WAREHOUSE_URL").replace("+psycopg", "")) as connection:
        for schema, table in connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema IN ('meta', 'core', 'trends') AND table_type = 'BASE TABLE'"
        ).fetchall():
            for (row,) in connection.execute(f'SELECT t::text FROM {schema}."{table}" t'.encode()):
                assert not [secret for secret in SECRETS if secret in row], (schema, table)


@real_files
def test_every_real_file_comes_to_its_independent_count(stack: Platform, partner_files: dict[str, Any]) -> None:
    before = stack.deliveries()
    s3, bucket = stack.s3(), stack.exports()["FOOTPRINTS_LANDING_BUCKET"]
    landing = {source["source"]: source["landing"] for source in stack.json("sources")}
    keys = {}
    for name, count in partner_files.items():  # with any client: boto3 puts the large ones in parts
        key = f"{landing[count.source]}{Path(name).name}"
        s3.upload_file(str(DATA / name), bucket, key)
        keys[key] = count
    found = {d["key"]: d for d in stack.deliveries(len(before) + len(keys))[len(before) :]}
    assert found.keys() == keys.keys()
    for key, count in keys.items():
        delivery = found[key]
        assert delivery["state"] in ("loaded", "superseded"), delivery
        assert delivery["rows_read"] == _rows(count), key
        assert delivery["rows_rejected"] == len(count.rejected), key
        assert delivery["rows_duplicate"] == _duplicates(count), key
        _assert_accounts(delivery)
        listed = stack.json("rejects", str(delivery["id"])) if count.rejected else []
        assert {reject["row_number"] for reject in listed} == set(count.rejected), key


@real_files
def test_seven_exports_are_one_incident_history(stack: Platform) -> None:
    """No incident twice: each year as its newest export has it, and what our own sample of 2020 added before."""
    history, by_year = _module("counts_incidents").mmp_history(DATA)
    assert len(history) == sum(by_year.values())
    with psycopg.connect(stack.variable("FOOTPRINTS_WAREHOUSE_URL").replace("+psycopg", "")) as connection:
        found = dict(
            connection.execute(
                "SELECT extract(year FROM incident_date)::integer, count(*) FROM core.incident"
                " WHERE source_id = 'iom-missing-migrants' GROUP BY 1"
            ).fetchall()
        )
    # The sample is an export of January 2021 that covers 2020: the real one of September 2021 supersedes it as a whole.
    assert found == by_year


def test_every_delivery_has_a_receipt_in_the_partners_prefix(stack: Platform) -> None:
    s3, bucket = stack.s3(), stack.exports()["FOOTPRINTS_LANDING_BUCKET"]
    schema = json.loads((REPOSITORY / "expectations" / "receipt.schema.json").read_text())
    for delivery in stack.deliveries():
        prefix = f"receipts/{delivery['partner'] or '_'}/{delivery['source'] or '_'}/{delivery['id']}/"
        assert delivery["receipt_key"].startswith(prefix)
        document = json.loads(s3.get_object(Bucket=bucket, Key=delivery["receipt_key"])["Body"].read())
        jsonschema.validate(document, schema)
        page = s3.get_object(Bucket=bucket, Key=delivery["receipt_key"].replace(".json", ".html"))["Body"].read()
        assert page.startswith(b"<!doctype html>") or page.lower().startswith(b"<!doctype html")


@real_files
def test_dropping_everything_again_changes_nothing(stack: Platform, partner_files: dict[str, Any]) -> None:
    stack.run("refresh")
    before, deliveries = stack.checksums(), stack.deliveries()
    time.sleep(1)  # a version is told from the next by the second in which it was written
    for source in sorted({count.source for count in partner_files.values()}):
        paths = [str(DATA / name) for name, count in partner_files.items() if count.source == source]
        for delivery in stack.json("drop", *paths, "--source", source, "--wait"):
            assert delivery["state"] == "duplicate", delivery
            assert delivery["duplicate_of"] is not None
    stack.run("refresh")
    assert stack.checksums() == before
    assert len(stack.deliveries()) == len(deliveries) + len(partner_files)


def test_withdraw_and_replay_restore_each_other(stack: Platform) -> None:
    before = stack.checksums()
    delivery = next(d for d in stack.deliveries() if d["source"] == "mhub-incidents" and d["state"] == "loaded")
    stack.run("withdraw", str(delivery["id"]))
    stack.run("refresh")
    assert stack.checksums() != before
    stack.run("replay", str(delivery["id"]), "--wait")
    stack.run("refresh")
    assert stack.checksums() == before


def test_a_killed_scheduler_loses_nothing(stack: Platform, tmp_path: Path) -> None:
    known = state.load(stack.home)
    before = len(stack.deliveries())
    paths = []
    for number in range(6):
        paths.append(tmp_path / f"while-it-dies-{number}.csv")
        small_csv(paths[-1], 500, seed=50 + number)
        text = paths[-1].read_text("utf-8")
        paths[-1].write_text(text + f"E2E-K{number},,2024-06-0{number + 1},Mali" + "," * 21 + "\n", "utf-8")
    stack.run("drop", *map(str, paths), "--source", "mhub-incidents")
    time.sleep(1.5)
    scheduler = psutil.Process(known.parts["airflow-scheduler"].pid)
    for process in [*scheduler.children(recursive=True), scheduler]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    stack.run("up")
    found = stack.deliveries(before + len(paths))[before:]
    assert {d["state"] for d in found} <= {"loaded", "superseded"}, found
    for delivery in found:
        _assert_accounts(delivery)
    assert all(part["healthy"] for part in stack.json("status"))


def test_the_nightly_dag_refreshes_and_writes_data_docs(stack: Platform) -> None:
    base, token = stack.variable("FOOTPRINTS_AIRFLOW_URL"), _airflow_token(stack)
    errors = _api(base, token, "/api/v2/importErrors")
    assert errors["total_entries"] == 0, errors
    run = _api(base, token, "/api/v2/dags/refresh_trends/dagRuns", {"logical_date": None})
    end = time.monotonic() + 180
    while (state_ := _api(base, token, f"/api/v2/dags/refresh_trends/dagRuns/{run['dag_run_id']}")["state"]) not in (
        "success",
        "failed",
    ):
        assert time.monotonic() < end
        time.sleep(1)
    assert state_ == "success"
    runs = _api(base, token, "/api/v2/dags/ingest_landing/dagRuns?limit=100")["dag_runs"]
    assert sum(r["state"] == "success" for r in runs) >= len(runs) - 2  # those of the killed scheduler may be red
    index = stack.home / "data-docs" / "index.html"
    assert index.exists()
    for page in (stack.home / "data-docs").rglob("*.html"):
        assert not [secret for secret in SECRETS if secret in page.read_text("utf-8")]


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium at /usr/bin/chromium")
def test_people_can_read_data_docs_receipts_and_airflow(stack: Platform, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    telling = next(d for d in stack.deliveries() if d["rows_rejected"] and d["state"] in ("loaded", "superseded"))
    receipt = tmp_path / "receipt.html"
    stack.run("receipt", str(telling["id"]), "--html", str(receipt))
    base = stack.variable("FOOTPRINTS_AIRFLOW_URL")
    shots = Path(os.environ.get("FOOTPRINTS_SHOTS", str(tmp_path)))
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=[*flags, "--disable-component-update", "--disable-sync"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        foreign: list[str] = []
        problems: list[str] = []
        page.on("request", lambda r: foreign.append(r.url) if not _is_here(r.url) else None)
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        for name, url in (("docs", (stack.home / "data-docs" / "index.html").as_uri()), ("receipt", receipt.as_uri())):
            page.goto(url)
            assert len(page.inner_text("body")) > 200
            page.screenshot(path=shots / f"{name}.png")
        assert problems == []
        page.goto(base)
        page.fill("input[name=username]", stack.variable("FOOTPRINTS_AIRFLOW_USER"))
        page.fill("input[name=password]", stack.variable("FOOTPRINTS_AIRFLOW_PASSWORD"))
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/auth/" not in url, timeout=60_000)
        page.goto(f"{base}/dags/ingest_landing/runs")
        page.get_by_text("asset_triggered__").first.wait_for(timeout=60_000)
        page.screenshot(path=shots / "airflow.png")
        browser.close()
    assert foreign == []


def test_the_warehouse_rebuilds_equal_from_the_bucket(stack: Platform) -> None:
    result = stack.json("rebuild")
    assert result["is_equal"], {t: result["after"][t] for t in result["before"] if result["before"] != result["after"]}
    assert result["n_deliveries"] > 10


def test_down_leaves_no_process(stack: Platform) -> None:
    stack_id = state.load(stack.home).stack_id
    stack.run("down")
    assert processes.marked(stack_id) == []


def _airflow_token(stack: Platform) -> str:
    body = {
        "username": stack.variable("FOOTPRINTS_AIRFLOW_USER"),
        "password": stack.variable("FOOTPRINTS_AIRFLOW_PASSWORD"),
    }
    return str(_api(stack.variable("FOOTPRINTS_AIRFLOW_URL"), "", "/auth/token", body)["access_token"])


def _api(base: str, token: str, path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(base + path, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(io.TextIOWrapper(answer, "utf-8"))


def _is_here(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:"))
