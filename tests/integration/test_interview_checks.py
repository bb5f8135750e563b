"""What the checks found of each interview stands beside it, whatever the order of deliveries, and ranks enumerators."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.integration.worksite import Site

from footprints import redo, review
from footprints.contracts import load_contract
from footprints.samples import survey
from footprints.samples.survey import Interview
from footprints.settings import REPOSITORY, Settings

pytestmark = pytest.mark.integration


@pytest.fixture
def site(platform: Settings) -> Site:
    made = Site(platform.model_copy(update={"gx_rows": 0}))
    made.clear()
    return made


def checks(site: Site) -> dict[str, Any]:
    with site.warehouse.connect() as connection:
        rows = connection.execute(text("SELECT * FROM core.interview_check")).mappings().all()
    return {row["record_key"]: row for row in rows}


def sent(site: Site, path: Path, interviews: list[Interview]) -> int:
    return site.deliver_as("mhub", "mhub-survey", survey.write_kobo_xlsx(path, interviews))


def test_flags_stand_beside_the_interviews_that_are_loaded(site: Site, tmp_path: Path) -> None:
    sound = survey.field_interviews(80, seed=21, n_quarters=1)
    doubtful = survey.doubtful(sound, each=1)
    sent(site, tmp_path / "a.xlsx", survey.spoil(doubtful, each=1))
    found = checks(site)
    assert found.keys() == {one.uuid for one in doubtful}
    for one in doubtful:
        if one.doubt:
            assert one.doubt in found[one.uuid]["flags"]
        if one.ended > one.started:
            assert found[one.uuid]["minutes"] == (one.ended - one.started) / timedelta(minutes=1)
    # What the checks read stays where it is: among the answers.
    with site.warehouse.connect() as connection:
        rows = connection.execute(text("SELECT record_key, answers FROM core.interview"))
        answers = {row.record_key: row.answers for row in rows}
    for one in doubtful:
        asked = ("route", "journey_cost_usd", "n_deaths_witnessed", "felt_unsafe")
        given = {code: one.answers[code] for code in asked if code in one.answers}
        assert {code: answers[one.uuid].get(code) for code in given} == given
    refused = next(one for one in doubtful if one.doubt == "interview.many_refused")
    assert found[refused.uuid]["n_refused"] >= 8


def test_checks_follow_the_delivery_that_states_the_interview(site: Site, tmp_path: Path) -> None:
    first = survey.field_interviews(40, seed=22, n_quarters=1)
    first = [one for one in first if one.answers["interview_country"] == "NER"]
    short = replace(first[3], ended=first[3].started + timedelta(minutes=4))
    again = [*first[:3], short, *first[4:]]
    old, new = ("a.xlsx", first), ("b.xlsx", again)
    ids = [sent(site, tmp_path / name, interviews) for name, interviews in (old, new)]
    assert checks(site)[short.uuid]["minutes"] == 4
    assert "interview.short" in checks(site)[short.uuid]["flags"]
    before = site.checksum("core")
    redo.withdraw(ids[1], site.settings)
    assert "interview.short" not in checks(site)[short.uuid]["flags"]
    redo.withdraw(ids[0], site.settings)
    assert checks(site) == {}
    for delivery_id in ids:
        redo.replay(site.warehouse, delivery_id)
    site.process(*reversed(ids))
    assert site.checksum("core") == before
    assert redo.rebuild(site.settings).is_equal


def test_rejects_for_what_stands_in_other_rows_are_taken_out_again(platform: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "expectations"
    shutil.copytree(REPOSITORY / "expectations", folder)
    common = json.loads((folder / "_tables" / "interview.field.json").read_text())["expectations"]
    own = [{**e, "severity": "critical"} for e in common if e["meta"]["rule"] == "interview.near_duplicate"]
    suite = {"name": "mhub-survey.strict", "expectations": own, "meta": {}}
    (folder / "mhub-survey" / "suites" / "strict.json").write_text(json.dumps(suite))
    load_contract.cache_clear()
    site = Site(platform.model_copy(update={"gx_rows": 0, "chunk_rows": 10, "expectations_dir": folder}))
    site.clear()
    interviews = survey.field_interviews(30, seed=23, n_quarters=1)
    copy = {**interviews[2].answers, "age": 44}
    late = interviews[2].started + timedelta(days=1)
    interviews.append(
        replace(interviews[2], uuid="copy", answers=copy, started=late, ended=late + timedelta(minutes=40))
    )
    delivery = site.get(sent(site, tmp_path / "a.xlsx", interviews))
    counts = delivery.counts
    assert (counts.rows_read, counts.rows_loaded, counts.rows_rejected) == (31, 29, 2)
    assert checks(site).keys() == {one.uuid for one in interviews} - {"copy", interviews[2].uuid}
    rejects = site.receipt(delivery.delivery_id).rejects
    assert [(r.row_number, r.rules) for r in rejects] == [
        (4, ("interview.near_duplicate",)),
        (32, ("interview.near_duplicate",)),
    ]


def test_the_enumerator_who_stands_out_is_the_first_to_be_looked_at(site: Site, tmp_path: Path) -> None:
    drawn = survey.field_interviews(90, seed=24, n_quarters=1)
    interviews = []
    for n, one in enumerate(drawn):
        who, started = n % 9, one.started.replace(hour=8) + timedelta(days=n // 9)
        minutes = 6 if who == 4 and n > 20 else 40
        answers = {**one.answers, "enumerator_id": f"E30{who}"}
        interviews.append(replace(one, answers=answers, started=started, ended=started + timedelta(minutes=minutes)))
    interviews.append(replace(drawn[0], uuid="one", answers={**drawn[0].answers, "enumerator_id": "E399"}))
    sent(site, tmp_path / "a.xlsx", interviews)
    with site.warehouse.connect() as connection:
        found = review.enumerators(connection, "mhub-survey")
    assert len(found) == 10
    first, last = found[0], found[-1]
    assert (first["review_rank"], first["n_interviews"]) == (1, 10)
    assert first["flagged_by_rule"]["interview.short"] == 8
    assert first["median_minutes"] == 6
    assert first["z_short"] > 2
    assert (last["n_interviews"], last["review_rank"], last["z_short"]) == (1, None, None)
    everything = json.dumps(found, default=str)
    with site.warehouse.connect() as connection:
        hashes = connection.execute(text("SELECT DISTINCT enumerator_hash FROM core.interview")).scalars().all()
    assert not [secret for secret in [*hashes, "E304"] if secret in everything]
    assert sorted(row["review_rank"] for row in found[:-1]) == list(range(1, 10))
