"""Checks files in a process that dies at the first socket. Arguments: jobs (JSON: name, path, source), where to write.

It is run as a script by `every_file.check_offline`; the receipts are pickled, so that nothing of them is lost.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path


def forbid(event: str, _: object) -> None:
    """An audit hook: whoever makes, connects or binds a socket, or asks for an address, fails."""
    if event.startswith("socket.") and event != "socket.gethostname":
        raise RuntimeError(f"the check wants the network: {event}")


def main(jobs: Path, target: Path) -> None:
    """Checks all files of the jobs, and writes the receipts by name."""
    sys.addaudithook(forbid)
    from footprints.check import check_file
    from footprints.settings import Settings

    receipts = {
        name: check_file(Path(path), source, Settings()) for name, path, source in json.loads(jobs.read_text("utf-8"))
    }
    # libpq connects without Python's sockets: its driver must not even have been imported.
    if "psycopg" in sys.modules:
        raise RuntimeError("the check imports the database's driver")
    target.write_bytes(pickle.dumps(receipts))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
