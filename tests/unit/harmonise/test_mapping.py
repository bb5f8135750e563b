"""Rows to records: constants, required cells, sums, keys, columns in excess, and identifiers that nobody may see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.unit.harmonise.mapping_rows import chunk_of, mapper_of

from footprints.contracts import Column, Layout, Match, Read
from footprints.errors import ContractError, DeliveryError
from footprints.harmonise.mapping import Mapped, Mapper
from footprints.readers.table import Header

DAY = Column("incident_date", source=("day",), type="date", formats=("%d/%m/%Y",), required=True)
KEY = Column("_key", source=("id",), required=True)
COLUMNS = (KEY, DAY)


def mapper(headers: tuple[str, ...], *columns: Column, key: tuple[str, ...] = ("_key",), **more: Any) -> Mapper:
    layout = Layout(
        name="test",
        match=Match(headers=headers),
        read=Read(),
        table="incident",
        mode="upsert",
        record_key=key,
        columns=(*COLUMNS, *columns),
        as_of={"received": ""},
        **more,
    )
    return mapper_of(layout, headers)


def map_rows(rows: dict[str, list[str]], *columns: Column, **more: Any) -> Mapped:
    return mapper(tuple(rows), *columns, **more).map(chunk_of(rows))


def found(mapped: Mapped) -> dict[tuple[str, str, str | None], list[int]]:
    return {(f.rule, f.severity, f.column): np.flatnonzero(f.rows).tolist() for f in mapped.findings}


GOOD = {"id": ["a", "b", "c"], "day": ["01/02/2020", "29/02/2020", "31/12/2020"]}


def test_three_rows_in_three_records_out() -> None:
    mapped = map_rows(GOOD, Column("country_code", value="Mali", type="country"))
    assert mapped.findings == []
    assert mapped.records["record_key"].to_pylist() == ["a", "b", "c"]
    assert [str(day)[:10] for day in mapped.records["incident_date"].to_pylist()] == [
        "2020-02-01",
        "2020-02-29",
        "2020-12-31",
    ]
    assert mapped.records["country_code"].to_pylist() == ["MLI"] * 3
    assert "_key" not in mapped.records.column_names


def test_a_cell_that_is_blank_and_one_that_is_wrong_have_different_rules() -> None:
    mapped = map_rows({"id": ["a", "b", "c"], "day": ["", "30/02/2020", "31/12/2020"]})
    assert found(mapped) == {("required", "reject", "day"): [0], ("type.date", "reject", "day"): [1]}


def test_a_column_may_be_flagged_and_stay_empty() -> None:
    mapped = map_rows(
        GOOD | {"dead": ["3", "several", ""]},
        Column("n_dead", source=("dead",), type="integer", on_error="flag"),
    )
    assert found(mapped) == {("type.integer", "flag", "dead"): [1]}
    assert mapped.records["n_dead"].to_pylist() == [3, None, None]


def test_a_sum_is_null_only_where_all_its_parts_are() -> None:
    mapped = map_rows(
        GOOD | {"f": ["1", "2", ""], "m": ["5", "", ""]},
        Column("n_female", source=("f",), type="integer"),
        Column("n_male", source=("m",), type="integer"),
        Column("n_dead", sum=("n_female", "n_male"), type="integer"),
    )
    assert mapped.records["n_dead"].to_pylist() == [6, 2, None]


def test_the_first_synonym_that_is_there_is_read() -> None:
    column = Column("provider_region", source=("Region of incident", "region"))
    assert map_rows(GOOD | {"REGION ": ["x", "y", "z"]}, column).records["provider_region"].to_pylist() == [
        "x",
        "y",
        "z",
    ]
    several = Column("provider_region", any_of=("first", "second"))
    mapped = map_rows(GOOD | {"first": ["x", "", " "], "second": ["y", "y", ""]}, several)
    assert mapped.records["provider_region"].to_pylist() == ["x", "y", None]


def test_a_key_is_made_of_its_parts_and_is_never_blank() -> None:
    columns = (Column("_a", source=("a",)), Column("_b", source=("b",), type="integer"))
    mapped = map_rows(GOOD | {"a": ["x", "", ""], "b": ["1", "2", ""]}, *columns, key=("_a", "_b"))
    assert mapped.records["record_key"].to_pylist() == ["x|1", "|2", "|"]
    assert found(mapped) == {("required", "reject", "a + b"): [2]}


def test_what_is_dropped_and_hashed_is_nowhere_in_the_clear() -> None:
    rows = GOOD | {"Phone number": ["+223 1", "+223 2", ""], "Enumerator": ["Example", "Other", "Example "]}
    with_privacy = {"drop": ("phone.*",), "hash": ("enumerator",)}
    mapped = map_rows(rows, Column("information_source", source=("Enumerator",)), **with_privacy)
    hashes = mapped.records["information_source"].to_pylist()
    assert hashes[0] == hashes[2] != hashes[1]
    assert len(hashes[0]) == 32
    everything = str(mapped.records.to_pylist())
    assert "+223" not in everything
    assert "Example" not in everything


def test_a_dropped_column_cannot_be_read_by_any_name() -> None:
    with pytest.raises(ContractError, match="url reads a header that privacy drops"):
        mapper(("id", "day", "Phone"), Column("url", source=("phone",)), drop=("phone",))


def test_missing_columns_are_named_and_needed_ones_refuse_the_file() -> None:
    made = mapper(("id", "day", "extra"), Column("url", source=("link", "URL")))
    notes = {note.rule: (note.severity, note.parameters["columns"]) for note in made.notes}
    assert notes == {"columns.missing": ("flag", ["link / URL"]), "columns.dropped": ("note", ["extra"])}
    with pytest.raises(DeliveryError) as caught:
        mapper(("id", "extra"))
    assert (caught.value.rule, caught.value.parameters) == ("columns.missing", {"columns": ["day"]})
    with pytest.raises(DeliveryError) as caught:
        mapper(("id", "day", "extra"), unknown_columns="refuse")
    assert (caught.value.rule, caught.value.parameters) == ("columns.unexpected", {"columns": ["extra"]})


def test_a_column_that_the_table_has_not_is_a_fault_of_the_contract() -> None:
    with pytest.raises(ContractError, match=r"core\.incident has no column n_cats"):
        mapper(("id", "day"), Column("n_cats", value="1", type="integer"))


def test_a_header_that_fits_a_pattern_is_read_and_may_itself_say_something() -> None:
    rows = GOOD | {"Dead in 2020": ["1", "2", ""], "Missing (est. 2019)": ["3", "", "4"]}
    mapped = map_rows(
        rows,
        Column("n_dead", pattern=r"dead in \d{4}", type="integer"),
        Column("n_missing", pattern=r"Missing \(est\. \d{4}\)", type="integer"),
        Column("provider_region", pattern=r"Dead in (\d{4})", of="header"),
        Column("source_quality", pattern=r"Missing \(est\. (\d)\d{3}\)", of="header", type="integer"),
    )
    assert mapped.findings == []
    assert mapped.records["n_dead"].to_pylist() == [1, 2, None]
    assert mapped.records["n_missing"].to_pylist() == [3, None, 4]
    assert mapped.records["provider_region"].to_pylist() == ["2020"] * 3
    assert mapped.records["source_quality"].to_pylist() == [2] * 3


def test_a_pattern_that_several_headers_fit_holds_the_file_and_one_that_none_fits_is_told() -> None:
    headers = (*GOOD, "Dead 2019", "Dead 2020")
    dead = Column("n_dead", pattern=r"Dead (\d{4})", type="integer")
    with pytest.raises(DeliveryError) as caught:
        mapper(headers, dead)
    assert (caught.value.rule, caught.value.parameters["columns"]) == ("columns.ambiguous", ["Dead 2019", "Dead 2020"])
    year = Column("provider_region", pattern=r"Dead (\d{4})", of="header")
    with pytest.raises(DeliveryError, match=r"columns\.ambiguous"):
        mapper(headers, year)
    same = Column("provider_region", pattern=r"Dead (\d{2})\d\d", of="header")
    assert mapper(headers, same).from_headers["provider_region"] == ["Dead 2019", "Dead 2020"]
    told = mapper((*GOOD, "x"), dead).notes
    assert next((issue.rule, issue.parameters["columns"]) for issue in told) == ("columns.missing", [r"Dead (\d{4})"])
    with pytest.raises(DeliveryError, match=r"columns\.missing"):
        mapper((*GOOD, "x"), Column("n_dead", pattern=r"Dead \d{4}", type="integer", required=True))


def test_unknown_columns_are_kept_as_text_but_for_what_identifies_persons() -> None:
    rows = GOOD | {
        "Colour": [" 007 ", "", "NA"],
        "Remark": ["ask someone@example.org", "fine", ""],
        "Respondent name": ["x", "y", "z"],
        "staff": ["p", "q", "r"],
        "token": ["t", "t", "t"],
    }
    m = mapper(tuple(rows), unknown_columns="keep", drop=("staff",), hash=("token",))
    notes = {issue.rule: issue.parameters["columns"] for issue in m.notes}
    assert notes == {"columns.kept": ["Colour", "Remark"], "columns.private": ["Respondent name", "staff", "token"]}
    mapped = m.map(chunk_of(rows))
    assert mapped.records["extra"].to_pylist() == ['{"Colour": "007"}', '{"Remark": "fine"}', '{"Colour": "NA"}']
    assert found(mapped) == {("identifier.left_out", "note", "Remark"): [0]}


def test_what_a_contract_drops_is_no_unexpected_column() -> None:
    headers = (*GOOD, "staff")
    assert mapper(headers, unknown_columns="refuse", drop=("staff",)).kept == []
    with pytest.raises(DeliveryError, match=r"columns\.unexpected"):
        mapper(headers, unknown_columns="refuse")


def test_a_key_too_long_for_an_index_is_cut_and_hashed_and_still_tells_rows_apart() -> None:
    long = "é" * 2_000
    rows = GOOD | {"id": [f"{long}1", f"{long}2", "short"]}
    keys = map_rows(rows).records["record_key"].to_pylist()
    assert len(set(keys)) == 3 and keys[2] == "short"
    assert all(len(key.encode()) <= 1000 for key in keys)
    assert keys == map_rows(rows).records["record_key"].to_pylist()


@pytest.mark.parametrize("tag", ["#contact+phone", "# Contact + phone", "#contact/fr"])
def test_privacy_may_name_a_tag_however_it_is_written(tag: str) -> None:
    plain = mapper(("id", "day", "Tel"), drop=("#contact.*",), hash=("#date",))
    header = Header(("id", "day", "Tel"), 2, ("#meta+id", "#date", tag))
    told = Mapper(plain.contract, plain.layout, header, "secret")
    assert (plain.dropped, plain.hashed) == (set(), set())
    assert (told.dropped, told.hashed) == ({"Tel"}, {"day"})


def test_a_column_that_is_read_and_that_its_tag_says_is_personal_holds_the_file() -> None:
    plain = mapper(("id", "day"), drop=("#contact.*",))
    with pytest.raises(DeliveryError) as caught:
        Mapper(plain.contract, plain.layout, Header(("id", "day"), 2, ("#contact+code", "#date")), "secret")
    assert (caught.value.rule, caught.value.parameters["problems"]) == ("hxl.tags", ["A2: #contact+code"])


def test_two_columns_of_one_header_that_is_read_are_told() -> None:
    said = mapper(("id", "day", "deaths", "deaths #2", "note", "note #2"), Column("n_dead", source=("deaths",))).notes
    assert [(n.severity, n.parameters["columns"]) for n in said if n.rule == "columns.repeated"] == [
        ("flag", ["deaths"])
    ]


def test_an_optional_column_that_a_file_lacks_is_not_told() -> None:
    assert mapper(("id", "day"), Column("url", source=("link",), optional=True)).notes == []
