"""Whatever order deliveries are worked through in, core (with its owners) and the trends end the same."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from tests.integration.worksite import Site, contract, csv_bytes, write_expectations

from footprints import redo, work
from footprints.samples import survey
from footprints.settings import Settings

pytestmark = pytest.mark.integration

CONTRACTS = {
    document["source"]: document
    for document in (
        contract("upsert", mode="upsert"),
        contract("append", mode="append"),
        contract("numbered", mode="upsert", on_repeated_key="number"),
        contract("span", mode="snapshot", snapshot={"scope": ["provider_region"], "period": "incident_date"}),
        contract("years", mode="snapshot", snapshot={"period": "incident_date", "covers": "years"}),
        contract("all", mode="snapshot", snapshot={"scope": ["provider_region"]}),
    )
}
TRENDS = ("incident_month",)
DAYS = ("2019-12-31", "2020-01-01", "2020-01-31", "2020-12-30", "2021-06-01")


@dataclass(frozen=True)
class File:
    """A file as of a day: what it states, and whether its rows carry notes."""

    day: int
    rows: tuple[tuple[str, str, str, int], ...]
    noted: bool

    def body(self) -> bytes:
        if not self.noted:
            return csv_bytes(self.rows)
        return csv_bytes([(*row, f"note {row[3]}") for row in self.rows], "key,day,region,dead,note")


rows = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(DAYS), st.sampled_from(("Sahara", "Sea")), st.integers(0, 2)),
    min_size=1,
    max_size=4,
).map(tuple)
files = st.lists(st.builds(File, st.integers(1, 3), rows, st.booleans()), min_size=2, max_size=5)


@dataclass(frozen=True)
class History:
    """Files in the order of their arrival, an order to work through them, and what else is done: which are withdrawn
    once they are loaded, and after which the trends are refreshed."""

    files: tuple[File, ...]
    order: tuple[int, ...]
    withdrawn: frozenset[int]
    refreshed: frozenset[int]


@st.composite
def histories(draw: st.DrawFn) -> History:
    made = draw(files)
    if draw(st.booleans()):  # one comes twice
        made.append(draw(st.sampled_from(made)))
    places = range(len(made))
    bodies = [file.body() for file in made]
    single = [place for place in places if bodies.count(bodies[place]) == 1]
    withdrawn = draw(st.frozensets(st.sampled_from(single), max_size=2)) if single else frozenset()
    return History(
        tuple(made),
        tuple(draw(st.permutations(places))),
        withdrawn,
        draw(st.frozensets(st.sampled_from(places), max_size=2)),
    )


ONE = ("a", "2020-01-01", "Sahara", 1)
CORRECTED_WITHOUT_NOTES = History(
    (File(1, (ONE,), noted=True), File(2, (ONE,), noted=False)), (1, 0), frozenset(), frozenset({1})
)
"""The newer file has a column less."""
REVERTED = History(
    (
        File(1, (ONE,), noted=False),
        File(2, (("a", "2020-01-01", "Sea", 2),), noted=False),
        File(1, (ONE,), noted=False),
    ),
    (2, 1, 0),
    frozenset(),
    frozenset({2}),
)
"""The last is a duplicate of the first, and worked through before it."""


@pytest.fixture(scope="module")
def site(platform: Settings, tmp_path_factory: pytest.TempPathFactory) -> Site:
    expectations = write_expectations(tmp_path_factory.mktemp("order") / "expectations", *CONTRACTS.values())
    return Site(platform.model_copy(update={"expectations_dir": expectations, "gx_rows": 0}))


def end(site: Site, source: str, history: History, order: Iterator[int]) -> tuple[dict[str, str], dict[int, str]]:
    """Lives through a history in an order; checksums and states at its end."""
    site.clear(bucket=False)
    ids = [site.put(source, f"2020-06-0{file.day}-{n}.csv", file.body()) for n, file in enumerate(history.files)]
    for place in order:
        assert site.process(ids[place]) != ["received"]
        if place in history.withdrawn and site.states()[ids[place]] in ("loaded", "superseded"):
            redo.withdraw(ids[place], site.settings)
        if place in history.refreshed:
            site.refresh(tables=TRENDS)
    site.refresh(tables=TRENDS)
    checksums = site.checksum()
    site.refresh(full=True, tables=TRENDS)
    assert site.checksum() == checksums, "what was refreshed in part is not what a full refresh gives"
    return checksums, site.states()


@pytest.mark.parametrize("source", CONTRACTS)
@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # to make an example smaller takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories())
@example(history=CORRECTED_WITHOUT_NOTES)
@example(history=REVERTED)
def test_order_does_not_matter(site: Site, source: str, history: History) -> None:
    by_version = sorted(range(len(history.files)), key=lambda n: (history.files[n].day, n))
    expected, states = end(site, source, history, iter(by_version))
    got, got_states = end(site, source, history, iter(history.order))
    assert got == expected
    held = ("duplicate", "quarantined", "withdrawn")
    assert {i: s for i, s in got_states.items() if s in held} == {i: s for i, s in states.items() if s in held}


# ------------------------------------------------------------------------------------------------- side by side


STREAM = tuple(
    File(1 + n % 3, tuple((key, DAYS[(n + i) % 5], "Sea", n) for i, key in enumerate("abcd"[: 1 + n % 4])), n % 2 == 0)
    for n in range(8)
)


@pytest.mark.parametrize("source", ["upsert", "span"])
def test_two_workers_at_one_source_end_as_one_would(site: Site, source: str) -> None:
    made = (*STREAM, STREAM[2], STREAM[5])  # two of them twice
    history = History(made, tuple(range(len(made))), frozenset(), frozenset())
    expected, states = end(site, source, history, iter(history.order))

    site.clear(bucket=False)
    ids = [site.put(source, f"2020-06-0{file.day}-{n}.csv", file.body()) for n, file in enumerate(made)]
    failed: list[Exception] = []

    def worker(name: str, mine: list[int]) -> None:
        try:
            assert work.process(mine, site.settings, name).errors == ()
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    def refresher() -> None:
        while any(thread.is_alive() for thread in threads):
            site.refresh()

    threads = [
        threading.Thread(target=worker, args=("one", ids[::-1][::2])),
        threading.Thread(target=worker, args=("two", ids[::2])),
    ]
    for thread in threads:
        thread.start()
    refresher()
    for thread in threads:
        thread.join(60)
    assert failed == []
    site.refresh()
    assert site.checksum() == expected
    duplicates = {i for i, state in states.items() if state == "duplicate"}
    assert {i for i, state in site.states().items() if state == "duplicate"} == duplicates == set(ids[-2:])


def test_claims_of_two_workers_do_not_overlap(site: Site) -> None:
    site.clear(bucket=False)
    ids = [site.put("upsert", f"2020-06-0{file.day}-{n}.csv", file.body()) for n, file in enumerate(STREAM)]
    few = site.settings.model_copy(update={"claim_limit": 3})
    taken = [work.claim(few, f"worker {n}") for n in range(4)]
    assert sorted(itertools.chain.from_iterable(itertools.chain.from_iterable(taken))) == ids
    assert taken[3] == []


# ------------------------------------------------------------------------------------------------------ consent


def survey_files(folder: Path) -> tuple[bytes, bytes, bytes, str]:
    """An export of 12 interviews; a later one of six in which the last person says no; one in which they agree again.

    The later exports cover the days of their own interviews only: it is not the snapshot that takes the last one out.
    """
    interviews = list({one.started.date(): one for one in survey.mali_interviews()}.values())[:12]
    last = interviews[-1]
    no = replace(last, answers={**last.answers, "consent": "no"})
    files = (interviews, [*interviews[:5], no], interviews[-2:])
    paths = [survey.write_kobo_csv(folder / f"{n}.csv", export) for n, export in enumerate(files)]
    return (*(path.read_bytes() for path in paths), last.uuid)  # type: ignore[return-value]


@pytest.mark.parametrize("order", [*itertools.permutations(range(2)), *itertools.permutations(range(3))], ids=str)
def test_who_withdraws_consent_leaves_the_warehouse(platform: Settings, tmp_path: Path, order: tuple[int, ...]) -> None:
    site = Site(platform)
    site.clear(bucket=False)
    *bodies, last = survey_files(tmp_path)
    ids = [site.put("mhub-survey", f"{n}.csv", body, "mhub") for n, body in enumerate(bodies)]
    for place in order:
        assert site.process(ids[place]) == ["loaded"]

    def owner() -> int | None:
        with site.warehouse.connect() as connection:
            return connection.execute(
                text("SELECT delivery_id FROM core.interview WHERE record_key = :key"), {"key": last}
            ).scalar()

    agreed_again = len(order) == 3
    assert owner() == (ids[2] if agreed_again else None)
    with site.warehouse.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM core.interview")).scalar() == 11 + agreed_again
        assert last not in str(connection.execute(text("SELECT * FROM meta.refused_consent")).all())
    if order == (0, 1):
        notes = {issue.rule: issue.parameters for issue in site.receipt(ids[1]).issues}
        assert notes["consent.withdrawn"] == {"n": 1}
        site.refresh()
        before = site.checksum("core")
        redo.rebuild(site.settings)
        assert site.checksum("core") == before
        redo.replay(site.warehouse, ids[0])
        site.process(ids[0])
        assert owner() is None
        redo.withdraw(ids[1], site.settings)  # the export was a mistake: what it had taken out returns
        assert owner() == ids[0]
