"""docker-compose.yaml is valid, and says the same as the embedded stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from footprints.settings import REPOSITORY, Settings
from footprints.stack import airflow_parts, postgres, state
from footprints.stack.seaweedfs import SeaweedFS

COMPOSE = Path(sys.executable).parent / "docker-compose"
AIRFLOW_SERVICES = list(airflow_parts.PROCESSES)


def _example() -> dict[str, str]:
    """The variables of .env.example, each with a value that tells its name."""
    lines = (REPOSITORY / ".env.example").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value or f"value-of-{name}" for name, _, value in pairs}


def _compose(tmp_path: Path, variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    # Compose prefers its environment to the file.
    clean = {name: value for name, value in os.environ.items() if name not in _example()}
    command = [str(COMPOSE), "-f", str(REPOSITORY / "docker-compose.yaml"), "--env-file", str(tmp_path / "env")]
    return subprocess.run([*command, "config", *arguments], capture_output=True, text=True, check=False, env=clean)


@pytest.fixture
def composed(tmp_path: Path) -> dict[str, Any]:
    """The file as compose understands it."""
    done = _compose(tmp_path, _example(), "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def known() -> state.State:
    """A state with every secret and port."""
    one = state.State(ports={name: 11_000 + number for number, name in enumerate(state.PORTS)})
    one.complete_secrets()
    return one


def test_the_file_is_valid(tmp_path: Path) -> None:
    done = _compose(tmp_path, _example(), "-q")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("missing", [name for name in _example() if not name.endswith(("_PORT", "PARALLELISM"))])
def test_a_missing_secret_is_refused(tmp_path: Path, missing: str) -> None:
    done = _compose(tmp_path, {name: value for name, value in _example().items() if name != missing}, "-q")
    assert done.returncode != 0
    assert missing in done.stderr


def test_every_variable_of_the_embedded_stack_is_set(
    composed: dict[str, Any], known: state.State, tmp_path: Path
) -> None:
    embedded = set(state.variables(tmp_path, known)) | set(airflow_parts.environment(tmp_path, known))
    for service in AIRFLOW_SERVICES:
        there = composed["services"][service]["environment"]
        assert embedded - set(there) == set()
        # What whoever starts the embedded stack may choose for feeds, compose can be told too.
        assert {name for name in state.CHOSEN if name.startswith("FOOTPRINTS_FEED")} <= set(there)
        assert {name: there[name] for name in airflow_parts.common_settings()} == airflow_parts.common_settings()


def test_settings_read_the_composed_environment(composed: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in composed["services"]["scheduler"]["environment"].items():
        monkeypatch.setenv(name, value)
    read = Settings()
    assert {name for name, value in read.model_dump().items() if value is None} == {"sqs_queue_url"}
    assert read.need("warehouse_url").endswith("@postgres:5432/warehouse")


def test_the_superusers_password_reaches_the_setup_only(composed: dict[str, Any]) -> None:
    for service in AIRFLOW_SERVICES:
        assert "value-of-POSTGRES_PASSWORD" not in json.dumps(composed["services"][service])
    assert "value-of-POSTGRES_PASSWORD" in composed["services"]["setup"]["environment"]["FOOTPRINTS_ADMIN_URL"]


def test_airflow_runs_the_same_commands(composed: dict[str, Any]) -> None:
    for service, arguments in airflow_parts.PROCESSES.items():
        assert composed["services"][service]["command"] == ["airflow", *arguments]


def test_the_servers_have_the_same_settings(composed: dict[str, Any], tmp_path: Path) -> None:
    command = composed["services"]["postgres"]["command"]
    assert {f"{name}={value}" for name, value in postgres.SERVER_SETTINGS.items()} <= set(command)
    store = SeaweedFS(
        tmp_path,
        master_port=1,
        volume_port=2,
        filer_port=3,
        s3_port=4,
        access_key="value-of-AWS_ACCESS_KEY_ID",
        secret_key="value-of-AWS_SECRET_ACCESS_KEY",
        signing_key="value-of-S3_SIGNING_KEY",
        webhook_url="http://api-server:8080/footprints/events",
        webhook_token="value-of-FOOTPRINTS_WEBHOOK_TOKEN",
        webhook_prefix=f"/buckets/{state.BUCKET}/landing/",
    )
    files, configs = store.files(), composed["configs"]
    assert json.loads(configs["s3-identities"]["content"]) == json.loads(files["s3.json"])
    assert configs["s3-security"]["content"] == files["security.toml"]
    assert configs["s3-notification"]["content"] == files["notification.toml"]
    # Paths and addresses differ, and the container's own ports are the defaults.
    own = ("-dir=", "-ip", "-s3.config=", "-master.port=", "-volume.port=", "-filer.port=", "-s3.port=")
    options = {option for option in store.argv()[1:] if not option.startswith(own)}
    assert options <= set(composed["services"]["s3"]["command"])


def test_every_port_is_on_loopback_and_every_service_has_a_health_check() -> None:
    services = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text())["services"]
    for name, service in services.items():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
        assert name == "setup" or "healthcheck" in service
