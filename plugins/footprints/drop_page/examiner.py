"""Judging a stranger's file where it can do no harm: a process of its own, with limits, without secrets.

The page's server starts one helper (`python -m footprints.drop_page.examiner`), which imports what a check needs once
and forks a child for each file. A child may use so much memory, processor time and disk; it has no credentials, and
what it prints goes nowhere. Whatever becomes of it, the server lives, and says that the file could not be examined.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footprints.settings import REPOSITORY, Settings

MEMORY_BYTES = 1536 * 2**20
"""What a check may take beyond what the helper has already; a CSV of any size needs less."""
SECONDS = 90
CPU_SECONDS = 60
IDLE_SECONDS = 900
"""A helper that nobody asks for so long ends itself, and gives its memory back."""
MAX_REQUEST_BYTES = 2**16
MAX_ANSWER_BYTES = 8 * 2**20
REJECTS_SHOWN = 200


class ExaminationError(Exception):
    """The examination did not come to a verdict: `reason` is `limit` (of time or memory) or `fault`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Verdict:
    """What the receipt of a file would say: the state, one line, and the main part of the receipt's page."""

    state: str
    summary: str
    rows_read: int
    rows_rejected: int
    page: str


class Examiner:
    """The server's side: starts the helper when it is needed, and asks it. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lock = threading.Lock()
        self.helper: subprocess.Popen[bytes] | None = None
        self.folder: tempfile.TemporaryDirectory[str] | None = None

    def start(self) -> str:
        """The address of a running helper, which is started where there is none."""
        with self.lock:
            if self.helper is not None and self.helper.poll() is None and self.folder is not None:
                return f"{self.folder.name}/socket"
            self._clear()
            self.folder = tempfile.TemporaryDirectory(prefix="footprints-examiner-")
            address = f"{self.folder.name}/socket"
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(address)
                listener.listen(16)
                self.helper = subprocess.Popen(
                    [sys.executable, "-m", __spec__.name, str(listener.fileno())],
                    pass_fds=[listener.fileno()],
                    env=_environment(self.settings),
                    cwd=self.folder.name,
                    stdin=subprocess.PIPE,  # its end tells the helper that the server is gone
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            return address

    def examine(self, path: Path, source: str, language: str) -> Verdict:
        """The verdict on a file; its name is the path's last part.

        Raises ExaminationError where the child ended without one.
        """
        request = json.dumps({"path": str(path), "source": source, "language": language}).encode() + b"\n"
        for attempt in (1, 2):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(SECONDS + 30)
                try:
                    connection.connect(self.start())
                    connection.sendall(request)
                    answer = _read(connection, MAX_ANSWER_BYTES)
                except TimeoutError:
                    raise ExaminationError("limit") from None
                except OSError:
                    # A helper may end, idle, just when it is asked.
                    if attempt == 2:
                        raise ExaminationError("fault") from None
                    continue
            return _verdict(answer)
        raise ExaminationError("fault")

    def stop(self) -> None:
        """Ends the helper."""
        with self.lock:
            self._clear()

    def _clear(self) -> None:
        if self.helper is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.helper.pid, signal.SIGKILL)
            self.helper.wait()
            if self.helper.stdin is not None:
                self.helper.stdin.close()
            self.helper = None
        if self.folder is not None:
            self.folder.cleanup()
            self.folder = None


def _verdict(answer: bytes) -> Verdict:
    if not answer:
        # The kernel ended the child: it was out of time, or of memory.
        raise ExaminationError("limit")
    found: dict[str, Any] = json.loads(answer)
    if "fault" in found:
        raise ExaminationError(found["fault"])
    return Verdict(**found)


def _environment(settings: Settings) -> dict[str, str]:
    """Only what a check needs: no address, key or password of ours."""
    plain = {
        "FOOTPRINTS_HOME": "/nonexistent",
        "FOOTPRINTS_EXPECTATIONS_DIR": str(settings.expectations_dir.resolve()),
        "FOOTPRINTS_CONTACT": settings.contact,
        "FOOTPRINTS_CHUNK_ROWS": str(settings.chunk_rows),
        "FOOTPRINTS_GX_ROWS": str(settings.gx_rows),
        "FOOTPRINTS_MAX_UNPACKED_BYTES": str(min(settings.max_unpacked_bytes, MEMORY_BYTES)),
        "GX_ANALYTICS_ENABLED": "False",
        "PYTHONPATH": str(REPOSITORY / "plugins"),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
    kept = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ} | plain


def _read(connection: socket.socket, limit: int) -> bytes:
    """What the other side sends until it ends."""
    answer = bytearray()
    while part := connection.recv(2**16):
        answer += part
        if len(answer) > limit:
            raise ExaminationError("fault")
    return bytes(answer)


# ------------------------------------------------------------------------------------------- the helper's side


def serve(descriptor: int) -> None:
    """Forks a child for each connection, until the server is gone or nobody has asked for a while."""
    # Here, in the helper only: what a check imports takes seconds.
    import footprints.check
    import footprints.quality.engine
    import footprints.receipts  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel clears away children that have ended
    listener = socket.socket(fileno=descriptor)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [], IDLE_SECONDS)
        if listener not in ready:
            return
        connection, _ = listener.accept()
        with connection:
            if os.fork() == 0:
                listener.close()
                _child(connection)


def _child(connection: socket.socket) -> None:
    """Examines one file and ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _limit()
    answer: dict[str, Any]
    try:
        request = b""
        while not request.endswith(b"\n") and len(request) < MAX_REQUEST_BYTES:
            part = connection.recv(2**16)
            if not part:
                os._exit(1)
            request += part
        answer = _judge(**json.loads(request))
    except MemoryError:
        answer = {"fault": "limit"}
    except Exception:  # noqa: BLE001 - nothing about a stranger's file is told but that it could not be examined
        answer = {"fault": "fault"}
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(answer).encode())
    os._exit(0)


def _limit() -> None:
    """What this process may use from here on; the kernel ends it where it uses more."""
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    data = pages * resource.getpagesize() + MEMORY_BYTES
    for what, limit in (
        (resource.RLIMIT_DATA, data),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 256),
    ):
        _, hard = resource.getrlimit(what)
        wanted = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (wanted, wanted))
    signal.alarm(SECONDS)
    with contextlib.suppress(OSError):
        os.nice(5)  # the server's own work goes first
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _judge(path: str, source: str, language: str) -> dict[str, Any]:
    from dataclasses import replace

    from footprints import receipts
    from footprints.check import check_file
    from footprints.contracts import find_contract

    settings = Settings()
    contract = find_contract(settings.expectations_dir, source)
    receipt = check_file(Path(path), source, settings, REJECTS_SHOWN)
    receipt = replace(receipt, language=language, title=contract.title[language])  # type: ignore[arg-type]
    counts = receipt.delivery.counts
    page = receipts.write(receipt, settings.contact)[1].decode()
    return {
        "state": receipt.delivery.state,
        "summary": receipts.summary_line(receipt, receipt.language),
        "rows_read": counts.rows_read,
        "rows_rejected": counts.rows_rejected,
        # Without its head: the drop page has the same style sheet, and lets no other in.
        "page": page[page.index("<main") : page.index("</main>") + len("</main>")],
    }


if __name__ == "__main__":
    serve(int(sys.argv[1]))
