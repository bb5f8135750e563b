"""Wide rows: cells that belong together, months in two cells, what a file's name says, words that stand for numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.unit.harmonise.mapping_rows import chunk_of, mapper_of

from footprints.contracts import Column, Layout, Match, Read, Unpivot, UnpivotColumn
from footprints.errors import DeliveryError
from footprints.harmonise.mapping import Mapped

CONSTANTS = (
    Column("operation", value="test"),
    Column("country_code", value="TCD", type="country"),
    Column("admin_level", value="4", type="integer"),
)
DATE = Column("reporting_date", value="2019-04-30", type="date", formats=("%Y-%m-%d",))
GROUP = Column("population_group_code", source=("group",))


def _map(
    columns: tuple[Column, ...], unpivot: Unpivot | None, rows: dict[str, list[str]], file_name: str = ""
) -> Mapped:
    layout = Layout(
        name="test",
        match=Match(headers=tuple(rows)),
        read=Read(),
        table="displacement",
        mode="upsert",
        record_key=("operation",),
        columns=(*CONSTANTS, *columns),
        as_of={"received": ""},
        unpivot=unpivot,
    )
    return mapper_of(layout, tuple(rows), file_name, is_public=True).map(chunk_of(rows))


def _rules(mapped: Mapped) -> dict[str, list[int]]:
    return {finding.rule: np.flatnonzero(finding.rows).tolist() for finding in mapped.findings}


def test_cells_of_the_same_row_go_with_a_header() -> None:
    persons = Column("n_persons", source=("_value",), type="integer")
    households = Column("n_households", source=("households",), type="integer")
    unpivot = Unpivot(
        columns=(
            UnpivotColumn("ind_idp", {"group": "idp"}, {"households": "hh_idp"}),
            UnpivotColumn("ind_ret", {"group": "returnee"}),
        )
    )
    mapped = _map(
        (DATE, GROUP, persons, households), unpivot, {"ind_idp": ["5", ""], "hh_idp": ["2", "9"], "ind_ret": ["7", "0"]}
    )
    records = mapped.records.select(["population_group_code", "n_persons", "n_households"]).to_pylist()
    assert [tuple(record.values()) for record in records] == [
        ("idp", 5, 2),
        ("returnee", 7, None),
        ("returnee", 0, None),
    ]
    assert mapped.row_of.tolist() == [0, 0, 1]


def test_a_header_may_drop_other_cells_than_the_rest() -> None:
    persons = Column("n_persons", source=("_value",), type="integer")
    unpivot = Unpivot(
        columns=(UnpivotColumn("Total", {"group": "idp"}, drop=()), UnpivotColumn("Part", {"group": "returnee"})),
        drop=("0",),
    )
    mapped = _map((DATE, GROUP, persons), unpivot, {"Total": ["0", ""], "Part": ["0", "0"]})
    assert mapped.records["population_group_code"].to_pylist() == ["idp"]
    assert _rules(mapped) == {"no_value": [1]}


def test_a_month_in_two_cells_is_joined() -> None:
    persons = Column("n_persons", source=("_value",), type="integer")
    month = Column(
        "reporting_date", source=("year", "month"), join="-", type="month", formats=("%Y-%m",), end_of="month"
    )
    unpivot = Unpivot(
        columns=(
            UnpivotColumn("c3", {"group": "idp"}, {"month": "c1", "year": "c2"}),
            UnpivotColumn("c6", {"group": "idp"}, {"month": "c4", "year": "c5"}),
        )
    )
    cells = {
        "c1": ["2", ""],
        "c2": ["2016", "2016"],
        "c3": ["9", "8"],
        "c4": ["1", "1"],
        "c5": ["2014", ""],
        "c6": ["7", ""],
    }
    mapped = _map((month, GROUP, persons), unpivot, cells)
    assert [str(d.date()) if d else None for d in mapped.records["reporting_date"].to_pylist()] == [
        "2016-02-29",
        None,
        "2014-01-31",
    ]
    assert _rules(mapped) == {"required": [1]}


def test_the_name_of_the_file_is_a_cell_of_every_row() -> None:
    words = {"rd7_avril_2019": "2019-04-30"}
    columns = (
        Column("round_number", source=("_file",), extract=r"Rd(\d+)", type="integer", required=True),
        Column(
            "reporting_date", source=("_file",), extract=r"(Rd.+)\.csv$", map=words, type="date", formats=("%Y-%m-%d",)
        ),
        Column("population_group_code", value="idp"),
        Column("n_persons", source=("n",), type="integer"),
    )
    mapped = _map(columns, None, {"n": ["1", "2"]}, "DTM_Rd7_avril_2019.csv")
    assert mapped.records["round_number"].to_pylist() == [7, 7]
    assert [str(d.date()) for d in mapped.records["reporting_date"].to_pylist()] == ["2019-04-30"] * 2
    assert not mapped.findings
    # A round that the map does not know yet is said, row by row, and never guessed.
    unknown = _map(columns, None, {"n": ["1", "2"]}, "DTM_Rd8_juin_2019.csv")
    assert _rules(unknown) == {"type.date": [0, 1]}


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e+05", 100_000), ("2E+06", 2_000_000), ("1.5e+03", 1500), ("no", 0), ("17", 17)],
)
def test_words_and_powers_of_ten_are_numbers(text: str, value: int) -> None:
    columns = (
        DATE,
        Column("population_group_code", value="idp"),
        Column("n_persons", source=("n",), type="integer", map={"no": "0"}),
    )
    mapped = _map(columns, None, {"n": [text]})
    assert mapped.records["n_persons"].to_pylist() == [value]
    assert not mapped.findings


@pytest.mark.parametrize("text", ["1.2345e+02", "1e-05", "9e+18", "yes"])
def test_what_is_no_whole_number_is_said(text: str) -> None:
    columns = (DATE, Column("population_group_code", value="idp"), Column("n_persons", source=("n",), type="integer"))
    assert _rules(_map(columns, None, {"n": [text]})) == {"type.integer": [0]}


def test_a_required_column_that_lacks_a_part_of_its_join_is_missing() -> None:
    persons: Any = Column("n_persons", source=("n",), type="integer")
    month = Column("reporting_date", source=("year", "month"), join="-", type="month", formats=("%Y-%m",))
    with pytest.raises(DeliveryError, match=r"columns\.missing"):
        _map((month, Column("population_group_code", value="idp"), persons), None, {"n": ["1"], "year": ["2016"]})
