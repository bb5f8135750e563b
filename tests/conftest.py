"""Throw-away servers for the tests: the same Postgres and SeaweedFS that `footprints up` starts, made once a run.

Nothing here ever touches a stack that a developer has running: every test has a `FOOTPRINTS_HOME` of its own.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from footprints.settings import Settings, settings
from footprints.stack import ports, processes, state
from footprints.stack.lifecycle import inherited_environment, migrate_warehouse
from footprints.stack.postgres import Postgres
from footprints.stack.seaweedfs import GRPC_OFFSET, REGION, SeaweedFS

TEMPLATE = "warehouse_template"
PARTNER_BUCKET = "partners-own"
PARTNER = {
    "name": "partner",
    "credentials": [{"accessKey": "partner", "secretKey": "partners-secret"}],
    "actions": [f"{action}:{PARTNER_BUCKET}" for action in ("Read", "List")],
}
"""A second identity of the store, as a partner gives us one for a feed: it may read its own bucket and no other."""


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty `FOOTPRINTS_HOME`, and none of the variables that a developer's shell may hold."""
    directory = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("FOOTPRINTS_", "AWS_", "PG", "AIRFLOW")) and name != "FOOTPRINTS_DATA":
                patch.delenv(name)
        patch.setenv("FOOTPRINTS_HOME", str(directory))
        settings.cache_clear()
        yield directory
    settings.cache_clear()


@dataclass(frozen=True)
class Warehouse:
    """The SQLAlchemy URLs of one migrated database, by role."""

    owner: str
    loader: str
    analyst: str
    reader: str


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A running Postgres 18 with our four roles; each role's password is its name."""
    directory = tmp_path_factory.mktemp("postgres")
    server = Postgres(directory, ports.choose(), secrets.token_urlsafe(16), durable=False)
    environment = inherited_environment() | {processes.MARKER: secrets.token_hex(8)}
    server.initialise(environment)
    log = directory / "postgres.log"
    handle = processes.start(server.argv(), environment=environment, directory=directory, log=log)
    try:
        server.wait_ready(lambda: processes.alive(handle))
        for role in state.ROLES:
            server.ensure_role(role, role)
        yield server
    finally:
        processes.stop(handle, first=signal.SIGINT)


def _warehouse(server: Postgres, database: str) -> Warehouse:
    owner, loader, analyst, reader = (server.url(database, role, role) for role in state.ROLES)
    return Warehouse(owner, loader, analyst, reader)


@pytest.fixture(scope="session")
def warehouse_template(postgres_server: Postgres) -> str:
    """Name of a migrated database with reference tables, which the others are copied from."""
    postgres_server.ensure_database(TEMPLATE, state.OWNER)
    postgres_server.allow_connect(TEMPLATE, list(state.ROLES))
    urls = _warehouse(postgres_server, TEMPLATE)
    migrate_warehouse({"FOOTPRINTS_WAREHOUSE_OWNER_URL": urls.owner, "FOOTPRINTS_WAREHOUSE_URL": urls.loader})
    return TEMPLATE


@pytest.fixture(scope="module")
def warehouse(postgres_server: Postgres, warehouse_template: str) -> Iterator[Warehouse]:
    """A fresh, migrated warehouse for a test module."""
    database = f"warehouse_{secrets.token_hex(4)}"
    with postgres_server.connect() as connection:
        connection.execute(f"CREATE DATABASE {database} OWNER {state.OWNER} TEMPLATE {warehouse_template}".encode())
        connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC".encode())
        # sql/roles/grants.sql grants this too, but a copy of a database does not take its rights along.
        connection.execute(f"GRANT TEMPORARY ON DATABASE {database} TO {state.OWNER}, {state.LOADER}".encode())
    postgres_server.allow_connect(database, list(state.ROLES))
    yield _warehouse(postgres_server, database)
    postgres_server.drop_database(database)


@pytest.fixture(scope="module")
def warehouse_url(warehouse: Warehouse) -> str:
    """SQLAlchemy URL of the module's warehouse as the loader."""
    return warehouse.loader


@pytest.fixture(scope="session")
def s3_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A running SeaweedFS, without webhook, that has stored an object."""
    directory = tmp_path_factory.mktemp("seaweedfs")
    chosen: list[int] = []
    for _ in range(4):
        taken = {*chosen, *(port + GRPC_OFFSET for port in chosen)}
        chosen.append(ports.choose(companion=GRPC_OFFSET, taken=taken))
    master, volume, filer, gateway = chosen
    store = SeaweedFS(
        directory,
        master_port=master,
        volume_port=volume,
        filer_port=filer,
        s3_port=gateway,
        access_key="tests",
        secret_key=secrets.token_urlsafe(16),
        signing_key=secrets.token_urlsafe(24),
    )
    store.prepare()
    identities = json.loads((directory / "s3.json").read_text())
    identities["identities"].append(PARTNER)
    (directory / "s3.json").write_text(json.dumps(identities))
    environment = inherited_environment() | {processes.MARKER: secrets.token_hex(8)}
    log = directory / "seaweedfs.log"
    handle = processes.start(store.argv(), environment=environment, directory=directory, log=log)
    try:
        store.wait_ready(state.BUCKET, lambda: processes.alive(handle))
        yield store
    finally:
        processes.stop(handle, patience=1)
        store.remove_sockets()


@pytest.fixture(scope="module")
def s3_bucket(s3_store: SeaweedFS) -> Iterator[str]:
    """Name of a fresh bucket for a test module.

    It goes with the module: each bucket takes seven volumes, and the store has only as many as the free disk allows.
    """
    bucket = f"footprints-{secrets.token_hex(4)}"
    s3_store.wait_ready(bucket, lambda: True)
    yield bucket
    s3_store.client().delete_bucket(Bucket=bucket)


@pytest.fixture(scope="module")
def platform(warehouse: Warehouse, s3_store: SeaweedFS, s3_bucket: str) -> Iterator[Settings]:
    """The environment of a running platform without Airflow: `settings()` has the module's warehouse and bucket."""
    values = {
        "FOOTPRINTS_WAREHOUSE_URL": warehouse.loader,
        "FOOTPRINTS_WAREHOUSE_READER_URL": warehouse.reader,
        "FOOTPRINTS_WAREHOUSE_OWNER_URL": warehouse.owner,
        "FOOTPRINTS_LANDING_BUCKET": s3_bucket,
        "FOOTPRINTS_DROP_URL": "http://127.0.0.1:8080/footprints/drop",
        "FOOTPRINTS_WEBHOOK_TOKEN": "token-of-the-tests",
        "FOOTPRINTS_PRIVACY_KEY": "key-of-the-tests",
        "AWS_ENDPOINT_URL": s3_store.endpoint,
        "AWS_ACCESS_KEY_ID": s3_store.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_store.secret_key,
        "AWS_DEFAULT_REGION": REGION,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        settings.cache_clear()
        yield settings()
    settings.cache_clear()
