"""Every real workbook is read as calamine alone reads it, and none of its sheets needs to be left to calamine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.real_files import PARTNERS, needs_real_files
from tests.unit.readers.two_readings import LIMIT, alone, ours

from footprints.readers.plainsheet import read_plain
from footprints.readers.workbook import refuse_bomb

pytestmark = [pytest.mark.integration, needs_real_files]
WORKBOOKS = sorted(path.relative_to(PARTNERS).as_posix() for path in PARTNERS.rglob("*.xlsx"))


@pytest.mark.parametrize("file", WORKBOOKS)
def test_a_workbook_is_read_as_calamine_reads_it(file: str) -> None:
    path: Path = PARTNERS / file
    names, plain = read_plain(path, refuse_bomb(path, LIMIT))
    left_to_calamine = [name for name in names if name not in plain]
    assert names and not left_to_calamine
    is_same = ours(path) == alone(path)
    assert is_same, "rows differ; they are not printed"
