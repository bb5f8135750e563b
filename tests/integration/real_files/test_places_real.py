"""The real lists of places, and the places of real DTM files found in them, against counts of our own."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, text
from tests.integration.real_files import counts_places as counts
from tests.integration.real_files.loading import load
from tests.real_files import PARTNERS, needs_real_files

from footprints import places

pytestmark = [pytest.mark.integration, needs_real_files]


LISTS = (
    counts.pcodes,
    counts.lengths,
    counts.localities,
    counts.africa,
    counts.libya,
    counts.mali,
    counts.chad,
    counts.lake_chad,
)


def by_country(connection: Connection, table: str) -> dict[str, int]:
    rows = connection.execute(text(f"SELECT country_code, count(*) FROM core.{table} GROUP BY 1"))
    return {row[0]: row[1] for row in rows}


@pytest.mark.parametrize("make", LISTS, ids=lambda make: make.__name__)
def test_a_list_of_places_is_loaded_whole(make: Any, connection: Connection) -> None:
    count = make(PARTNERS)
    delivery, _ = load(connection, count.file, count.source)
    found = delivery.counts
    assert (delivery.state, delivery.layout) == ("loaded", count.layout)
    assert (found.rows_read, found.rows_loaded, found.rows_rejected, found.rows_duplicate) == (
        count.n_rows,
        count.n_rows,
        0,
        0,
    )
    assert found.records_added == count.n_records
    assert by_country(connection, count.table) == count.by_country


def test_the_global_list_holds_what_it_says_of_each_code(connection: Connection) -> None:
    load(connection, counts.PCODES, "ocha-cod")
    rows = connection.execute(text("SELECT place_code, country_code, admin_level::text, parent_code FROM core.place"))
    assert {code: tuple(rest) for code, *rest in rows} == counts.codes(PARTNERS)


def test_lost_letters_are_flagged_and_not_made_up(connection: Connection) -> None:
    _, issues = load(connection, counts.LOCALITIES, "ocha-cod")
    assert {i.column: i.n_rows for i in issues if i.rule == "text.letters_lost"} == counts.letters_lost(PARTNERS)


def matches(connection: Connection, source: str, column: str) -> list[Any]:
    return list(
        connection.execute(
            text(
                "SELECT country_code, admin_level, provider_code, provider_place, place_code, status, n_records"
                " FROM core.place_match WHERE source_id = :source AND column_name = :column"
            ),
            {"source": source, "column": column},
        )
    )


def test_p_codes_are_found_and_the_names_of_those_that_changed(connection: Connection) -> None:
    """DTM writes the P-codes of Chad as TD…, the list as TCD…: its places are found by name, within the region."""
    load(connection, "iom-dtm/global-iom-dtm-from-api-admin-0-to-2.csv", "iom-dtm")
    assert {m.status for m in matches(connection, "iom-dtm", "provider_admin2")} == {"unlisted"}
    load(connection, counts.PCODES, "ocha-cod")
    known = counts.codes(PARTNERS)
    for column, level in (("provider_admin1", "1"), ("provider_admin2", "2")):
        found = matches(connection, "iom-dtm", column)
        assert found
        for match in found:
            if match.provider_code in known:
                assert (match.place_code, match.status) == (match.provider_code, "code")
            elif match.place_code is not None:
                assert match.status == "name"
                assert known[match.place_code][:2] == (match.country_code, level)
                assert (
                    match.place_code
                    in counts.names(PARTNERS, match.country_code, level)[counts.plain(match.provider_place)]
                )
        chad = {m.provider_place: m.place_code for m in found if m.country_code == "TCD"}
        expected = {"1": {"Lac": "TCD07"}, "2": {"Mamdi": "TCD0701", "Fouli": "TCD0704", "Kaya": "TCD0703"}}
        assert expected[level].items() <= chad.items()


def test_order_does_not_matter_and_nothing_is_guessed(connection: Connection) -> None:
    """Lists before the records or after them: the same places. Every wording is found, or said not to be."""
    file = "iom-dtm/DTM_Libya_R54_Migrant_Dataset_PUBLIC.xlsx"
    load(connection, file, "iom-dtm")
    load(connection, counts.PCODES, "ocha-cod")
    columns = ("provider_admin1", "provider_admin2", "provider_admin3", "provider_place")
    after = [sorted(map(str, matches(connection, "iom-dtm", column))) for column in columns]
    connection.rollback()
    load(connection, counts.PCODES, "ocha-cod")
    _, issues = load(connection, file, "iom-dtm")
    assert [sorted(map(str, matches(connection, "iom-dtm", column))) for column in columns] == after
    names = counts.names(PARTNERS, "LBY", "2")
    unknown = set()
    for match in matches(connection, "iom-dtm", "provider_admin2"):
        codes = names.get(counts.plain(match.provider_place), [])
        assert match.place_code == (codes[0] if len(codes) == 1 else None), match
        if not codes:
            unknown.add(match.provider_place)
    told = [place for i in issues if i.rule == "place.unknown" for place in i.parameters.get("places", [])]
    assert {place.split(" → ")[0] for place in told} >= unknown
    listed = {p.provider_place for p in places.undecided(connection, "iom-dtm") if p.column_name == "provider_admin2"}
    assert listed == unknown


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (counts.LIBYA, "ADM1_PCODE"),
        (counts.MALI, "admin1Pcod"),
        (counts.CHAD, "admin1Pcod"),
        (counts.LAKE_CHAD, "Rowcacode1"),
    ],
    ids=["libya", "mali", "chad", "lake-chad"],
)
def test_shapes_have_the_area_that_their_file_states(file: str, code: str, connection: Connection) -> None:
    """Files state each area in square degrees as it was before the outlines were simplified: within a hundredth."""
    load(connection, file, "ocha-geo")
    rows = connection.execute(text("SELECT provider_code, geometry FROM core.place_geometry"))
    areas = {row[0]: counts.area(row[1]) for row in rows}
    stated = {shape[code]: shape["Shape_Area"] for shape in counts.properties(PARTNERS, file)}
    assert areas == pytest.approx(stated, rel=0.01)


def test_lists_that_name_one_place_agree_on_it(connection: Connection) -> None:
    for file in (counts.LIBYA, counts.CHAD, counts.LAKE_CHAD, counts.AFRICA):
        load(connection, file, "ocha-geo")
    load(connection, counts.PCODES, "ocha-cod")
    rows = connection.execute(text("SELECT provider_code, place_code FROM core.place_geometry WHERE admin_level = 1"))
    places_of = {row[0]: row[1] for row in rows}
    known = counts.codes(PARTNERS)
    names: dict[str, dict[str, list[str]]] = {}
    for shape in counts.properties(PARTNERS, counts.CHAD) + counts.properties(PARTNERS, counts.LAKE_CHAD):
        code = shape.get("admin1Pcod") or shape["Rowcacode1"]
        country = shape.get("CNTRY_CODE", "TCD")
        named = names.setdefault(country, counts.names(PARTNERS, country, "1"))
        assert [places_of[code]] == named[counts.plain(shape.get("admin1Name") or shape["ADM1_NAME"])]
    assert {places_of[code] for code in ("LY01", "LY02", "LY03")} == {"LY01", "LY02", "LY03"}
    dimension = connection.execute(text("SELECT place_code, name_ar, other_codes FROM core.place_dimension")).all()
    assert len({row.place_code for row in dimension}) == len(dimension) == len(known) + 54
    by_code = {row.place_code: row for row in dimension}
    assert sorted(by_code["TCD07"].other_codes) == ["TCD007", "TD07"]
    assert by_code["LY01"].name_ar == "الشرق"


def test_villages_are_found_in_the_list_of_localities_and_the_receipt_names_the_files_own_column(
    connection: Connection,
) -> None:
    load(connection, counts.LOCALITIES, "ocha-cod")
    _, issues = load(connection, "iom-dtm/DTM_Rd7_avril_2019.csv", "iom-dtm")
    assert {i.column for i in issues if i.rule.startswith("place.")} == {"_Village"}
    names = counts.locality_names(PARTNERS)
    found = matches(connection, "iom-dtm", "provider_place")
    assert {match.status for match in found} == {"name", "unknown", "ambiguous"}
    for match in found:
        having = {code for code, known in names.items() if counts.plain(match.provider_place) in known}
        if match.status == "name":
            assert match.place_code in having
        elif match.status == "ambiguous":
            assert len(having) > 1
