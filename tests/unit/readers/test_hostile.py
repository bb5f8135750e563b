"""Some 250 hostile files: each ends in a receipt that says what is wrong, or is read for what it is."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import jsonschema
import pytest
from pydantic import SecretStr
from tests.unit.readers.hostile_files import HOSTILE, NAMES, good

from footprints.check import check_file
from footprints.model import Receipt
from footprints.receipts import messages, write
from footprints.settings import REPOSITORY, Settings

SOURCE = "mhub-incidents"
SCHEMA = json.loads((REPOSITORY / "expectations/receipt.schema.json").read_text())
LIMIT = 64 * 2**20


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(privacy_key=SecretStr("fixed"), max_unpacked_bytes=LIMIT, gx_rows=0)


def answered(path: Path, settings: Settings) -> tuple[Receipt, str]:
    """The receipt of a file, and the words of its page. It must be valid, and say each rule in all languages."""
    receipt = check_file(path, SOURCE, settings)
    body, page = write(receipt)
    jsonschema.validate(json.loads(body), SCHEMA)
    text = page.decode()
    assert "<script" not in text
    for issue in receipt.issues:
        assert messages.is_known(issue.rule), issue.rule
    return receipt, text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_in_an_answer(tmp_path: Path, settings: Settings, name: str) -> None:
    expected, body = HOSTILE[name]
    path = tmp_path / "f"
    path.write_bytes(body())
    receipt, _ = answered(path, settings)
    held = [issue.rule for issue in receipt.issues if issue.severity == "hold"]
    assert (held or [receipt.delivery.state]) == [expected]
    assert receipt.delivery.state == ("loaded" if expected == "loaded" else "quarantined")


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_file_is_only_a_name(tmp_path: Path, settings: Settings, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(good())
    receipt, page = answered(path, settings)
    assert receipt.delivery.state == "loaded"
    assert receipt.delivery.counts.rows_loaded == 20
    assert "\x1b" not in page and "\u202e" not in page


def test_the_corpus_is_not_small_and_took_no_more_memory_than_it_may() -> None:
    assert len(HOSTILE) + len(NAMES) >= 200
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert peak < 2 * 2**30
