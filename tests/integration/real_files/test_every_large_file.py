"""Every large file of the partners is taken or answered; the check before the drop says the same without a server."""

from __future__ import annotations

import pytest
from tests.integration.real_files import every_file
from tests.integration.worksite import Site
from tests.real_files import needs_real_files

from footprints.model import Receipt
from footprints.settings import Settings

pytestmark = [pytest.mark.integration, needs_real_files]
FILES = every_file.chosen("large")


@pytest.fixture(scope="module")
def site(platform: Settings) -> Site:
    # Masks where Great Expectations would take a minute: tests/unit/quality holds both engines equal.
    return Site(platform.model_copy(update={"gx_rows": 4000}))


@pytest.fixture(scope="module")
def checked(site: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Receipt]:
    return every_file.check_offline(FILES, tmp_path_factory.mktemp("checked"), site.settings)


@pytest.mark.parametrize("file", FILES)
def test_a_file_meets_its_fate(site: Site, checked: dict[str, Receipt], file: str) -> None:
    every_file.meets_its_fate(site, file, checked)
