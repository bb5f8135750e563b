"""The check before the drop says what the receipt then says: counts, issues and rejects of a first delivery."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.worksite import Site, contract, csv_bytes, told, write_expectations

from footprints.check import check_file
from footprints.model import Issue
from footprints.samples.demo import Sample, write_demo
from footprints.settings import Settings

pytestmark = pytest.mark.integration

NAMES = (
    "mali-2016-03-05.xlsx",
    "field-survey-2017-2018.xlsx",
    "MissingMigrants-Global-2021-01-15T12-00-00.csv",
    "persons_of_concern.csv",
    "mhub-incidents.csv",
    "report.csv",
    "vorfaelle.csv",
    "mhub-incidents-broken.csv",
)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    made = write_demo(tmp_path_factory.mktemp("samples"), n_interviews=120)
    return {sample.path.name: sample for sample in made}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gx_rows", [50_000, 0], ids=["gx", "masks"])
def test_check_agrees_with_the_receipt(platform: Settings, samples: dict[str, Sample], name: str, gx_rows: int) -> None:
    site = Site(platform.model_copy(update={"gx_rows": gx_rows}))
    site.clear(bucket=False)
    sample = samples[name]
    delivery = site.put(sample.source, name, sample.path.read_bytes(), sample.partner)
    site.process(delivery)
    checked = check_file(sample.path, sample.source, site.settings)
    received = site.receipt(delivery)
    assert told(checked) == told(received)
    assert all(isinstance(issue, Issue) for issue in received.issues)
    assert received.delivery.state == sample.expect.state


ROWS = [("a", "2020-01-05", "Sea", 1), ("a", "2020-01-05", "Sea", 1), ("b", "2020-01-05", "Sea", 1)]
ROWS += [("a", "2020-01-06", "Sea", 2), ("c", "2020-02-30", "Sea", 2), ("b", "2020-01-05", "Sea", 1)]


@pytest.mark.parametrize(("repeated", "n_duplicate"), [("last", 3), ("split", 2), ("number", 0)])
def test_check_knows_how_repeated_keys_are_taken(
    platform: Settings, tmp_path: Path, repeated: str, n_duplicate: int
) -> None:
    document = contract(f"test-{repeated}", mode="upsert", on_repeated_key=repeated)
    expectations = write_expectations(tmp_path / "expectations", document)
    site = Site(platform.model_copy(update={"expectations_dir": expectations, "gx_rows": 0}))
    site.clear(bucket=False)
    path = tmp_path / "2020-06-01.csv"
    path.write_bytes(csv_bytes(ROWS))
    received = site.receipt(site.deliver(document["source"], path.name, path.read_bytes()))
    assert told(check_file(path, document["source"], site.settings)) == told(received)
    assert (received.delivery.counts.rows_duplicate, received.delivery.counts.rows_rejected) == (n_duplicate, 1)
