"""HXL tags: what is a tag, which column a pattern finds, and what is told of a tag row with slips."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprints.readers import hxl

WORD = st.text("abcdefghij0123456789_", min_size=1, max_size=6)
NAME = st.builds(lambda first, rest: first + rest, st.sampled_from("abcxyz"), WORD)


@pytest.mark.parametrize(
    ("cell", "tag"),
    [
        ("#adm1 +name+en", "#adm1+en+name"),
        ("# ORG+Es", "#org+es"),
        ("#period_date", "#period_date"),
        ("#sector/fr", "#sector+fr"),
        ("#sector/fr +x", "#sector+fr+x"),
    ],
)
def test_a_tag_is_its_name_and_its_attributes(cell: str, tag: str) -> None:
    assert str(hxl.parse(cell)) == tag


@pytest.mark.parametrize("cell", ["", "#", "country", "#1st", "# of people", "+f", "#org es", "5#"])
def test_what_is_no_tag(cell: str) -> None:
    assert hxl.parse(cell) is None


@given(NAME, st.lists(WORD, unique=True, max_size=4), st.randoms(), st.sampled_from(["+", " +", "+ ", " + "]))
def test_order_and_spaces_of_attributes_do_not_matter(
    name: str, attributes: list[str], random: object, plus: str
) -> None:
    shuffled = list(attributes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    written = f"#{name}" + "".join(plus + attribute for attribute in shuffled)
    assert hxl.parse(written) == hxl.parse(f"#{name}" + "".join(f"+{a}" for a in attributes))
    assert hxl.find(f"#{name}" + "".join(f"+{a}" for a in attributes), ["#other", written.upper()]) == [1]


@given(st.text(max_size=40))
def test_any_cell_is_a_tag_or_none(cell: str) -> None:
    tag = hxl.parse(cell)
    assert tag is None or hxl.parse(str(tag)) == tag


def test_a_pattern_finds_what_has_its_attributes_and_prefers_the_very_tag() -> None:
    cells = ["#org+es", "", "#targeted+f", "#targeted+m", "#adm1 +code", "#adm1+name +alt"]
    assert hxl.find("#org", cells) == [0]
    assert hxl.find("#targeted", cells) == [2, 3]
    assert hxl.find("#targeted-f", cells) == [3]
    assert hxl.find("#adm1 +name", cells) == [5]
    assert hxl.find("#adm1", [*cells, "#adm1"]) == [6]
    assert hxl.find("#country", cells) == []
    assert hxl.find("not a pattern", cells) == []


def test_problems_name_cell_and_likely_tag() -> None:
    cells = ["", "#sector", "#orgg", "country", "#targeted+f", "#targeted+f", "12 March"]
    wanted = ["#org", "#country", "#targeted+f"]
    assert hxl.problems(cells, 3, wanted) == [
        "C3: #orgg → #org",
        "D3: country → #country",
        "G3: ?",
        "E3 = F3: #targeted+f",
    ]
    assert hxl.problems(["#org"], 2, ["#org", "#adm1"]) == ["? → #adm1"]
    assert hxl.problems(["#org", "#adm1"], 2, ["#org"]) == []


def test_a_tag_of_the_standard_is_no_slip_of_another() -> None:
    assert hxl.problems(["#adm2", "#org"], 2, ["#adm1", "#org"]) == ["? → #adm1"]


@pytest.mark.parametrize(("position", "name"), [(0, "A2"), (25, "Z2"), (26, "AA2"), (701, "ZZ2"), (702, "AAA2")])
def test_cells_are_named_as_spreadsheets_do(position: int, name: str) -> None:
    assert hxl.cell_name(position, 2) == name


def test_a_row_that_was_meant_as_tags() -> None:
    assert hxl.looks_like_tags(["", "sector+es", "org+es", "country", "adm1"])
    assert hxl.looks_like_tags(["#org", "#adm1", "Province"])
    assert not hxl.looks_like_tags(["Organisation", "Sector", "Province", "Number"])
    assert not hxl.looks_like_tags(["Org", "No hashtag", "Province", "Number affected"])
    assert not hxl.looks_like_tags(["", ""])
