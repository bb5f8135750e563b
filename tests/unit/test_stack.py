"""The embedded stack without its servers: ports, files for others, and who is whose process."""

from __future__ import annotations

import io
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from dotenv import dotenv_values

from footprints.errors import ConfigurationError
from footprints.settings import Settings
from footprints.stack import airflow_parts, lifecycle, ports, processes, state


@pytest.fixture
def known() -> state.State:
    """A state with every secret and port."""
    one = state.State(ports={name: 11_000 + number for number, name in enumerate(state.PORTS)})
    one.complete_secrets()
    return one


def test_a_remembered_port_is_kept_while_it_is_free() -> None:
    port = ports.choose()
    assert ports.choose(port) == port


def test_a_remembered_port_that_somebody_took_is_chosen_anew() -> None:
    with socket.socket() as other:
        other.bind((ports.LOOPBACK, 0))
        other.listen()
        taken = other.getsockname()[1]
        assert not ports.is_free(taken)
        assert ports.choose(taken) != taken


def test_the_port_above_must_be_free_too() -> None:
    with socket.socket() as other:
        other.bind((ports.LOOPBACK, ports.choose() + 10_000))
        other.listen()
        grpc = other.getsockname()[1]
        chosen = ports.choose(grpc - 10_000, companion=10_000)
    assert chosen != grpc - 10_000
    assert chosen + 10_000 <= 65_535


def test_a_port_given_to_another_part_is_not_given_again() -> None:
    port = ports.choose()
    assert ports.choose(port, taken={port}) != port


def test_the_environment_file_is_private_and_read_back_as_it_was(tmp_path: Path) -> None:
    values = {"PLAIN": "postgresql+psycopg://a:b@127.0.0.1:1/c", "ODD": 'it\'s # a "thing" \\ here', "EMPTY": ""}
    state.write_private(tmp_path / "env", state.dotenv(values))
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600
    assert dotenv_values(stream=io.StringIO((tmp_path / "env").read_text()), interpolate=False) == values


def test_the_environment_file_fills_every_setting_without_a_default(
    tmp_path: Path, known: state.State, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "env"
    state.write_private(path, state.dotenv(state.variables(tmp_path, known)))
    read = Settings(_env_file=path)  # type: ignore[call-arg]
    optional = {"sqs_queue_url"}  # the webhook takes its place here
    assert {name for name, value in read.model_dump().items() if value is None} == optional


def test_exports_hold_no_password_but_the_readers(tmp_path: Path, known: state.State) -> None:
    printed = state.export_lines(state.exports(tmp_path, known))
    for secret in (state.LOADER, state.OWNER, state.ANALYST, "postgres", "airflow_database", "privacy_key"):
        assert known.secrets[secret] not in printed
    assert known.secrets[state.DASHBOARD] in printed
    shell = subprocess.run(
        ["sh", "-c", f"{printed}\nprintenv PGDATABASE AWS_ENDPOINT_URL"], capture_output=True, text=True, check=True
    )
    assert shell.stdout.split() == ["warehouse", f"http://127.0.0.1:{known.ports['s3']}"]


def test_state_survives_a_round_trip_and_secrets_never_change(tmp_path: Path, known: state.State) -> None:
    known.parts["s3"] = state.Started(1, 2.5, "f")
    state.save(tmp_path, known)
    again = state.load(tmp_path)
    again.complete_secrets()
    assert again == known


def test_an_unreadable_state_says_so(tmp_path: Path) -> None:
    state.path(tmp_path).write_text("{")
    with pytest.raises(ConfigurationError, match=r"stack\.json cannot be read"):
        state.load(tmp_path)


def test_only_one_command_at_a_time(tmp_path: Path) -> None:
    with state.lock(tmp_path), pytest.raises(ConfigurationError, match="another"), state.lock(tmp_path):
        pass


def test_a_pid_that_is_somebody_elses_by_now_is_not_our_process() -> None:
    me = psutil.Process()
    assert processes.alive(processes.Handle(me.pid, me.create_time()))
    impostor = processes.Handle(me.pid, me.create_time() - 60)
    assert not processes.alive(impostor)
    processes.stop(impostor)  # or this test would have ended here


def test_stop_ends_the_whole_family_and_a_deaf_process_too(tmp_path: Path) -> None:
    code = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        # As Airflow's tasks do, the child leaves the group.
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], process_group=0)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    log = tmp_path / "log"
    handle = processes.start([sys.executable, "-c", code], environment=dict(os.environ), directory=tmp_path, log=log)
    child = _wait_for_number(log)
    processes.stop(handle, patience=0.3)
    assert not processes.alive(handle)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_what_a_killed_parent_left_is_found_by_its_marker(tmp_path: Path) -> None:
    code = (
        "import subprocess, time\n"
        "print(subprocess.Popen(['sleep', '60'], process_group=0).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = dict(os.environ) | {processes.MARKER: "of-this-test"}
    log = tmp_path / "log"
    handle = processes.start([sys.executable, "-c", code], environment=environment, directory=tmp_path, log=log)
    child = _wait_for_number(log)
    os.kill(handle.pid, signal.SIGKILL)
    left = processes.marked("of-this-test")
    processes.kill(left)
    assert child in {one.pid for one in left}
    assert processes.marked("of-this-test") == []


def test_a_part_whose_settings_change_has_another_fingerprint(tmp_path: Path) -> None:
    def part(**environment: str) -> lifecycle.Part:
        return lifecycle.Part("s3", ["weed"], environment, tmp_path, tmp_path / "log")

    assert part(A="1").fingerprint() == part(A="1").fingerprint()
    assert part(A="1").fingerprint() != part(A="2").fingerprint()


def test_another_airflows_variables_do_not_reach_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW_HOME", "AIRFLOW__CORE__EXECUTOR", "PGPASSWORD", "AWS_PROFILE", "FOOTPRINTS_SQL_DIR"):
        monkeypatch.setenv(name, "foreign")
    assert "foreign" not in lifecycle.inherited_environment().values()


def test_a_stack_that_never_ran_is_down(tmp_path: Path) -> None:
    assert lifecycle.down(tmp_path / "none") == []
    assert not any(part.healthy for part in lifecycle.status(tmp_path / "none"))
    with pytest.raises(lifecycle.StackError, match="not running"):
        lifecycle.running_state(tmp_path / "none")


def test_nobody_answers_for_airflow() -> None:
    assert airflow_parts.health(ports.choose()) is None


def _wait_for_number(log: Path) -> int:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        text = log.read_text().strip()
        if text:
            return int(text)
        time.sleep(0.05)
    raise AssertionError("the process printed no pid")
