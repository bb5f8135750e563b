"""Every file of the partners is taken or answered; the check before the drop says the same without a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.real_files import every_file
from tests.integration.real_files.fates import fates, files
from tests.integration.worksite import Site
from tests.real_files import PARTNERS, needs_real_files

from footprints.demo import left_out, partner_drops
from footprints.model import Receipt
from footprints.settings import Settings

pytestmark = [pytest.mark.integration, needs_real_files]
FILES = every_file.chosen("small")


@pytest.fixture(scope="module")
def site(platform: Settings) -> Site:
    return Site(platform)


@pytest.fixture(scope="module")
def checked(site: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Receipt]:
    return every_file.check_offline(FILES, tmp_path_factory.mktemp("checked"), site.settings)


def test_the_demo_drops_every_file_for_the_source_of_its_fate() -> None:
    dropped = {str(drop.path.relative_to(PARTNERS)): drop.source for drop in partner_drops(PARTNERS)}
    assert dropped == {file: fate.source for file, fate in fates().items()}
    assert sorted(dropped) == files()


def test_the_demo_names_what_it_leaves_out(tmp_path: Path) -> None:
    for name in ("frontex/a.csv", "frontex/b.csv", "holiday.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    drops = partner_drops(tmp_path)
    assert [drop.path.name for drop in drops] == ["a.csv", "b.csv"]
    assert left_out(tmp_path, drops) == [tmp_path / "holiday.jpg"]


@pytest.mark.parametrize("file", FILES)
def test_a_file_meets_its_fate(site: Site, checked: dict[str, Receipt], file: str) -> None:
    every_file.meets_its_fate(site, file, checked)
