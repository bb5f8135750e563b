"""`up`, `down` and `status` of the embedded stack."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from footprints.errors import FootprintsError
from footprints.settings import home as default_home
from footprints.settings import settings
from footprints.stack import airflow_parts as airflow
from footprints.stack import ports, processes, state
from footprints.stack.postgres import Postgres
from footprints.stack.seaweedfs import GRPC_OFFSET, SeaweedFS, allow_uploads_from
from footprints.stack.state import BUCKET, OWNER, ROLES, WAREHOUSE, Started, State

PARTS = ("postgres", "s3", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
AIRFLOW_PARTS = PARTS[2:]
PATIENCE = 180
"""Seconds that a part may take to become healthy: a loaded machine is slow, a broken part ends by itself."""

Progress = Callable[[str, str], None]
"""Called with a part's name and what it is doing: `starting`, `ready`, `running`, `stopped` and the like."""


class StackError(FootprintsError):
    """A part of the embedded stack did not start or stop."""

    exit_code = 7


@dataclass(frozen=True)
class Part:
    """How a part is run."""

    name: str
    argv: list[str]
    environment: dict[str, str] = field(repr=False)
    directory: Path
    log: Path
    files: Mapping[str, str] = field(default_factory=dict, repr=False)

    def fingerprint(self) -> str:
        """Changes with anything that needs a restart of the part."""
        parts = json.dumps([self.argv, sorted(self.environment.items()), sorted(self.files.items())])
        return hashlib.sha256(parts.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class PartStatus:
    """What `footprints status` says of a part."""

    part: str
    pid: int | None
    port: int | None
    healthy: bool
    log: str


@dataclass(frozen=True)
class Result:
    """What `up` did: the parts that it started, and the addresses of the stack."""

    started: list[str]
    urls: dict[str, str]
    seconds: float


class _Stack:
    """The stack of one home directory, while a command works on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.state = state.load(home)

    # ---------------------------------------------------------------- what the parts are

    def postgres(self) -> Postgres:
        return Postgres(self.home / "postgres", self.state.ports["postgres"], self.state.secrets["postgres"])

    def s3(self) -> SeaweedFS:
        values, known = self.state.secrets, self.state.ports
        return SeaweedFS(
            self.home / "seaweedfs",
            master_port=known["s3-master"],
            volume_port=known["s3-volume"],
            filer_port=known["s3-filer"],
            s3_port=known["s3"],
            access_key=values["s3_access_key"],
            secret_key=values["s3_secret_key"],
            signing_key=values["s3_signing_key"],
            webhook_url=f"http://{ports.LOOPBACK}:{known['airflow-api-server']}/footprints/events",
            webhook_token=values["webhook_token"],
            webhook_prefix=f"/buckets/{BUCKET}/landing/",
        )

    def log(self, part: str) -> Path:
        return self.home / "logs" / f"{part}.log"

    def make_directories(self) -> None:
        """Closed to other users, but for the one of Postgres, which closes its own."""
        for name in ("seaweedfs", "airflow", "logs"):
            (self.home / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def parts(self) -> dict[str, Part]:
        base = {processes.MARKER: self.state.stack_id, "SPT_NOENV": "1", "NO_PROXY": ports.LOOPBACK}
        base["no_proxy"] = base["NO_PROXY"]
        server, store = self.postgres(), self.s3()
        found = [
            Part("postgres", server.argv(), base, server.directory, self.log("postgres")),
            Part("s3", store.argv(), base, store.directory, self.log("s3"), store.files()),
        ]
        values = base | state.variables(self.home, self.state) | airflow.environment(self.home, self.state)
        for process, arguments in airflow.PROCESSES.items():
            name = f"airflow-{process}"
            found.append(Part(name, airflow.command(*arguments), values, self.home / "airflow", self.log(name)))
        return {part.name: part for part in found}

    # ---------------------------------------------------------------- processes

    def handle(self, part: str) -> processes.Handle | None:
        started = self.state.parts.get(part)
        return started.handle if started else None

    def alive(self, part: str) -> bool:
        return processes.alive(self.handle(part))

    def start(self, part: Part) -> None:
        started = processes.start(
            part.argv,
            environment=inherited_environment() | part.environment,
            directory=part.directory,
            log=part.log,
        )
        self.state.parts[part.name] = Started(started.pid, started.created, part.fingerprint())
        # At once: after a kill -9 of this command, the next one still knows what it started.
        state.save(self.home, self.state)

    def stop(self, part: str) -> None:
        first, patience = {
            # Postgres: SIGINT is the fast shutdown, which closes connections and writes a checkpoint.
            "postgres": (signal.SIGINT, 30.0),
            # The filer waits 15 s for streams of its own that never end; what it acknowledged is on disk before.
            "s3": (signal.SIGTERM, 2.0),
            "airflow-api-server": (signal.SIGTERM, 5.0),
            # Running tasks may finish; one that does not is killed, and its claim is taken up again.
            "airflow-scheduler": (signal.SIGTERM, 20.0),
        }.get(part, (signal.SIGTERM, 10.0))
        processes.stop(self.handle(part), first=first, patience=patience)
        self.state.parts.pop(part, None)

    def kill_orphans(self) -> None:
        """End what killed parts left behind: our marker, but not below a living part."""
        family = set()
        for part in self.state.parts:
            process = processes.find(self.handle(part))
            if process is not None:
                family |= {process.pid, *(child.pid for child in process.children(recursive=True))}
        processes.kill(one for one in processes.marked(self.state.stack_id) if one.pid not in family)
        if "postgres" in self.state.ports and not self.alive("postgres"):
            # Backends of a killed postmaster notice it themselves; a new one refuses to start until they are gone.
            processes.kill(self.postgres().leftovers())
            # Its pid may be a zombie that nobody reaps, or somebody else's by now: a new server would not start.
            (self.postgres().data / "postmaster.pid").unlink(missing_ok=True)


def inherited_environment() -> dict[str, str]:
    """Our own environment without what would change a server: another Airflow's, Postgres's or AWS's variables."""
    foreign = ("AIRFLOW", "PG", "AWS_", "FOOTPRINTS_", "WEED_", "_AIRFLOW", "PYTHONDONTWRITEBYTECODE")
    kept = ("AWS_CA_BUNDLE",)  # of this machine, whatever the store
    return {name: value for name, value in os.environ.items() if name in kept or not name.startswith(foreign)}


# -------------------------------------------------------------------------------------- up


def up(home: Path | None = None, progress: Progress = lambda part, what: None) -> Result:
    """Start what does not run, wait until everything is healthy, and write `$FOOTPRINTS_HOME/env`.

    Where it fails or is interrupted, it stops what it started and raises.
    """
    began = time.monotonic()
    home = (home or default_home()).resolve()
    with state.lock(home):
        stack = _Stack(home)
        stack.make_directories()
        stack.state.complete_secrets()
        _choose_ports(stack)
        state.save(home, stack.state)
        wanted = stack.parts()
        for name, part in wanted.items():
            started = stack.state.parts.get(name)
            if not started or not stack.alive(name):
                continue
            if started.fingerprint != part.fingerprint():
                progress(name, "its settings changed: stopping")
                stack.stop(name)
        todo = [name for name in PARTS if not stack.alive(name)]
        if "postgres" in todo:
            # Airflow's processes lost their database, and would end on their own some time from now.
            for name in AIRFLOW_PARTS:
                if name not in todo:
                    progress(name, "its database ended: stopping")
                    stack.stop(name)
            todo = [name for name in PARTS if name in todo or name in AIRFLOW_PARTS]
        stack.kill_orphans()
        for name in PARTS:
            progress(name, "waiting" if name in todo else "running")
        try:
            _Start(stack, wanted, todo, progress).run()
        except BaseException:
            for name in reversed(PARTS):
                if name in todo:
                    stack.stop(name)
            stack.kill_orphans()
            state.save(home, stack.state)
            if not any(stack.alive(name) for name in PARTS):
                (home / "env").unlink(missing_ok=True)
            raise
        state.save(home, stack.state)
        # The settings of this process were perhaps read before the file was there.
        settings.cache_clear()
        return Result(todo, state.urls(stack.state), time.monotonic() - began)


def _choose_ports(stack: _Stack) -> None:
    """Keep the ports of what runs; keep or replace the others."""
    owner = {name: name if name in PARTS else "s3" for name in state.PORTS}
    known = stack.state.ports
    kept = {name for name in state.PORTS if name in known and stack.alive(owner[name])}
    taken: set[int] = set()
    for name in sorted(state.PORTS, key=lambda one: one not in kept):
        companion = GRPC_OFFSET if owner[name] == "s3" else 0
        if name not in kept:
            known[name] = ports.choose(known.get(name), companion=companion, taken=taken)
        taken |= {known[name], known[name] + companion}


class _Start:
    """One `up` at work: servers side by side, then the databases side by side, then Airflow's processes at once."""

    def __init__(self, stack: _Stack, wanted: Mapping[str, Part], todo: list[str], progress: Progress) -> None:
        self.stack = stack
        self.wanted = wanted
        self.todo = todo
        self.progress = progress
        self.cancelled = threading.Event()
        self.saving = threading.Lock()

    def run(self) -> None:
        with ThreadPoolExecutor(4) as pool:
            try:
                storing = pool.submit(self.store)
                pool.submit(self.database).result()
                values = state.variables(self.stack.home, self.stack.state)
                state.write_private(self.stack.home / "env", state.dotenv(values))
                password = self.stack.state.secrets["airflow_admin"]
                airflow.write_password(self.stack.home / "airflow" / "passwords.json", password)
                for future in [pool.submit(self.metadata), pool.submit(self.warehouse), storing]:
                    future.result()
                for name in AIRFLOW_PARTS:
                    if name in self.todo:
                        self.launch(name)
                _wait_for_airflow(self.stack, self.progress)
            except BaseException:
                # Before the pool waits for its threads.
                self.cancelled.set()
                raise

    def launch(self, name: str) -> None:
        self.progress(name, "starting")
        with self.saving:
            if not self.cancelled.is_set():
                self.stack.start(self.wanted[name])

    def goes_on(self, name: str) -> bool:
        return self.stack.alive(name) and not self.cancelled.is_set()

    def database(self) -> None:
        server = self.stack.postgres()
        with _blame(self.stack, "postgres"):
            if "postgres" in self.todo:
                server.initialise(inherited_environment())
                self.launch("postgres")
                server.wait_ready(lambda: self.goes_on("postgres"), PATIENCE)
            _prepare_databases(self.stack, server)
        self.progress("postgres", "ready")

    def store(self) -> None:
        store = self.stack.s3()
        with _blame(self.stack, "s3"):
            if "s3" in self.todo:
                store.prepare()
                self.launch("s3")
            store.wait_ready(BUCKET, lambda: self.goes_on("s3"), PATIENCE)
            allow_uploads_from(store.client(), BUCKET, state.urls(self.stack.state)["drop"])
        self.progress("s3", "ready")

    def metadata(self) -> None:
        if self.stack.state.airflow_version != airflow.version():
            self.progress("airflow-api-server", "migrating its database")
            _migrate_airflow(self.stack, self.wanted["airflow-api-server"], self.cancelled)
            self.stack.state.airflow_version = airflow.version()

    def warehouse(self) -> None:
        self.progress("postgres", "migrating the warehouse")
        migrate_warehouse(state.variables(self.stack.home, self.stack.state))
        self.progress("postgres", "ready")


@contextlib.contextmanager
def _blame(stack: _Stack, part: str) -> Iterator[None]:
    """Turn what goes wrong while a part starts into one line that names it, with the end of its log."""
    try:
        yield
    except (TimeoutError, OSError, psycopg.Error) as error:
        raise _failure(stack, part, str(error) or type(error).__name__) from None


def _failure(stack: _Stack, part: str, what: str) -> StackError:
    log = stack.log(part)
    ended = "" if stack.alive(part) else " (its process ended)"
    return StackError(
        f"{part} did not become ready: {what.splitlines()[0]}{ended}", f"see {log}\n{processes.tail(log)}"
    )


def _prepare_databases(stack: _Stack, server: Postgres) -> None:
    """Roles and databases; every statement may run again."""
    server.ensure_role(airflow.ROLE, stack.state.secrets["airflow_database"])
    for role in ROLES:
        server.ensure_role(role, stack.state.secrets[role])
    server.ensure_database(airflow.DATABASE, airflow.ROLE)
    server.ensure_database(WAREHOUSE, OWNER)
    server.allow_connect(WAREHOUSE, [role for role in ROLES if role != OWNER])


def migrate_warehouse(values: Mapping[str, str]) -> None:
    """Bring the warehouse to this version and its reference tables up to date."""
    # Here, because they import pandas and the like, which `down` and `status` do not need.
    from sqlalchemy import create_engine

    from footprints.warehouse import migrate, reference

    migrate.migrate(values["FOOTPRINTS_WAREHOUSE_OWNER_URL"])
    engine = create_engine(values["FOOTPRINTS_WAREHOUSE_URL"])
    try:
        reference.sync(engine)
    finally:
        engine.dispose()


def _migrate_airflow(stack: _Stack, part: Part, cancelled: threading.Event) -> None:
    log = stack.log("airflow-migrate")
    with log.open("ab") as output:
        process = subprocess.Popen(
            airflow.command("db", "migrate"),
            env=inherited_environment() | part.environment,
            cwd=part.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    while process.poll() is None:
        if cancelled.wait(0.1):
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise StackError("airflow db migrate failed", f"see {log}\n{processes.tail(log)}")


def _wait_for_airflow(stack: _Stack, progress: Progress) -> None:
    """Until all four are healthy, each by a heartbeat of the process that runs now."""
    end = time.monotonic() + PATIENCE
    waiting = list(AIRFLOW_PARTS)
    while waiting:
        found = airflow.health(stack.state.ports["airflow-api-server"])
        for name in list(waiting):
            if not stack.alive(name):
                raise _failure(stack, name, "it ended while starting")
            if _airflow_healthy(stack, name, found):
                waiting.remove(name)
                progress(name, "ready")
        if waiting and time.monotonic() > end:
            raise _failure(stack, waiting[0], f"not healthy after {PATIENCE} s")
        if waiting:
            time.sleep(0.25)


def _airflow_healthy(stack: _Stack, part: str, found: Mapping[str, airflow.Health] | None) -> bool:
    process = part.removeprefix("airflow-")
    if found is None:
        return False
    if process == "api-server":
        return True
    # The database keeps the heartbeat of a killed predecessor for a while: it proves nothing.
    return found[process].healthy and found[process].heartbeat >= stack.state.parts[part].created - 1


# -------------------------------------------------------------------------------------- down, status


def down(home: Path | None = None, *, delete: bool = False, progress: Progress = lambda part, what: None) -> list[str]:
    """Stop every process of the stack, in an order that lets each finish; with `delete`, remove its state too.

    Returns the parts that ran.
    """
    home = (home or default_home()).resolve()
    if not home.exists():
        return []
    with state.lock(home):
        stack = _Stack(home)
        running = [name for name in PARTS if stack.alive(name)]

        def stop(name: str) -> None:
            if name in running:
                progress(name, "stopping")
                stack.stop(name)
                progress(name, "stopped")

        # Tasks report to the api-server and write to the store, both of which need the database.
        for group in (PARTS[3:], PARTS[1:3], PARTS[:1]):
            with ThreadPoolExecutor(len(group)) as pool:
                list(pool.map(stop, group))
        stack.state.parts.clear()
        stack.kill_orphans()
        if stack.state.ports:
            stack.s3().remove_sockets()
        (home / "env").unlink(missing_ok=True)
        if not delete:
            state.save(home, stack.state)
    if delete:
        shutil.rmtree(home)
    settings.cache_clear()
    return running


def status(home: Path | None = None) -> list[PartStatus]:
    """Each part, in the order they start."""
    home = (home or default_home()).resolve()
    stack = _Stack(home)
    known = stack.state.ports
    found = airflow.health(known["airflow-api-server"]) if stack.alive("airflow-api-server") else None
    answers = []
    for name in PARTS:
        alive = stack.alive(name)
        if name == "postgres":
            healthy = alive and _answers(stack.postgres())
        elif name == "s3":
            healthy = alive and stack.s3().healthy(BUCKET)
        else:
            healthy = alive and _airflow_healthy(stack, name, found)
        started = stack.state.parts.get(name)
        pid = started.pid if started and alive else None
        answers.append(PartStatus(name, pid, known.get(name), healthy, str(stack.log(name))))
    return answers


def _answers(server: Postgres) -> bool:
    try:
        with server.connect() as connection:
            connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def running_state(home: Path | None = None) -> tuple[Path, State]:
    """The state of a stack that was started; for `url` and `env`."""
    home = (home or default_home()).resolve()
    stack = _Stack(home)
    if not stack.alive("postgres"):
        raise StackError("the stack is not running", "start it with `footprints up`")
    return home, stack.state
