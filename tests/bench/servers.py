"""The servers of a measurement: the embedded Postgres, with fsync, and SeaweedFS, in a directory of their own."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from footprints.stack import ports, processes, state
from footprints.stack.lifecycle import inherited_environment, migrate_warehouse
from footprints.stack.postgres import SUPERUSER, Postgres
from footprints.stack.seaweedfs import GRPC_OFFSET, REGION, SeaweedFS

TEMPLATE = "warehouse_template"


@dataclass(frozen=True)
class Warehouse:
    """A migrated database: its SQLAlchemy URLs."""

    name: str
    superuser: str
    owner: str
    loader: str


@dataclass(frozen=True)
class Servers:
    """What runs; each measurement gets a fresh warehouse and a fresh bucket."""

    postgres: Postgres
    store: SeaweedFS | None

    def warehouse(self) -> Warehouse:
        """A fresh warehouse, migrated, with its reference tables."""
        name = f"warehouse_{secrets.token_hex(4)}"
        with self.postgres.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {state.OWNER} TEMPLATE {TEMPLATE}".encode())
            # A copy of a database does not take its rights along.
            connection.execute(f"GRANT TEMPORARY ON DATABASE {name} TO {state.OWNER}, {state.LOADER}".encode())
        self.postgres.allow_connect(name, list(state.ROLES))
        return self._urls(name)

    def bucket(self) -> str:
        """A fresh bucket."""
        assert self.store is not None
        name = f"bench-{secrets.token_hex(4)}"
        self.store.wait_ready(name, lambda: True)
        return name

    def settle(self) -> None:
        """Writes out what earlier work left in memory, so that the next measurement does not pay for it."""
        with self.postgres.connect() as connection:
            connection.execute("CHECKPOINT")
        os.sync()

    def environment(self, warehouse: Warehouse, bucket: str) -> dict[str, str]:
        """The variables of a worker."""
        assert self.store is not None
        return {
            "FOOTPRINTS_WAREHOUSE_URL": warehouse.loader,
            "FOOTPRINTS_LANDING_BUCKET": bucket,
            "FOOTPRINTS_PRIVACY_KEY": "key-of-the-benchmark",
            "AWS_ENDPOINT_URL": self.store.endpoint,
            "AWS_ACCESS_KEY_ID": self.store.access_key,
            "AWS_SECRET_ACCESS_KEY": self.store.secret_key,
            "AWS_DEFAULT_REGION": REGION,
        }

    def make_template(self) -> None:
        """The database that the others are copies of."""
        self.postgres.ensure_database(TEMPLATE, state.OWNER)
        self.postgres.allow_connect(TEMPLATE, list(state.ROLES))
        urls = self._urls(TEMPLATE)
        migrate_warehouse({"FOOTPRINTS_WAREHOUSE_OWNER_URL": urls.owner, "FOOTPRINTS_WAREHOUSE_URL": urls.loader})
        # As autovacuum does within a minute of a warehouse's first day, at a moment of its own choice.
        with self.postgres.connect(TEMPLATE) as connection:
            connection.execute("VACUUM (ANALYZE)")

    def _urls(self, name: str) -> Warehouse:
        url = self.postgres.url
        return Warehouse(
            name,
            url(name, SUPERUSER, self.postgres.password),
            url(name, state.OWNER, state.OWNER),
            url(name, state.LOADER, state.LOADER),
        )


@contextmanager
def servers(directory: Path, *, store: bool = True) -> Iterator[Servers]:
    """Starts Postgres, and SeaweedFS where asked for; stops them at the end."""
    environment = inherited_environment() | {processes.MARKER: secrets.token_hex(8)}
    with ExitStack() as stack:
        home = directory / "postgres"
        postgres = Postgres(home, ports.choose(), secrets.token_urlsafe(16), durable=True)
        postgres.initialise(environment)
        handle = processes.start(postgres.argv(), environment=environment, directory=home, log=home / "log")
        stack.callback(processes.stop, handle, first=signal.SIGINT)
        postgres.wait_ready(lambda: processes.alive(handle))
        for role in state.ROLES:
            postgres.ensure_role(role, role)
        running = Servers(postgres, _store(directory / "seaweedfs", environment, stack) if store else None)
        running.make_template()
        yield running


def _store(directory: Path, environment: dict[str, str], stack: ExitStack) -> SeaweedFS:
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
        access_key="bench",
        secret_key=secrets.token_urlsafe(16),
        signing_key=secrets.token_urlsafe(24),
    )
    store.prepare()
    handle = processes.start(store.argv(), environment=environment, directory=directory, log=directory / "log")
    stack.callback(store.remove_sockets)
    stack.callback(processes.stop, handle, patience=1)
    store.wait_ready(state.BUCKET, lambda: processes.alive(handle))
    return store
