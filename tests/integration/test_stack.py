"""The embedded stack with its real servers, from `up` to no process left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError

from footprints.stack import airflow_parts, lifecycle, postgres, processes, state

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a stack that is up."""
    directory = tmp_path_factory.mktemp("stack")
    try:
        lifecycle.up(directory)
        yield directory
    finally:
        lifecycle.down(directory, delete=True)


@pytest.fixture
def exports(home: Path) -> dict[str, str]:
    """What `footprints env` exports."""
    return state.exports(*lifecycle.running_state(home))


def _pids(home: Path) -> dict[str, int]:
    return {part.part: part.pid for part in lifecycle.status(home) if part.pid}


def test_all_parts_are_healthy(home: Path) -> None:
    found = lifecycle.status(home)
    assert [part.part for part in found if part.healthy] == list(lifecycle.PARTS)


def test_everything_listens_on_loopback_only(home: Path) -> None:
    known = lifecycle.running_state(home)[1]
    n_listening = 0
    for process in processes.marked(known.stack_id):
        with contextlib.suppress(psutil.NoSuchProcess):  # a task that has just ended
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    assert connection.laddr.ip == "127.0.0.1", (process.cmdline(), connection)
                    n_listening += 1
    assert n_listening >= 3  # Postgres, SeaweedFS, the API server


def test_up_again_starts_nothing(home: Path) -> None:
    before = _pids(home)
    assert lifecycle.up(home).started == []
    assert _pids(home) == before


def test_an_object_can_be_put_with_the_exported_keys_only(exports: dict[str, str]) -> None:
    def client(secret: str):  # type: ignore[no-untyped-def]
        return boto3.client(
            "s3",
            endpoint_url=exports["AWS_ENDPOINT_URL"],
            aws_access_key_id=exports["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=secret,
            region_name=exports["AWS_DEFAULT_REGION"],
        )

    bucket = exports["FOOTPRINTS_LANDING_BUCKET"]
    good = client(exports["AWS_SECRET_ACCESS_KEY"])
    good.put_object(Bucket=bucket, Key="test/object", Body=b"kept")
    with pytest.raises(ClientError):
        client("wrong").put_object(Bucket=bucket, Key="test/object", Body=b"lost")
    assert good.get_object(Bucket=bucket, Key="test/object")["Body"].read() == b"kept"


def test_psql_connects_as_the_reader(exports: dict[str, str]) -> None:
    def psql(query: str) -> subprocess.CompletedProcess[str]:
        command = [str(postgres.binaries() / "psql"), "-XAtc", query]
        return subprocess.run(command, env=os.environ | exports, capture_output=True, text=True, check=False)

    assert psql("SELECT current_user, current_database()").stdout.strip() == f"{state.DASHBOARD}|warehouse"
    assert psql("SELECT 1 FROM core.country").returncode != 0  # it sees `trends` only


def test_a_killed_part_is_started_again_and_its_data_are_there(home: Path, exports: dict[str, str]) -> None:
    before = _pids(home)
    for part in ("s3", "airflow-scheduler"):
        os.kill(before[part], signal.SIGKILL)
    _until_dead(before["s3"], before["airflow-scheduler"])
    assert [part.part for part in lifecycle.status(home) if part.pid is None] == ["s3", "airflow-scheduler"]
    lifecycle.up(home)
    after = _pids(home)
    assert {part for part in before if before[part] == after[part]} == set(before) - {"s3", "airflow-scheduler"}
    store = boto3.client(
        "s3",
        endpoint_url=exports["AWS_ENDPOINT_URL"],
        aws_access_key_id=exports["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=exports["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
    assert store.get_object(Bucket=state.BUCKET, Key="test/object")["Body"].read() == b"kept"


def test_a_killed_database_comes_back(home: Path) -> None:
    pid = _pids(home)["postgres"]
    os.kill(pid, signal.SIGKILL)
    _until_dead(pid)
    lifecycle.up(home)
    assert all(part.healthy for part in lifecycle.status(home))


def test_airflow_asks_for_the_password(home: Path) -> None:
    known = lifecycle.running_state(home)[1]
    port = known.ports["airflow-api-server"]
    assert airflow_parts.token(port, state.ADMIN, known.secrets["airflow_admin"])
    assert airflow_parts.token(port, state.ADMIN, "wrong") is None


def test_down_leaves_no_process_and_keeps_the_data(home: Path) -> None:
    stack_id = lifecycle.running_state(home)[1].stack_id
    pids = list(_pids(home).values())
    lifecycle.down(home)
    _until_dead(*pids)
    assert processes.marked(stack_id) == []
    assert not (home / "env").exists()
    assert (home / "postgres" / "data" / "PG_VERSION").exists()
    assert lifecycle.down(home) == []


def _until_dead(*pids: int) -> None:
    end = time.monotonic() + 10
    for pid in pids:
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < end, f"{pid} still runs"
            time.sleep(0.05)


def test_a_part_that_fails_is_named_and_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle.SeaweedFS, "argv", lambda self: [sys.executable, "-c", "print('no disk left')"])
    with pytest.raises(lifecycle.StackError) as caught:
        lifecycle.up(tmp_path)
    assert caught.value.message.startswith("s3 did not become ready")
    assert "no disk left" in caught.value.hint
    known = state.load(tmp_path)
    assert known.parts == {}
    assert processes.marked(known.stack_id) == []
    assert not (tmp_path / "env").exists()
