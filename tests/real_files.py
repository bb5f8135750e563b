"""Where the partners' real files are, and the mark of the tests that need them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from footprints.settings import REPOSITORY

DATA = Path(os.environ.get("FOOTPRINTS_DATA", REPOSITORY / "../shared/data")).resolve()
PARTNERS = DATA / "partners"
needs_real_files = pytest.mark.skipif(
    not PARTNERS.is_dir(), reason=f"no real files at {DATA}: set FOOTPRINTS_DATA to the folder that holds them"
)
