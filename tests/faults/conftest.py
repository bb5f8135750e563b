"""A Postgres that forces every commit to disk and may be killed, and a door to the store that can be shut."""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Warehouse

from footprints.stack import ports, processes, state
from footprints.stack.lifecycle import inherited_environment, migrate_warehouse
from footprints.stack.postgres import Postgres

TEMPLATE = "faults_template"


class DurableServer:
    """A Postgres that runs with fsync, and that can be killed with all its processes and started again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.server = Postgres(directory, ports.choose(), secrets.token_urlsafe(16))
        self.environment = inherited_environment() | {processes.MARKER: secrets.token_hex(8)}
        self.server.initialise(self.environment)
        self.start()
        for role in state.ROLES:
            self.server.ensure_role(role, role)
        self.server.ensure_database(TEMPLATE, state.OWNER)
        self.server.allow_connect(TEMPLATE, list(state.ROLES))
        urls = self.urls(TEMPLATE)
        migrate_warehouse({"FOOTPRINTS_WAREHOUSE_OWNER_URL": urls.owner, "FOOTPRINTS_WAREHOUSE_URL": urls.loader})

    def start(self) -> None:
        """Starts it and waits until it answers, after whatever recovery it needs."""
        log = self.directory / "postgres.log"
        self.handle = processes.start(
            self.server.argv(), environment=self.environment, directory=self.directory, log=log
        )
        self.server.wait_ready(lambda: processes.alive(self.handle))

    def kill(self) -> None:
        """Kills the postmaster and every process below it at once."""
        postmaster = processes.find(self.handle)
        assert postmaster is not None
        processes.kill([postmaster, *postmaster.children(recursive=True)])
        processes.kill(self.server.leftovers())

    def stop(self) -> None:
        """Stops it."""
        processes.stop(self.handle, first=signal.SIGINT)

    def urls(self, database: str) -> Warehouse:
        """URLs of a database by role."""
        owner, loader, analyst, reader = (self.server.url(database, role, role) for role in state.ROLES)
        return Warehouse(owner, loader, analyst, reader)

    def fresh(self) -> Warehouse:
        """A migrated database."""
        database = f"faults_{secrets.token_hex(4)}"
        with self.server.connect() as connection:
            connection.execute(f"CREATE DATABASE {database} OWNER {state.OWNER} TEMPLATE {TEMPLATE}".encode())
            connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC".encode())
            connection.execute(f"GRANT TEMPORARY ON DATABASE {database} TO {state.OWNER}, {state.LOADER}".encode())
        self.server.allow_connect(database, list(state.ROLES))
        return self.urls(database)


@pytest.fixture(scope="session")
def durable_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DurableServer]:
    """The Postgres to be killed."""
    made = DurableServer(tmp_path_factory.mktemp("durable"))
    yield made
    made.stop()


class Door:
    """A port that leads to the store, byte by byte, while it is open."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.pairs: list[socket.socket] = []
        self.listener: socket.socket | None = None
        self.port = 0
        self.open()

    @property
    def endpoint(self) -> str:
        """The store's address through the door."""
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Lets connections through."""
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def shut(self) -> None:
        """Cuts every connection and refuses new ones."""
        assert self.listener is not None
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for pair in self.pairs:
            with contextlib.suppress(OSError):
                pair.shutdown(socket.SHUT_RDWR)
            pair.close()
        self.pairs.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                inner, _ = listener.accept()
                outer = socket.create_connection(self.target)
            except OSError:
                return
            self.pairs += [inner, outer]
            for a, b in ((inner, outer), (outer, inner)):
                threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
