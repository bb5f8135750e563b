"""A file under a source that there is not, or that is another partner's: the receipt names the source it looks like."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.worksite import Site, contract, csv_bytes, write_expectations

from footprints.contracts import load_contract
from footprints.settings import Settings

pytestmark = pytest.mark.integration
ROWS = [("a", "2020-01-05", "Sea", 1)]


@pytest.fixture
def site(platform: Settings, tmp_path: Path) -> Site:
    hidden = contract("test-hidden") | {
        "confidentiality": "private",
        "partner": {"id": "other", "name": "O", "language": "en"},
    }
    hidden["layouts"] = [
        {
            **hidden["layouts"][1],
            "match": {"headers": ["key", "hidden"]},
            "columns": {
                **hidden["layouts"][1]["columns"],
                "incident_date": {"from": "hidden", "type": "date", "formats": ["%Y-%m-%d"]},
            },
        }
    ]
    expectations = write_expectations(tmp_path / "expectations", contract("test-known"), hidden)
    load_contract.cache_clear()
    site = Site(platform.model_copy(update={"expectations_dir": expectations, "gx_rows": 0}))
    site.is_known = False
    site.clear()
    return site


@pytest.mark.parametrize(
    "body", [csv_bytes(ROWS), b"\x00" * 50, b"%PDF-1.4", b""], ids=["known", "nuls", "pdf", "empty"]
)
def test_a_source_that_there_is_not(site: Site, body: bytes) -> None:
    delivery = site.deliver("no-such-source", "2020-06-01.csv", body)
    receipt = site.receipt(delivery)
    [issue] = receipt.issues
    assert receipt.delivery.state == "quarantined"
    if body == csv_bytes(ROWS):
        folder = "landing/test/test-known/"
        assert (issue.rule, issue.parameters) == ("source.other", {"source": "test-known", "folder": folder})
    else:
        assert (issue.rule, issue.parameters) == ("source.unknown", {"source": "no-such-source"})


def test_another_partners_source_is_neither_read_nor_named_where_it_is_private(site: Site) -> None:
    body = b"key,hidden\na,2020-01-05\n"
    receipt = site.receipt(site.deliver("test-hidden", "2020-06-01.csv", body))
    [issue] = receipt.issues
    assert (receipt.delivery.state, issue.rule) == ("quarantined", "source.unknown")


def test_under_another_partner_a_public_source_is_named_without_a_folder(site: Site) -> None:
    delivery = site.put("test-known", "2020-06-01.csv", csv_bytes(ROWS), partner="stranger")
    site.process(delivery)
    [issue] = site.receipt(delivery).issues
    assert (issue.rule, issue.parameters) == ("source.other", {"source": "test-known", "partner": "Test"})
