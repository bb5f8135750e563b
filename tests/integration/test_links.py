"""Pairs of records that tell of one event: proposed, decided, counted once, whatever comes, goes or is built anew."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.integration.worksite import Site, contract, csv_bytes, write_expectations

from footprints import links, redo
from footprints.errors import NotFoundError
from footprints.links import Link
from footprints.samples import survey
from footprints.settings import REPOSITORY, Settings

pytestmark = pytest.mark.integration

HEADER = "key,day,region,dead,lat,lon,quality"
LAMPEDUSA = (35.5, 12.6)


def placed(source: str) -> dict[str, Any]:
    document = contract(source, mode="upsert")
    for layout in document["layouts"]:
        layout["columns"] |= {
            "latitude": {"from": "lat", "type": "number"},
            "longitude": {"from": "lon", "type": "number"},
            "source_quality": {"from": "quality", "type": "integer"},
            "country_code": {"value": "ITA"},
        }
    return document


@pytest.fixture
def site(platform: Settings, tmp_path: Path) -> Site:
    folder = write_expectations(tmp_path / "expectations", *(placed(name) for name in ("test-a", "test-b", "test-c")))
    made = Site(platform.model_copy(update={"expectations_dir": folder, "gx_rows": 0}))
    made.clear()
    with made.warehouse.begin() as connection:
        for table in ("link_proposal", "link_decision", "event_member"):
            connection.execute(text(f"DELETE FROM meta.{table}"))
    return made


def row(key: str, day: str, dead: object, quality: object = "", place: tuple[float, float] | None = LAMPEDUSA) -> Any:
    return (key, day, "Sea", dead, *(place or ("", "")), quality)


def deliver(site: Site, source: str, *rows: Any, day: str = "2020-06-01") -> int:
    return site.deliver(source, f"{day}-{source}.csv", csv_bytes(rows, HEADER))


def proposed(site: Site, state: Any = "proposed") -> dict[frozenset[str], Link]:
    """Pairs by the keys of their records."""
    with site.warehouse.begin() as connection:
        links.propose(connection, site.settings.sql_dir)
        found = links.list_links(connection, state)
    return {frozenset({f"{s.source_id[-1]}{s.record_key}" for s in (one.a, one.b)}): one for one in found}


def decide(site: Site, link: Link, decision: Any) -> None:
    with site.warehouse.begin() as connection:
        links.decide(connection, link.link_id, decision, "Ada", site.settings.sql_dir)


def dead_by_source(site: Site) -> dict[str, int]:
    """The dead of the trend table; incremental and full agree."""
    site.refresh()
    before = site.checksum("trends")
    site.refresh(full=True)
    assert site.checksum("trends") == before
    with site.warehouse.connect() as connection:
        rows = connection.execute(text("SELECT source_id, sum(n_dead) FROM trends.incident_month GROUP BY 1")).all()
    return {source[-1]: int(n) for source, n in rows}


def test_what_is_near_in_place_time_and_number_is_proposed(site: Site) -> None:
    deliver(
        site,
        "test-a",
        row("1", "2020-05-31", 40),
        row("2", "2020-01-10", 12),
        row("3", "2020-02-10", 30),
        row("4", "2020-03-10", 7, place=None),
        row("5", "2020-04-10", 9),
        row("6", "2020-08-10", 25, place=(35.01, 13.99)),
    )
    deliver(
        site,
        "test-b",
        row("1", "2020-06-02", 42, place=(35.7, 12.5)),  # two days and 24 km, in another month
        row("2", "2020-01-15", 12),  # too late
        row("3", "2020-02-10", 11),  # another number
        row("4", "2020-03-11", 7),  # no place in the other, but country, day and number
        row("5", "2020-04-10", 9, place=(36.5, 12.6)),  # 111 km
        row("6", "2020-08-10", 25, place=(34.98, 14.02)),  # near, over the edge of two cells
    )
    found = proposed(site)
    assert found.keys() == {frozenset({"a1", "b1"}), frozenset({"a4", "b4"}), frozenset({"a6", "b6"})}
    first = found[frozenset({"a1", "b1"})]
    assert first.reasons["days"] == 2
    assert first.reasons["km"] == pytest.approx(24, abs=1.5)
    assert first.reasons["told"]["test-b"] == {"date": "2020-06-02", "n": 42}
    assert proposed(site) == found


def test_a_confirmed_pair_counts_once_by_the_better_source(site: Site) -> None:
    deliver(site, "test-a", row("1", "2020-05-31", 40, quality=2), row("2", "2020-07-01", 5))
    deliver(site, "test-b", row("1", "2020-06-01", 42, quality=4))
    assert dead_by_source(site) == {"a": 45, "b": 42}
    [pair] = proposed(site).values()
    decide(site, pair, "rejected")
    assert dead_by_source(site) == {"a": 45, "b": 42}
    assert proposed(site) == {}
    decide(site, pair, "confirmed")
    assert dead_by_source(site) == {"a": 5, "b": 42}
    [kept] = proposed(site, "confirmed").values()
    assert (kept.link_id, kept.decided_by) == (pair.link_id, "Ada")
    # The other source corrects its quality: it stands now, in a month that this delivery does not touch itself.
    deliver(site, "test-a", row("1", "2020-05-31", 41, quality=5), day="2020-06-02")
    assert dead_by_source(site) == {"a": 46}
    decide(site, pair, "rejected")
    assert dead_by_source(site) == {"a": 46, "b": 42}
    with pytest.raises(NotFoundError):
        decide(site, Link("0" * 16, pair.a, pair.b, "proposed", None), "confirmed")


def test_one_source_tells_in_two_rows_what_another_tells_in_one(site: Site) -> None:
    deliver(site, "test-a", row("1", "2020-05-31", 40, quality=5), row("2", "2020-05-31", 35, quality=1))
    deliver(site, "test-b", row("1", "2020-05-31", 38))
    deliver(site, "test-c", row("1", "2020-06-01", 37, quality=3))
    for pair in proposed(site).values():
        if "test-b" in (pair.a.source_id, pair.b.source_id):
            decide(site, pair, "confirmed")
    assert dead_by_source(site) == {"a": 75}


def test_decisions_outlive_withdrawals_and_rebuilds(site: Site) -> None:
    a = deliver(site, "test-a", row("1", "2020-05-31", 40), row("2", "2020-07-01", 5))
    b = deliver(site, "test-b", row("1", "2020-06-01", 42, quality=4))
    [pair] = proposed(site).values()
    decide(site, pair, "confirmed")
    assert dead_by_source(site) == {"a": 5, "b": 42}
    redo.withdraw(b, site.settings)
    assert dead_by_source(site) == {"a": 45}
    assert proposed(site) == {}
    redo.replay(site.warehouse, b)
    site.process(b)
    assert dead_by_source(site) == {"a": 5, "b": 42}
    assert redo.rebuild(site.settings).is_equal
    assert dead_by_source(site) == {"a": 5, "b": 42}
    assert [one.link_id for one in proposed(site, "confirmed").values()] == [pair.link_id]
    redo.withdraw(a, site.settings)
    assert dead_by_source(site) == {"b": 42}


def test_the_order_of_deliveries_and_decisions_does_not_matter(site: Site) -> None:
    files = {
        "test-a": [row("1", "2020-05-31", 40, quality=3), row("2", "2020-03-01", 20)],
        "test-b": [row("1", "2020-06-01", 41, quality=4), row("2", "2020-03-02", 21)],
        "test-c": [row("1", "2020-05-31", 42, quality=2)],
    }
    seen = set()
    for order in itertools.permutations(files):
        site.clear()
        with site.warehouse.begin() as connection:
            connection.execute(text("DELETE FROM meta.link_decision"))
            connection.execute(text("DELETE FROM meta.event_member"))
        for source in order:
            deliver(site, source, *files[source])
        pairs = proposed(site)
        assert len(pairs) == 4
        for _, pair in sorted(pairs.items(), key=lambda item: sorted(item[0]), reverse=order[0] == "test-b"):
            decide(site, pair, "confirmed")
        assert dead_by_source(site) == {"a": 20, "b": 41}
        with site.warehouse.connect() as connection:
            members = connection.execute(text("SELECT * FROM meta.event_member ORDER BY 1, 2")).all()
        seen.add((tuple(sorted(one.link_id for one in pairs.values())), tuple(tuple(m) for m in members)))
    assert len(seen) == 1


def test_a_death_told_in_an_interview_is_proposed_and_changes_no_figure(platform: Settings, tmp_path: Path) -> None:
    own = Site(platform.model_copy(update={"expectations_dir": REPOSITORY / "expectations", "gx_rows": 0}))
    own.clear()
    interview = next(
        one
        for one in survey.field_interviews(60, seed=31, n_quarters=1)
        if one.answers["interview_country"] == "LBY" and len(one.stops) > 1
    )
    interview.answers.update(witnessed_death="yes", n_deaths_witnessed=12, departure_date="2016-11-02")
    interview.stops[1].update({"stop_incidents": ["death"], "stop_country": "NER", "stop_place": "Dirkou"})
    own.deliver_as("mhub", "mhub-survey", survey.write_kobo_xlsx(tmp_path / "f.xlsx", [interview]))
    with own.warehouse.begin() as connection:
        delivery = connection.execute(text("SELECT max(delivery_id) FROM meta.delivery")).scalar_one()
        for key, day, place, n in (
            ("same", "2016-12-20", "Near Dirkou", 12),
            ("later", "2019-01-01", "Dirkou", 12),
            ("other", "2016-12-21", "Dirkou", 2),
        ):
            connection.execute(
                text(
                    "INSERT INTO core.incident (source_id, record_key, delivery_id, row_number, incident_date,"
                    " country_code, provider_location, n_dead) VALUES ('mhub-incidents', :key, :delivery, 1,"
                    " CAST(:day AS date), 'NER', :place, :n)"
                ),
                {"key": key, "delivery": delivery, "day": day, "place": place, "n": n},
            )
    with own.warehouse.begin() as connection:
        links.propose(connection, own.settings.sql_dir)
        [pair] = links.list_links(connection, "proposed")
        assert (pair.a.table, pair.a.record_key, pair.b.record_key) == ("interview", None, "same")
        assert pair.a.key_sha256 == links.key_sha256(interview.uuid)
        assert (pair.reasons["died_at_stop"], pair.reasons["same_place"]) == (True, True)
        links.decide(connection, pair.link_id, "confirmed", "Ada", own.settings.sql_dir)
        members = connection.execute(text("SELECT count(*) FROM meta.event_member WHERE source_id LIKE 'mhub-%'"))
        assert members.scalar() == 0
        assert connection.execute(text("SELECT count(*) FROM core.incident_told_elsewhere")).scalar() == 0
