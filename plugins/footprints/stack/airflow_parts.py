"""Airflow's four processes: their commands, environment and health. Airflow itself is never imported here."""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from footprints.settings import REPOSITORY
from footprints.stack import postgres
from footprints.stack.ports import LOOPBACK
from footprints.stack.state import ADMIN, State, write_private

DATABASE = ROLE = "airflow"

PROCESSES = {
    # Logs are read from the shared directory; serving them would open ports on every interface.
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
HEALTH_NAMES = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}


def version() -> str:
    """The installed version of Airflow."""
    return importlib.metadata.version("apache-airflow-core")


def command(*arguments: str) -> list[str]:
    """An `airflow` command in this Python."""
    return [sys.executable, "-m", "airflow", *arguments]


def parallelism() -> int:
    """Tasks at a time: two per core, since half of a load's time is the database's."""
    return min(16, 2 * (os.cpu_count() or 1))


def common_settings() -> dict[str, str]:
    """Airflow's settings that are the same in the embedded stack and in docker-compose.yaml."""
    return {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        # Forked workers share what airflow_local_settings.py imported once.
        "AIRFLOW__CORE__MP_START_METHOD": "fork",
        "AIRFLOW__API__WORKERS": "1",
        # Low latency on an idle machine: a put must be a run within two seconds.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
        # A supervisor that misses the exit of its task by a hair sleeps for this long before it looks again (5 s).
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # A task whose supervisor was killed is given up after a minute, not five; its deliveries are then free again.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        # Our few DAG files change when somebody edits them, and parsing them costs a core a second or two.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__PRINT_STATS_INTERVAL": "0",
        # Nothing is sent anywhere but to the parts of this stack.
        "AIRFLOW__METRICS__STATSD_ON": "False",
        "GX_ANALYTICS_ENABLED": "False",
    }


def environment(home: Path, state: State) -> dict[str, str]:
    """Airflow's variables for the embedded stack."""
    port = state.ports["airflow-api-server"]
    base = f"http://{LOOPBACK}:{port}"
    return common_settings() | {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__PARALLELISM": str(parallelism()),
        "AIRFLOW__CORE__FERNET_KEY": state.secrets["airflow_fernet"],
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "airflow" / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{base}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url(
            state.ports["postgres"], DATABASE, ROLE, state.secrets["airflow_database"], driver="postgresql+psycopg2"
        ),
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": base,
        "AIRFLOW__API__SECRET_KEY": state.secrets["airflow_api"],
        "AIRFLOW__API_AUTH__JWT_SECRET": state.secrets["airflow_jwt"],
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "airflow" / "logs"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(home / "airflow" / "bundles"),
    }


def write_password(path: Path, password: str) -> None:
    """Write the one user's password where SimpleAuthManager looks for it."""
    write_private(path, json.dumps({ADMIN: password}) + "\n")


def token(port: int, user: str, password: str) -> str | None:
    """A token for Airflow's REST API; None where the login is refused or nobody answers."""
    request = urllib.request.Request(
        f"http://{LOOPBACK}:{port}/auth/token",
        data=json.dumps({"username": user, "password": password}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with _opener().open(request, timeout=10) as answer:
            return str(json.load(answer)["access_token"])
    except (OSError, ValueError, KeyError):
        return None


def _opener() -> urllib.request.OpenerDirector:
    """Never through a proxy of the environment: these are our own loopback addresses."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Health:
    """One of Airflow's health entries."""

    healthy: bool
    heartbeat: float
    """Unix time of the latest heartbeat; 0 where there was none."""


def health(port: int, host: str = LOOPBACK) -> dict[str, Health] | None:
    """What the api-server says of the other three processes; None when it does not answer."""
    try:
        with _opener().open(f"http://{host}:{port}/api/v2/monitor/health", timeout=5) as answer:
            body = json.load(answer)
        # Tasks speak to the first, the store to the second; each takes seconds over its first answer.
        for path in ("execution/health", "footprints/health"):
            _opener().open(f"http://{LOOPBACK}:{port}/{path}", timeout=30).close()
    except (OSError, ValueError):
        return None
    found = {}
    for process, name in HEALTH_NAMES.items():
        entry = body.get(name) or {}
        beat = entry.get(f"latest_{name}_heartbeat")
        found[process] = Health(
            healthy=entry.get("status") == "healthy" and body.get("metadatabase", {}).get("status") == "healthy",
            heartbeat=datetime.fromisoformat(beat).timestamp() if beat else 0.0,
        )
    return found
