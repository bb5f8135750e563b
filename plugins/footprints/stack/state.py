"""What the embedded stack remembers between commands: ports, secrets, processes; and the files it writes for others."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import re
import secrets
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from footprints.errors import ConfigurationError
from footprints.stack import postgres, seaweedfs
from footprints.stack.ports import LOOPBACK
from footprints.stack.processes import Handle

BUCKET = "footprints"
WAREHOUSE = "warehouse"
OWNER, LOADER = "footprints_owner", "footprints_loader"
ANALYST, DASHBOARD = "footprints_analyst", "footprints_dashboard"
ROLES = (OWNER, LOADER, ANALYST, DASHBOARD)
ADMIN = "admin"

SECRETS = (
    "postgres",
    "airflow_database",
    *ROLES,
    "s3_access_key",
    "s3_secret_key",
    "s3_signing_key",
    "webhook_token",
    "privacy_key",
    "airflow_admin",
    "airflow_jwt",
    "airflow_api",
)
PORTS = ("postgres", "s3-master", "s3-volume", "s3-filer", "s3", "airflow-api-server")


@dataclass
class Started:
    """A part that was started: its process, and a fingerprint of what it was started with."""

    pid: int
    created: float
    fingerprint: str

    @property
    def handle(self) -> Handle:
        """The process."""
        return Handle(self.pid, self.created)


@dataclass
class State:
    """Everything in `stack.json`."""

    stack_id: str = field(default_factory=lambda: secrets.token_hex(8))
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    ports: dict[str, int] = field(default_factory=dict)
    parts: dict[str, Started] = field(default_factory=dict)
    airflow_version: str = ""
    """Version of Airflow that the metadata database was last migrated to."""

    def complete_secrets(self) -> None:
        """Generate the secrets that are not there yet; one that exists never changes."""
        for name in SECRETS:
            self.secrets.setdefault(name, secrets.token_urlsafe(24))
        self.secrets.setdefault("airflow_fernet", base64.urlsafe_b64encode(os.urandom(32)).decode())


def path(home: Path) -> Path:
    """The file that holds the state."""
    return home / "stack.json"


def load(home: Path) -> State:
    """The remembered state; a new one where there is none."""
    try:
        raw = json.loads(path(home).read_text())
        raw["parts"] = {name: Started(**part) for name, part in raw["parts"].items()}
        return State(**raw)
    except FileNotFoundError:
        return State()
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(
            f"{path(home)} cannot be read ({type(error).__name__})", "restore it, or remove the directory to start anew"
        ) from None


def save(home: Path, state: State) -> None:
    """Write the state in one step, readable by us only."""
    write_private(path(home), json.dumps(asdict(state), indent=2) + "\n")


def write_private(target: Path, content: str) -> None:
    """Replace a file in one step, with mode 0600 from its first byte."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)


@contextlib.contextmanager
def lock(home: Path) -> Iterator[None]:
    """Only one `up` or `down` at a time on this home."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                "another `footprints up` or `footprints down` is at work here", "wait until it is done"
            ) from None
        yield


CHOSEN = tuple(
    f"FOOTPRINTS_{name}"
    for name in (
        "CONTACT", "FEEDS", "FEED_URLS", "FEED_SECRETS",
        "EXPECTATIONS_DIR", "DATA_DOCS_DIR", "SQS_QUEUE_URL", "CHUNK_ROWS", "GX_ROWS", "CLAIM_LIMIT",
        "CLAIM_TIMEOUT_MINUTES", "MAX_OBJECT_BYTES", "MAX_UNPACKED_BYTES", "DROP_CHECK_BYTES", "DROP_MAX_BYTES",
    )
)  # fmt: skip
"""Settings that whoever starts the stack may choose in the environment; the workers get them too."""


def variables(home: Path, state: State) -> dict[str, str]:
    """The variables of the running stack: what `$FOOTPRINTS_HOME/env` holds and every process gets."""

    def warehouse(role: str) -> str:
        return postgres.url(state.ports["postgres"], WAREHOUSE, role, state.secrets[role])

    return {name: os.environ[name] for name in CHOSEN if name in os.environ} | {
        "FOOTPRINTS_HOME": str(home),
        "FOOTPRINTS_WAREHOUSE_URL": warehouse(LOADER),
        "FOOTPRINTS_WAREHOUSE_READER_URL": warehouse(DASHBOARD),
        "FOOTPRINTS_WAREHOUSE_ANALYST_URL": warehouse(ANALYST),
        "FOOTPRINTS_WAREHOUSE_OWNER_URL": warehouse(OWNER),
        "FOOTPRINTS_LANDING_BUCKET": BUCKET,
        "FOOTPRINTS_ARCHIVE_BUCKET": BUCKET,
        "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{state.ports['s3']}",
        "AWS_ACCESS_KEY_ID": state.secrets["s3_access_key"],
        "AWS_SECRET_ACCESS_KEY": state.secrets["s3_secret_key"],
        "AWS_DEFAULT_REGION": seaweedfs.REGION,
        "FOOTPRINTS_S3_PUBLIC_URL": f"http://{LOOPBACK}:{state.ports['s3']}",
        "FOOTPRINTS_DROP_URL": urls(state)["drop"],
        "FOOTPRINTS_WEBHOOK_TOKEN": state.secrets["webhook_token"],
        "FOOTPRINTS_PRIVACY_KEY": state.secrets["privacy_key"],
        "FOOTPRINTS_AIRFLOW_URL": f"http://{LOOPBACK}:{state.ports['airflow-api-server']}",
        "FOOTPRINTS_AIRFLOW_USER": ADMIN,
        "FOOTPRINTS_AIRFLOW_PASSWORD": state.secrets["airflow_admin"],
    }


def dotenv(values: Mapping[str, str]) -> str:
    """Variables in dotenv form, quoted where a value needs it."""
    lines = []
    for name, value in values.items():
        plain = re.fullmatch(r"[\w./:@%+=,~-]*", value) is not None
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"{name}={value}" if plain else f"{name}='{escaped}'")
    return "\n".join(lines) + "\n"


def exports(home: Path, state: State) -> dict[str, str]:
    """What a person's shell needs for `aws`, `psql` and `python`: the store, and the warehouse as reader only."""
    values = variables(home, state)
    names = (
        "FOOTPRINTS_HOME",
        "AWS_ENDPOINT_URL",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_DEFAULT_REGION",
        "FOOTPRINTS_LANDING_BUCKET",
        "FOOTPRINTS_WAREHOUSE_READER_URL",
    )
    return {name: values[name] for name in names} | {
        "PGHOST": LOOPBACK,
        "PGPORT": str(state.ports["postgres"]),
        "PGUSER": DASHBOARD,
        "PGPASSWORD": state.secrets[DASHBOARD],
        "PGDATABASE": WAREHOUSE,
    }


def export_lines(values: Mapping[str, str]) -> str:
    """`export X=Y` lines, safe to `eval`."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def urls(state: State) -> dict[str, str]:
    """The addresses of `footprints url`: the warehouse's is libpq's, as the reader."""
    return {
        "airflow": f"http://{LOOPBACK}:{state.ports['airflow-api-server']}",
        "drop": f"http://{LOOPBACK}:{state.ports['airflow-api-server']}/footprints/drop",
        "warehouse": postgres.url(
            state.ports["postgres"], WAREHOUSE, DASHBOARD, state.secrets[DASHBOARD], driver="postgresql"
        ),
        "analyst": postgres.url(
            state.ports["postgres"], WAREHOUSE, ANALYST, state.secrets[ANALYST], driver="postgresql"
        ),
        "s3": f"http://{LOOPBACK}:{state.ports['s3']}",
    }
