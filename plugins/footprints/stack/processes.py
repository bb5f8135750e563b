"""Start and stop server processes: each in a session of its own, known by pid and start time, never by name."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

MARKER = "FOOTPRINTS_STACK"
"""Environment variable that every process of a stack carries; its value is the stack's id.

Airflow's tasks leave their parent's process group, so a group alone does not find what a killed parent left."""


@dataclass(frozen=True)
class Handle:
    """A process that we started: its pid, and its start time, because the kernel uses pids again."""

    pid: int
    created: float


def start(argv: Sequence[str], *, environment: Mapping[str, str], directory: Path, log: Path) -> Handle:
    """Start a server in its own session, with its output appended to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv,
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Handle(process.pid, psutil.Process(process.pid).create_time())


def find(handle: Handle | None) -> psutil.Process | None:
    """The running process of a handle; None when it ended, is a zombie, or its pid is now somebody else's."""
    if handle is None:
        return None
    try:
        process = psutil.Process(handle.pid)
        # The clock's corrections move the start time that the kernel reports by fractions of a second.
        same = abs(process.create_time() - handle.created) < 2
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def alive(handle: Handle | None) -> bool:
    """Whether the process of this handle still runs."""
    return find(handle) is not None


def stop(handle: Handle | None, *, first: signal.Signals = signal.SIGTERM, patience: float = 10) -> None:
    """Ask a process to end, wait, then kill what is left of it, its group and its descendants."""
    process = find(handle)
    if handle is None or process is None:
        return
    family = [process]
    with contextlib.suppress(psutil.NoSuchProcess):
        family += process.children(recursive=True)
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(first)
    _wait([process], patience)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(handle.pid, signal.SIGKILL)
    kill(family)


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kill processes at once and wait until they are gone; psutil refuses where a pid was used again."""
    gone = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
            gone.append(process)
    _wait(gone, 10)


def _wait(processes: Sequence[psutil.Process], patience: float) -> None:
    """Wait for the end of processes, whoever their parent is; zombies that are ours are reaped."""
    end = time.monotonic() + patience
    for process in processes:
        while process.is_running() and time.monotonic() < end:
            try:
                if process.status() == psutil.STATUS_ZOMBIE:
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(process.pid, os.WNOHANG)
                    break
            except psutil.NoSuchProcess:
                break
            time.sleep(0.05)


def marked(stack_id: str) -> list[psutil.Process]:
    """Every process of this user (or all, for root) that carries the stack's marker in its environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARKER) == stack_id and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 20_000))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
