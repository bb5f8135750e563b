"""Drops real files through the pipeline and checks them without a server; used by the tests of every file."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tests.integration.real_files.fates import Rows, fates, files
from tests.integration.worksite import Site, told
from tests.real_files import PARTNERS

from footprints.contracts import load_contracts
from footprints.model import Receipt
from footprints.settings import REPOSITORY, Settings

CHECKER = Path(__file__).with_name("check_offline.py")
LARGE = 400_000
"""Files from this size on (bytes) have test modules of their own: two run at a time."""


def chosen(part: Literal["small", "large", "large of UNHCR"]) -> list[str]:
    """The files of one of the three test modules."""

    def belongs_to(file: str) -> str:
        if (PARTNERS / file).stat().st_size < LARGE:
            return "small"
        return "large of UNHCR" if file.startswith("unhcr/") else "large"

    return [file for file in files() if belongs_to(file) == part]


def check_offline(names: Sequence[str], directory: Path, settings: Settings) -> dict[str, Receipt]:
    """The verdict of `footprints check` on each file, from a process that may open no socket and knows no server."""
    known = fates()
    jobs = [(file, str(PARTNERS / file), known[file].source) for file in names if file in known]
    (directory / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
    allowed = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
    environment = {name: os.environ[name] for name in allowed if name in os.environ}
    environment |= {
        "FOOTPRINTS_PRIVACY_KEY": settings.need("privacy_key"),
        "FOOTPRINTS_GX_ROWS": str(settings.gx_rows),
        "FOOTPRINTS_HOME": str(directory / "no-stack"),
        "PYTHONPATH": str(REPOSITORY),
    }
    command = [sys.executable, str(CHECKER), str(directory / "jobs.json"), str(directory / "receipts.pickle")]
    done = subprocess.run(command, env=environment, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    receipts: dict[str, Receipt] = pickle.loads((directory / "receipts.pickle").read_bytes())
    return receipts


def meets_its_fate(site: Site, file: str, checked: dict[str, Receipt]) -> None:
    """Drops the file into an empty warehouse; its receipt must say what the fate says, and what the check said."""
    fate = fates().get(file)
    assert fate is not None, f"{file} has no fate: give it a contract, or the rule that answers it, in fates.py"
    site.clear(bucket=False)
    partner = load_contracts(site.settings.expectations_dir)[fate.source].partner.id
    delivery = site.deliver_as(partner, fate.source, PARTNERS / file)
    received = site.receipt(delivery)
    found = received.delivery.counts
    holds = [issue.rule for issue in received.issues if issue.severity == "hold"]
    if fate.held is not None:
        assert (received.delivery.state, holds) == ("quarantined", [fate.held])
    else:
        assert fate.rows is not None
        assert (received.delivery.state, holds) == ("loaded", [])
        counted = fate.rows(PARTNERS / file)
        assert Rows(found.rows_read, found.rows_rejected, found.rows_duplicate) == counted
        assert found.rows_loaded == counted.read - counted.rejected - counted.duplicate > 0
        assert found.records_added > 0
    assert told(checked[file]) == told(received)
