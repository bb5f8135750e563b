"""Places that records name: found by code, name or reviewed alias whatever comes first; else told, never guessed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from tests.integration.worksite import Site

from footprints import places, redo
from footprints.errors import ContractError
from footprints.model import Issue
from footprints.settings import REPOSITORY, Settings

pytestmark = pytest.mark.integration

PCODES = """Location,Admin Level,P-Code,Name,Parent P-Code,Valid from date
#country+code,#geo+admin_level,#adm+code,#adm+name,#adm+code+parent,#date+start
LBY,1,LY01,East,LBY,2018-05-07
LBY,1,LY02,West,LBY,2018-05-07
LBY,2,LY0101,Wadi,LY01,2018-05-07
LBY,2,LY0201,Wadi,LY02,2018-05-07
LBY,2,LY0202,Ghâr-Zayd,LY02,2018-05-07
TCD,1,TCD01,Lac,TCD,2012-09-04
TCD,1,TCD02,N'Gara,TCD,2012-09-04
TCD,2,TCD0101,Mamdi,TCD01,2012-09-04
TCD,2,TCD0102,Lac,TCD01,2012-09-04
"""


def shapes(*areas: tuple[str, str, str]) -> bytes:
    """A TopoJSON file of OCHA's form of 2018: code, name, name in Arabic; each a square of one degree."""
    arcs = [[[i, 0], [i + 1, 0], [i + 1, 1], [i, 1], [i, 0]] for i in range(len(areas))]
    geometries = [
        {
            "type": "Polygon",
            "arcs": [[i]],
            "properties": {
                "ADM1_EN": name,
                "ADM1_AR": arabic,
                "ADM1_PCODE": code,
                "ADM0_PCODE": code[:2],
                "validOn": "2018-05-07T00:00:00.000Z",
            },
        }
        for i, (code, name, arabic) in enumerate(areas)
    ]
    return json.dumps(
        {"type": "Topology", "arcs": arcs, "objects": {"a": {"type": "GeometryCollection", "geometries": geometries}}}
    ).encode()


SHAPES = shapes(("LY01", "East", "الشرق"), ("LY02", "West", "الغرب"), ("TD01", "Lac", "بحيرة"))


def rounds(*rows: tuple[str, str, str, str, str]) -> bytes:
    """Displacement in the form of DTM's API, level 2: country, code and name of level 1, of level 2."""
    header = (
        "operation,admin0Pcode,admin1Pcode,admin1Name,admin2Pcode,admin2Name,adminLevel,roundNumber,reportingDate,"
        "displacementReason,numPresentIdpInd"
    )
    lines = [f"Op,{c},{c1},{n1},{c2},{n2},2,1,2024-01-31T00:00:00,Conflict,5" for c, c1, n1, c2, n2 in rows]
    return "\n".join([header, *lines, ""]).encode()


ROUND = rounds(
    ("LBY", "LY01", "East", "LY0101", "Wadi"),
    ("LBY", "X1", "WEST", "X11", "Wadi"),
    ("LBY", "X2", "الغَرب", "X22", "ghar zayd"),
    ("LBY", "X3", "South", "X33", "Wadi"),
    ("TCD", "TD01", "Lac", "TD0101", "Mamdy"),
)


@pytest.fixture
def site(platform: Settings, tmp_path: Path) -> Site:
    """An empty platform with our contracts, and an alias file of its own."""
    expectations = tmp_path / "expectations"
    shutil.copytree(REPOSITORY / "expectations", expectations)
    site = Site(platform.model_copy(update={"expectations_dir": expectations}))
    site.clear()
    return site


FILES = {
    "pcodes.csv": ("ocha", "ocha-cod", PCODES.encode()),
    "shapes.json": ("ocha", "ocha-geo", SHAPES),
    "round.csv": ("iom", "iom-dtm", ROUND),
}


def deliver(site: Site, *names: str) -> dict[str, int]:
    """Drops and processes files of ours."""
    ids = {}
    for name in names:
        partner, source, body = FILES[name]
        ids[name] = site.put(source, name, body, partner)
        assert site.process(ids[name]) == ["loaded"]
    return ids


def found(site: Site) -> set[tuple[Any, ...]]:
    """Level, code and words of each place that the records name, what it is and how that was found."""
    with site.warehouse.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT admin_level, provider_code, provider_place, place_code, status FROM core.place_match"
                " WHERE source_id = 'iom-dtm'"
            )
        )
        return {tuple(row) for row in rows}


def told(site: Site, delivery_id: int) -> list[Issue]:
    return [issue for issue in site.receipt(delivery_id).issues if issue.rule.startswith("place.")]


EXPECTED = {
    (1, None, "East", "LY01", "name"),
    (2, "LY0101", "Wadi", "LY0101", "code"),
    (1, None, "WEST", "LY02", "name"),
    (2, "X11", "Wadi", "LY0201", "name"),  # told apart by the area that it lies in
    (1, None, "الغَرب", "LY02", "name"),
    (2, "X22", "ghar zayd", "LY0202", "name"),
    (1, None, "South", None, "unknown"),
    (2, "X33", "Wadi", None, "ambiguous"),
    (1, None, "Lac", "TCD01", "name"),
    (2, "TD0101", "Mamdy", None, "unknown"),
}


@pytest.mark.parametrize(
    "order",
    [
        ("pcodes.csv", "shapes.json", "round.csv"),
        ("round.csv", "shapes.json", "pcodes.csv"),
        ("shapes.json", "round.csv", "pcodes.csv"),
    ],
    ids=lambda order: "-".join(name.split(".")[0] for name in order),
)
def test_places_are_found_whatever_comes_first(site: Site, order: tuple[str, ...]) -> None:
    deliver(site, *order)
    assert found(site) == EXPECTED


def test_the_receipt_says_what_was_not_found_with_the_nearest_and_against_what(site: Site) -> None:
    delivery_id = deliver(site, "pcodes.csv", "shapes.json", "round.csv")["round.csv"]
    issues = {(issue.rule, issue.column): issue for issue in told(site, delivery_id)}
    assert set(issues) == {
        ("place.unknown", "admin1Name"),
        ("place.unknown", "admin2Name"),
        ("place.ambiguous", "admin2Name"),
    }
    unknown = issues["place.unknown", "admin2Name"]
    assert (unknown.severity, unknown.n_rows, unknown.example_rows) == ("note", 1, (6,))
    assert unknown.parameters["places"] == ["Mamdy → Mamdi (TCD0101)"]
    assert unknown.parameters["lists"] == ["TCD 2: ocha-cod, 2 (2018-05-07)"]
    ambiguous = issues["place.ambiguous", "admin2Name"]
    assert ambiguous.parameters["places"] == ["Wadi → Wadi (LY0101), Wadi (LY0201)"]
    page = site.store.get_bytes(site.settings.landing_bucket, receipt_page(site, delivery_id)).decode()
    assert "Mamdy" in page and "TCD0101" in page


def receipt_page(site: Site, delivery_id: int) -> str:
    key = site.get(delivery_id).receipt_key
    assert key is not None
    return key.replace("receipt.json", "receipt.html")


def test_without_a_list_no_receipt_speaks_of_places(site: Site) -> None:
    delivery_id = deliver(site, "round.csv")["round.csv"]
    assert told(site, delivery_id) == []
    assert {row[4] for row in found(site)} == {"unlisted"}


def test_a_withdrawn_list_takes_its_places_along_and_a_rebuild_gives_the_same(site: Site) -> None:
    ids = deliver(site, "pcodes.csv", "shapes.json", "round.csv")
    site.refresh()
    before = site.checksum()
    rebuilt = redo.rebuild(site.settings)
    assert rebuilt.is_equal
    assert site.checksum() == before
    assert found(site) == EXPECTED
    redo.withdraw(ids["pcodes.csv"], site.settings)
    codes = {(row[3], row[4]) for row in found(site)}
    assert codes == {("LY01", "name"), ("LY02", "name"), ("TD01", "name"), (None, "unknown"), (None, "unlisted")}


ALIASES = """country_code,admin_level,provider_value,place_code,why
TCD,2,Mamdy,TCD0101,spelled so by the operation
LBY,2,Wadi,LY0202,only here: the receipt's ambiguous name
"""


def test_an_alias_decides_once_a_person_wrote_it_down(site: Site) -> None:
    deliver(site, "pcodes.csv", "shapes.json", "round.csv")
    path = site.settings.expectations_dir / "places.csv"
    path.write_text(ALIASES, encoding="utf-8")
    with site.warehouse.begin() as connection:
        places.sync_aliases(connection, path)
    after = found(site)
    assert (2, "TD0101", "Mamdy", "TCD0101", "alias") in after
    assert (2, "X33", "Wadi", "LY0202", "alias") in after
    assert (2, "X11", "Wadi", "LY0201", "name") in after  # a name that is clear needs no alias
    path.write_text(ALIASES.splitlines()[0] + "\n", encoding="utf-8")
    with site.warehouse.begin() as connection:
        places.sync_aliases(connection, path)
    assert found(site) == EXPECTED


@pytest.mark.parametrize(
    ("line", "says"),
    [("TCD,9,Mamdy,TCD0101,", "admin_level"), ("TCD,2,MAMDÝ,TCD0101,\nTCD,2,mamdy,TCD0102,", "two lines")],
)
def test_an_alias_file_that_is_wrong_is_refused(site: Site, line: str, says: str) -> None:
    path = site.settings.expectations_dir / "places.csv"
    path.write_text(f"country_code,admin_level,provider_value,place_code,why\n{line}\n", encoding="utf-8")
    with pytest.raises(ContractError, match=says), site.warehouse.begin() as connection:
        places.sync_aliases(connection, path)


@pytest.fixture
def connection(site: Site) -> Iterator[Connection]:
    deliver(site, "pcodes.csv", "shapes.json")
    with site.warehouse.connect() as connection:
        yield connection


CASES: list[tuple[str | None, int | None, str | None, str, str | None, tuple[str | None, str]]] = [
    ("LBY", 1, None, "الشَّرْق", None, ("LY01", "name")),  # the shapes' name, with marks
    ("LBY", 2, None, "ly0202", None, ("LY0202", "code")),  # a code where the name belongs
    ("TCD", 1, None, "N’GARA", None, ("TCD02", "name")),
    ("TCD", 1, "TD01", "Lac", None, ("TCD01", "code")),  # a code of the shapes: the same place
    ("TCD", None, None, "Lac", None, (None, "ambiguous")),  # a region, and a department of it
    ("TCD", 2, None, "Mamdii", None, (None, "unknown")),  # however alike
    ("LBY", 2, None, "Ghar Zayd", "East", (None, "unknown")),  # it does not lie there
    ("LBY", 2, None, "Ghar Zayd", "nowhere", ("LY0202", "name")),  # an area that nobody knows says nothing
    ("LBY", 2, None, "Wadi", "LY02", ("LY0201", "name")),
    ("LBY", 4, None, "Wadi", None, (None, "unlisted")),
    ("TCD", 1, "LY01", "East", None, (None, "unknown")),  # a code of another country
    (None, None, None, "30 km off the coast", None, (None, "no_country")),
]


def test_a_place_is_found_by_code_or_name_and_else_not(connection: Connection) -> None:
    for country, level, code, name, parent, expected in CASES:
        found = connection.execute(
            text("SELECT * FROM core.find_place(:country, CAST(:level AS smallint), :code, :name, :parent)"),
            {"country": country, "level": level, "code": code, "name": name, "parent": parent},
        ).all()
        assert [tuple(row) for row in found] == [expected], (country, level, code, name, parent)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Côte-d’Or", "COTE D'OR"),
        ("N'Djaména", "Ndjamena"),
        ("Sar-e  Pul", "sar e pul"),
        ("أَنْبَار", "انبار"),
        ("مدرسة", "مدرسه"),
        ("الأخرى", "الاخري"),
        ("Œuf", "oeuf"),
        ("Łódź", "lodz"),
    ],
)
def test_spellings_of_one_name_have_one_key(connection: Connection, one: str, other: str) -> None:
    keys = connection.execute(
        text("SELECT core.place_key(:one), core.place_key(:other)"), {"one": one, "other": other}
    ).one()
    assert keys[0] == keys[1] != ""


def test_names_that_differ_have_different_keys_and_blanks_have_none(connection: Connection) -> None:
    keys = connection.execute(
        text("SELECT core.place_key('Gao'), core.place_key('Goa'), core.place_key(' - '), core.place_key('')")
    ).one()
    assert tuple(keys) == ("gao", "goa", None, None)


def test_the_planner_knows_of_places_as_soon_as_they_are_loaded(site: Site) -> None:
    """Where it takes the table for empty it goes through all of it for each place that is looked up: minutes."""
    deliver(site, "pcodes.csv")
    with site.warehouse.connect() as connection:
        known = connection.execute(
            text(
                "SELECT c.reltuples, (SELECT count(*) FROM core.place) FROM pg_class AS c"
                " WHERE c.oid = 'core.place'::regclass"
            )
        ).one()
    assert known[0] == known[1] > 0
