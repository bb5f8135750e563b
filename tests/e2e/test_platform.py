"""The whole platform, with its real processes: files dropped as partners drop them, verdicts, figures, and what stays.

The tests of this module build on each other and run in order, on one stack of their own.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import psutil
import psycopg
import pytest
from boto3.s3.transfer import TransferConfig
from sqlalchemy import create_engine
from tests.chromium import launched, needs_chromium
from tests.integration.real_files import counts_incidents as incidents
from tests.integration.real_files import counts_unhcr_dtm as populations
from tests.real_files import PARTNERS, needs_real_files

from footprints import trends
from footprints.contracts import load_contracts
from footprints.samples import survey
from footprints.samples.demo import write_demo
from footprints.samples.incidents import benchmark_csv, small_csv
from footprints.settings import REPOSITORY
from footprints.stack import airflow_parts, postgres, processes, state

FOOTPRINTS = [sys.executable, "-c", "from footprints.cli import main; main()"]
SECRETS = ("+223 76 00 11 22", "Fatoumata Exemple", "not-a-date-but-a-name")
SHOTS = os.environ.get("FOOTPRINTS_SHOTS")
"""A folder for the pictures of the pages, for whoever wants to look at them."""
CASUALTIES = 5
"""Small files that are under way while the scheduler is killed; their incidents are marked E2E-K."""

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Platform:
    """A running stack, reached as a person reaches it: the command line, S3 and Postgres."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.killed_over = b""
        """The file that a worker was at when it was killed."""
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

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the warehouse, as the loader sees it."""
        with psycopg.connect(self.variable("FOOTPRINTS_WAREHOUSE_URL").replace("+psycopg", "")) as connection:
            return connection.execute(sql.encode()).fetchall()

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
    counts = {count.path: count for count in incidents.all_counts(PARTNERS)}
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
    follow = [s for s in samples if s.expect.state == "duplicate" or s.expect.records_gone]
    assert len(follow) == 2
    for wave in ([s for s in samples if s not in follow], follow):
        for source in sorted({sample.source for sample in wave}):
            mine = {sample.path.name: sample for sample in wave if sample.source == source}
            paths = [str(sample.path) for sample in mine.values()]
            found = stack.json("drop", *paths, "--source", source, "--wait", ok=(0, 6))
            assert {delivery["key"].rsplit("/", 1)[-1] for delivery in found} == mine.keys()
            for delivery in found:
                expect = mine[delivery["key"].rsplit("/", 1)[-1]].expect
                assert (delivery["state"], delivery["reason"]) == (expect.state, expect.rule), delivery
                for name in ("rows_read", "rows_rejected", "rows_duplicate", "records_gone"):
                    assert delivery[name] == getattr(expect, name), (name, delivery)
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
    """Each bad file is held with its reason; good ones beside them are loaded, whatever their names hold."""
    before = len(stack.deliveries())
    s3, bucket = stack.s3(), stack.exports()["FOOTPRINTS_LANDING_BUCKET"]
    header = (
        "incident_id,main_id,incident_date,country,region,route,origin,region_of_origin,dead,missing,dead_and_missing"
    )
    good = f"{header}\nE2E-{{}},,2024-05-01,Niger,,,,,1,0,1\n"
    folder = "landing/mhub/mhub-incidents/"
    bad = {
        f"{folder}empty.csv": (b"", "file.empty"),
        f"{folder}header only.csv": (f"{header}\n".encode(), "file.empty"),
        f"{folder}été + 100 % é'\"<b>.csv": (b"\x00\x01\x02" * 500, "file.format_unknown"),
        f"{folder}a%2Fb%20c.csv": (b"one,two\n1,2\n", "layout.unknown"),
        f"{folder}{'n' * 200}.csv": (b'{"not": "a table"', "file.unreadable"),
        f"{folder}bomb.xlsx": (b"PK\x03\x04" + b"\x00" * 60, "file.unreadable"),
        "landing/mhub/no-such-source/file.csv": (good.encode(), "source.other"),
        "landing/unhcr/mhub-incidents/of-another-partner.csv": (good.encode(), "source.unknown"),
        "landing/stray.csv": (good.encode(), "key.malformed"),
    }
    names = (
        "good.csv",
        "été + 100 % ع'\"<script>&amp;.csv",
        "a+b%2Fc%20d?e=f&g#h.csv",
        "two\nlines.csv",
        f"{'è' * 120}.csv",
        f"{'deep/' * 20}good.csv",
    )
    kept = {f"{folder}{name}": good.format(number).encode() for number, name in enumerate(names)}
    drops = {key: body for key, (body, _) in bad.items()} | kept
    for key in sorted(drops):  # mixed
        s3.put_object(Bucket=bucket, Key=key, Body=drops[key])
    found = {d["key"]: d for d in stack.deliveries(before + len(drops))[before:]}
    assert found.keys() == drops.keys()
    for key in drops:
        delivery, (_, rule) = found[key], bad.get(key, (b"", None))
        assert (delivery["state"], delivery["reason"]) == ("quarantined" if rule else "loaded", rule), delivery
        assert delivery["rows_loaded"] == (key in kept), delivery
        assert s3.get_object(Bucket=bucket, Key=delivery["receipt_key"])["Body"].read()
    rows = stack.query("SELECT record_key FROM core.incident WHERE record_key LIKE '%E2E-%' ORDER BY 1")
    assert len(rows) == len(names)


def test_a_survey_with_identifiers_is_loaded(stack: Platform, tmp_path: Path) -> None:
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
    receipt = stack.run("receipt", str(delivery["id"]), "--json")
    [reject] = stack.json("rejects", str(delivery["id"]))
    assert reject["provider_values"] is None
    assert not [secret for secret in SECRETS if secret in receipt]


@needs_real_files
def test_samples_that_are_withdrawn_leave_nothing(stack: Platform) -> None:
    """So that the real files of the same sources come into a warehouse without them."""
    ours = ("iom-missing-migrants", "unhcr-population")
    samples = [d for d in stack.deliveries() if d["source"] in ours and d["state"] == "loaded"]
    assert len(samples) == len(ours)
    for delivery in samples:
        stack.run("withdraw", str(delivery["id"]))
    for table in ("incident", "population", "asylum_application", "flow", "displacement"):
        assert stack.query(f"SELECT FROM core.{table} WHERE source_id IN {ours} LIMIT 1") == []


@needs_real_files
def test_every_real_file_comes_to_its_independent_count(stack: Platform, partner_files: dict[str, Any]) -> None:
    """Some are dropped with our command; the others come from a plain client: at once, or as the aws CLI does it."""
    before = stack.deliveries()
    s3, bucket = stack.s3(), stack.exports()["FOOTPRINTS_LANDING_BUCKET"]
    landing = {source["source"]: source["landing"] for source in stack.json("sources")}
    keys = {f"{landing[count.source]}{Path(name).name}": (name, count) for name, count in partner_files.items()}
    assert len(keys) == len(partner_files)
    in_parts = TransferConfig(multipart_threshold=2**20)
    for number, (key, (name, count)) in enumerate(keys.items()):
        if count.source in ("iom-missing-migrants", "unhcr-population", "iom-dtm"):
            if number % 2:
                s3.put_object(Bucket=bucket, Key=key, Body=(PARTNERS / name).read_bytes())
            else:
                s3.upload_file(str(PARTNERS / name), bucket, key, Config=in_parts)
    for source in ("the-migrants-files", "frontex", "organisation-register"):
        paths = [str(PARTNERS / name) for name, count in keys.values() if count.source == source]
        assert {d["state"] for d in stack.json("drop", *paths, "--source", source, "--wait")} == {"loaded"}
    found = {d["key"]: d for d in stack.deliveries(len(before) + len(keys))[len(before) :]}
    assert found.keys() == keys.keys()
    records = dict(
        stack.query(
            "SELECT delivery_id, n_records_added + n_records_changed + n_records_unchanged + n_records_older"
            " FROM meta.delivery"
        )
    )
    for key, (_, count) in keys.items():
        delivery = found[key]
        assert delivery["state"] in ("loaded", "superseded"), delivery
        assert delivery["rows_read"] == _rows(count), key
        assert delivery["rows_rejected"] == len(count.rejected), key
        assert delivery["rows_duplicate"] == _duplicates(count), key
        _assert_accounts(delivery)
        assert records[delivery["id"]] == (count.n_records if hasattr(count, "n_records") else count.records), key
        listed = stack.json("rejects", str(delivery["id"])) if count.rejected else []
        assert {reject["row_number"] for reject in listed} == set(count.rejected), key
    twins = [d for key, d in found.items() if Path(key).stem == "persons_of_concern"]
    assert len(twins) == 2  # whichever comes second says nothing new
    assert min(d["rows_loaded"] for d in twins) == 0


@needs_real_files
def test_the_warehouse_adds_up_to_the_files(stack: Platform) -> None:
    """No incident twice because two exports hold it, no month twice because a workbook and its CSV do."""
    history, by_year = incidents.mmp_history(PARTNERS)
    assert len(history) == sum(by_year.values()) == 10_124
    lost: Counter[int] = Counter()
    for incident in history:
        known = (incident.dead or 0) + (incident.missing or 0)
        lost[incident.day.year] += known if incident.total is None else incident.total
    assert lost.total() == 47_821
    assert by_year == dict(
        stack.query(
            "SELECT extract(year FROM incident_date)::integer, count(*) FROM core.incident"
            " WHERE source_id = 'iom-missing-migrants' GROUP BY 1"
        )
    )
    stack.run("refresh")
    assert dict(lost) == dict(
        stack.query(
            "SELECT left(partition_key, 4)::integer, sum(n_dead_and_missing)::bigint FROM trends.incident_month"
            " WHERE source_id = 'iom-missing-migrants' GROUP BY 1"
        )
    )
    files = incidents.the_migrants_files(PARTNERS)
    assert [(files.n_records, *files.sums.values())] == stack.query(
        "SELECT count(*), coalesce(sum(n_dead), 0)::bigint, coalesce(sum(n_missing), 0)::bigint,"
        " sum(n_dead_and_missing)::bigint FROM core.incident WHERE source_id = 'the-migrants-files'"
    )
    assert incidents.frontex(PARTNERS).by_year == dict(
        stack.query(
            "SELECT extract(year FROM period_start)::integer, sum(n_persons)::bigint FROM core.flow"
            " WHERE source_id = 'frontex' GROUP BY 1"
        )
    )
    n_entries = incidents.register_cycles(PARTNERS).n_records + incidents.register_products(PARTNERS).n_records
    assert stack.query("SELECT count(*) FROM core.data_collection WHERE source_id = 'organisation-register'") == [
        (n_entries,)
    ]
    assert populations.arrival_cells() | populations.source_cells() == {
        (row[0], row[1], row[2]): row[3]
        for row in stack.query(
            "SELECT destination_code, border_type_code, to_char(period_start, 'YYYY-MM'), n_persons FROM core.flow"
            " WHERE source_id = 'unhcr-population'"
        )
    }
    # What no other file speaks of. Of the rest, which facts win is seen in tests/integration/real_files.
    ids = {d["key"].rsplit("/", 1)[-1]: d["id"] for d in stack.deliveries() if d["source"] == "iom-dtm"}
    for count in (populations.dtm_libya(), populations.dtm_malawi(), populations.dtm_central_african_republic()):
        for sql, total in count.sums.items():
            own = sql.replace(" WHERE ", f" WHERE delivery_id = {ids[count.path.name]} AND ")
            assert stack.query(own) == [(total,)], own


@needs_real_files
def test_dropping_everything_again_changes_nothing(stack: Platform, partner_files: dict[str, Any]) -> None:
    stack.run("refresh")
    before, deliveries = stack.checksums(), stack.deliveries()
    time.sleep(1)  # a version is told from the next by the second in which it was written
    for source in sorted({count.source for count in partner_files.values()}):
        paths = [str(PARTNERS / name) for name, count in partner_files.items() if count.source == source]
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
    """A worker dies over a file of ten megabytes that came in parts, small ones wait behind it; all are loaded once.

    That they end as if undisturbed is seen below, where the whole warehouse is built anew and is equal.
    """
    known = state.load(stack.home)
    before = len(stack.deliveries())
    s3, bucket = stack.s3(), stack.exports()["FOOTPRINTS_LANDING_BUCKET"]
    large, n_rows = tmp_path / "while-it-dies.csv", 60_000
    n_bad = sum(benchmark_csv(large, n_rows, 0.01, seed=49).values())
    assert large.stat().st_size > 9_000_000
    stack.killed_over = large.read_bytes()
    s3.upload_file(str(large), bucket, f"landing/mhub/mhub-incidents/{large.name}")
    end = time.monotonic() + 60
    open_ones = "SELECT count(*) FROM meta.delivery WHERE state = 'received' AND claimed_at IS NOT NULL"
    while stack.query(open_ones) != [(1,)]:
        assert time.monotonic() < end
        time.sleep(0.05)
    for number in range(CASUALTIES):
        path = tmp_path / f"while-it-dies-{number}.csv"
        small_csv(path, 500, seed=50 + number)
        text = path.read_text("utf-8") + f"E2E-K{number},,2024-06-0{number + 1},Mali" + "," * 21 + "\n"
        s3.put_object(Bucket=bucket, Key=f"landing/mhub/mhub-incidents/{path.name}", Body=text.encode())
    scheduler = psutil.Process(known.parts["airflow-scheduler"].pid)
    for process in [*scheduler.children(recursive=True), scheduler]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    assert stack.query(open_ones) != [(0,)]  # it was at work
    stack.run("up")
    found = stack.deliveries(before + 1 + CASUALTIES)[before:]
    assert {d["state"] for d in found} <= {"loaded", "superseded"}, found
    for delivery in found:
        _assert_accounts(delivery)
    [whole] = [d for d in found if d["key"].endswith(large.name)]
    assert (whole["rows_read"], whole["rows_rejected"]) == (n_rows, n_bad)
    assert stack.query("SELECT count(*) FROM core.incident WHERE record_key LIKE '%E2E-K%'") == [(CASUALTIES,)]
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
@needs_chromium
def test_people_can_read_data_docs_receipts_and_airflow(stack: Platform, tmp_path: Path) -> None:
    telling = next(d for d in stack.deliveries() if d["rows_rejected"] and d["state"] in ("loaded", "superseded"))
    receipt = tmp_path / "receipt.html"
    stack.run("receipt", str(telling["id"]), "--html", str(receipt))
    base = stack.variable("FOOTPRINTS_AIRFLOW_URL")
    shots = Path(SHOTS or tmp_path)
    with launched() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        foreign: list[str] = []
        problems: list[str] = []
        page.on("request", lambda r: foreign.append(r.url) if not _is_here(r.url) else None)
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        for name, url in (("docs", (stack.home / "data-docs" / "index.html").as_uri()), ("receipt", receipt.as_uri())):
            page.goto(url)
            assert len(page.inner_text("body")) > 200
            page.screenshot(path=shots / f"{name}.png")
            if name == "docs":
                page.locator("td a").first.click()
                page.wait_for_url(lambda url: "index.html" not in url)
                assert "expect" in page.inner_text("body").lower()
                page.screenshot(path=shots / "docs-delivery.png")
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


def test_every_delivery_has_a_receipt_in_the_partners_prefix_and_language(stack: Platform) -> None:
    s3, bucket = stack.s3(), stack.exports()["FOOTPRINTS_LANDING_BUCKET"]
    schema = json.loads((REPOSITORY / "expectations" / "receipt.schema.json").read_text())
    languages = {c.source: c.partner.language for c in load_contracts(REPOSITORY / "expectations").values()}
    for delivery in stack.deliveries():
        prefix = f"receipts/{delivery['partner'] or '_'}/{delivery['source'] or '_'}/{delivery['id']}/"
        assert delivery["receipt_key"].startswith(prefix)
        document = json.loads(s3.get_object(Bucket=bucket, Key=delivery["receipt_key"])["Body"].read())
        jsonschema.validate(document, schema)
        assert document["delivery_id"] == delivery["id"]
        # What a newer delivery has replaced since was answered as loaded.
        assert document["state"] == delivery["state"].replace("superseded", "loaded")
        assert document["counts"]["rows_read"] == delivery["rows_read"]
        page = s3.get_object(Bucket=bucket, Key=delivery["receipt_key"].replace(".json", ".html"))["Body"].read()
        language = languages.get(delivery["source"], "en")
        assert document["language"] == language
        assert page.lower().startswith(b"<!doctype html>")
        assert f'<html lang="{language}"'.encode() in page


def test_no_personal_value_has_left_its_file(stack: Platform) -> None:
    """Neither in a log, a page or a receipt, nor in any table of ours or Airflow's: XComs, asset events and all."""
    needles = [form for secret in SECRETS for form in _forms(secret)]

    def holds(content: bytes) -> bool:
        return any(needle in content for needle in needles)

    store, data = stack.home / "seaweedfs", stack.home / "postgres"  # the partner's file itself; the tables below
    for path in stack.home.rglob("*"):
        if path.is_file() and store not in path.parents and data not in path.parents:
            assert not holds(path.read_bytes()), path
    known = state.load(stack.home)
    airflow = postgres.url(
        known.ports["postgres"],
        airflow_parts.DATABASE,
        airflow_parts.ROLE,
        known.secrets["airflow_database"],
        driver="postgresql",
    )
    n_rows = 0
    for url in (stack.variable("FOOTPRINTS_WAREHOUSE_OWNER_URL").replace("+psycopg", ""), airflow):
        with psycopg.connect(url) as connection:
            for schema, table in connection.execute(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)'"
            ).fetchall():
                for (row,) in connection.execute(f'SELECT t::text FROM "{schema}"."{table}" t'.encode()):
                    n_rows += 1
                    assert not holds(row.encode()), (schema, table)
    assert n_rows > 10_000
    s3, bucket = stack.s3(), stack.exports()["FOOTPRINTS_LANDING_BUCKET"]
    holding: list[str] = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page["Contents"]:
            if holds(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()):
                holding.append(item["Key"])
    assert Counter(key.split("/")[0] for key in holding) == {"landing": 1, "archive": 1, "receipts": 2}
    # Which also proves that the search finds them. The two are the partner's own file, marked, beside its receipt.
    (sent,) = (key for key in holding if key.startswith("landing/"))
    partner, source, name = sent.removeprefix("landing/").split("/")
    (delivery,) = (d for d in stack.deliveries() if d["key"] == sent)
    marked = [key for key in holding if key.startswith("receipts/")]
    assert {key.rsplit("/", 1)[0] for key in marked} == {f"receipts/{partner}/{source}/{delivery['id']}"}
    assert all(Path(name).stem in key.rsplit("/", 1)[-1] for key in marked), marked


def _forms(text: str) -> list[bytes]:
    """A text as it stands in files, in bytea columns, and in URLs."""
    plain = text.encode()
    return [plain, plain.hex().encode(), urllib.parse.quote(text).encode(), urllib.parse.quote_plus(text).encode()]


def test_the_warehouse_rebuilds_equal_from_the_bucket(stack: Platform) -> None:
    result = stack.json("rebuild")
    assert result["is_equal"], {t: result["after"][t] for t in result["before"] if result["before"] != result["after"]}
    assert result["n_deliveries"] > 10
    # What the killed worker had fetched is somebody's data: it went when others fetched theirs.
    for path in Path(tempfile.gettempdir()).glob("footprints-*/object"):
        with contextlib.suppress(FileNotFoundError):  # another stack's, at work
            assert path.read_bytes() != stack.killed_over, path


def test_down_leaves_no_process(stack: Platform) -> None:
    stack_id = state.load(stack.home).stack_id
    assert len(_processes_of(stack.home)) >= 6
    stack.run("down")
    assert processes.marked(stack_id) == []
    assert _processes_of(stack.home) == []


def _processes_of(home: Path) -> list[psutil.Process]:
    """Whatever names this home in its environment, its command or its working directory, but for ourselves."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            told = [*process.environ().values(), *process.cmdline(), process.cwd()]
            if process.pid != os.getpid() and any(str(home) in text for text in told):
                found.append(process)
    return found


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
