"""Folders for partners' files while they are worked on: gone with the work, or with the next one after a kill."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "footprints-work-"
LOCK = "lock"
GRACE_SECONDS = 60
"""A folder younger than this may not be locked yet by who made it."""


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder of its own for one file. What killed processes left behind is removed first: it is partners' data."""
    remove_leftovers()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        path = Path(name)
        with (path / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel lets go of it however the process ends
            yield path


def remove_leftovers() -> int:
    """Removes the folders of processes that are dead; returns how many."""
    n_removed = 0
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime >= GRACE_SECONDS and not _is_locked(path / LOCK):
                shutil.rmtree(path)
                n_removed += 1
    return n_removed


def _is_locked(path: Path) -> bool:
    try:
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
