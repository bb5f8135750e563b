"""A worker as a process that can be killed; it starts at once, forked from one that has imported everything."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["footprints.pipeline", "footprints.work", "footprints.samples.files"])
WORKER = "the worker"
PATIENCE = 40


def run(values: dict[str, Any], scratch: str, pause_seconds: float) -> None:
    """Claims and works until nothing waits; an outage is waited out, as Airflow starts the next run."""
    import tempfile

    from footprints import work
    from footprints.settings import Settings
    from footprints.warehouse.engine import engine

    tempfile.tempdir = scratch
    work.PAUSE_SECONDS = pause_seconds  # type: ignore[assignment]
    settings = Settings(**values)
    while True:
        try:
            for batch in work.claim(settings, WORKER):
                work.process(batch, settings, WORKER)
            with engine(settings.need("warehouse_url")).connect() as connection:
                waits = connection.exec_driver_sql("SELECT count(*) FROM meta.delivery WHERE state = 'received'")
                if not waits.scalar():
                    return
            time.sleep(0.05)
        except Exception as error:
            if not work.is_outage(error):
                raise
            time.sleep(0.2)


class Worker:
    """One such process, its files below `scratch`."""

    def __init__(self, values: dict[str, Any], scratch: Path, pause_seconds: float = 0.5) -> None:
        self.process: ForkServerProcess = CONTEXT.Process(target=run, args=(values, str(scratch), pause_seconds))
        self.process.start()

    def kill(self) -> None:
        """Ends it as the kernel does where memory runs out: nothing of it runs any more."""
        assert self.process.pid is not None
        assert self.process.is_alive(), "it had ended before"
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(10)
        assert self.process.exitcode == -signal.SIGKILL

    def join(self) -> None:
        """Waits until it has nothing more to do."""
        self.process.join(PATIENCE)
        assert self.process.exitcode == 0, "the worker failed" if self.process.exitcode else "the worker hangs"
