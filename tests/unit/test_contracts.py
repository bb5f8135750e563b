"""Contracts: all of ours are valid, and what is wrong with one is said by file and key."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from footprints.contracts import find_contract, load_contract, load_contracts
from footprints.errors import ContractError, NotFoundError
from footprints.settings import REPOSITORY
from footprints.warehouse.tables import TABLES

EXPECTATIONS = REPOSITORY / "expectations"


@pytest.fixture(scope="module")
def good() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((EXPECTATIONS / "mhub-incidents" / "contract.yaml").read_text("utf-8"))
    return document


def test_all_contracts_are_valid_and_fill_columns_that_exist() -> None:
    contracts = load_contracts(EXPECTATIONS)
    assert len(contracts) >= 8
    for contract in contracts.values():
        for layout in contract.layouts:
            targets = {c.target for c in layout.columns if not c.target.startswith("_")}
            assert targets <= set(TABLES[layout.table].columns), (contract.source, layout.name)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.pop("licence"), "licence"),
        (lambda d: d.update(confidentiality="secret"), "confidentiality"),
        (lambda d: d.update(source="another"), "source"),
        (lambda d: d["layouts"][0].update(tabel="incident"), "layouts.0"),
        (lambda d: d["layouts"][0]["columns"]["n_dead"].update(type="int"), "layouts.0.columns.n_dead.type"),
        (lambda d: d["layouts"][0].update(record_key=["nothing"]), "layouts.0.record_key"),
        (lambda d: d["layouts"][0]["columns"]["incident_date"].pop("formats"), "layouts.0.columns.incident_date"),
        (lambda d: d["layouts"][0]["columns"]["route_code"].update(map="gone"), "layouts.0.columns.route_code.map"),
    ],
)
def test_a_fault_is_named_by_file_and_key(
    tmp_path: Path, good: dict[str, Any], change: Callable[[dict[str, Any]], Any], says: str
) -> None:
    document = yaml.safe_load(yaml.safe_dump(good))
    change(document)
    folder = tmp_path / "mhub-incidents"
    shutil.copytree(EXPECTATIONS / "mhub-incidents", folder)
    shutil.copy(EXPECTATIONS / "contract.schema.json", tmp_path)
    (folder / "contract.yaml").write_text(yaml.safe_dump(document), "utf-8")
    with pytest.raises(ContractError) as caught:
        load_contract(folder)
    assert str(folder / "contract.yaml") in caught.value.message
    assert says in caught.value.message


@pytest.mark.parametrize("source", ["no-such-source", "../expectations", "", "UPPER"])
def test_a_source_that_is_not_there_is_not_found(source: str) -> None:
    with pytest.raises(NotFoundError):
        find_contract(EXPECTATIONS, source)
