"""Cleaning logs: applied to the interviews that they name, proven so, taken back, equal in whatever order they come."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.integration.worksite import Site

from footprints import cli, redo, trends
from footprints.samples import survey
from footprints.samples.cleaning import Entry, entry, safety_log, write_log
from footprints.settings import Settings

pytestmark = pytest.mark.integration

SURVEY, LOG = "mhub-survey", "mhub-cleaning"
INTERVIEWS = survey.mali_interviews()
INDICATOR = "felt-unsafe"


@pytest.fixture(scope="module")
def site(platform: Settings) -> Site:
    return Site(platform)


@pytest.fixture
def empty(site: Site) -> Site:
    site.clear()
    return site


def survey_file(folder: Path, interviews: Sequence[survey.Interview] = INTERVIEWS, name: str = "mali.xlsx") -> Path:
    return survey.write_kobo_xlsx(folder / name, interviews)


def deliver_survey(site: Site, folder: Path, **kwargs: object) -> int:
    return site.deliver_as("mhub", SURVEY, survey_file(folder, **kwargs))  # type: ignore[arg-type]


def deliver_log(site: Site, folder: Path, entries: Sequence[Entry], name: str = "log.csv") -> int:
    return site.deliver_as("mhub", LOG, write_log(folder / name, entries))


def unsafe(site: Site) -> tuple[int | None, int | None]:
    """Who felt unsafe in Mali in 2016, of how many, in the published figures after a nightly refresh."""
    site.refresh(tables=("survey_indicator",))
    with site.warehouse.connect() as connection:
        cells = trends.published_cells(connection, "MLI", "2016", INDICATOR)
    (cell,) = [c for c in cells if c.place is None and c.profile == "all"]
    return cell.n, cell.base


def outcomes(site: Site) -> Counter[str]:
    with site.warehouse.connect() as connection:
        return Counter(connection.execute(text("SELECT outcome_code FROM core.correction_outcome")).scalars().all())


def told(site: Site, delivery_id: int) -> dict[str, int]:
    issues = site.receipt(delivery_id).issues
    return {i.rule: i.parameters["n"] for i in issues if i.rule.startswith("correction.")}


def test_a_log_changes_the_figures_and_taking_it_back_restores_them(empty: Site, tmp_path: Path) -> None:
    deliver_survey(empty, tmp_path)
    assert unsafe(empty) == (50, 109)
    before = empty.checksum()

    log = deliver_log(empty, tmp_path, safety_log(INTERVIEWS))

    assert told(empty, log) == {"correction.applied": 10}
    assert unsafe(empty) == (40, 109)
    with empty.warehouse.connect() as connection:
        delivered = connection.execute(
            text("SELECT count(*) FROM core.interview WHERE answers ->> 'felt_unsafe' = 'yes'")
        ).scalar()
        seen = connection.execute(
            text("SELECT count(*) FROM core.interview_answer WHERE question_code = 'felt_unsafe' AND answer = 'yes'")
        ).scalar()
    assert (delivered, seen) == (50, 40)
    corrected = empty.checksum()

    redo.withdraw(log, empty.settings)
    assert unsafe(empty) == (50, 109)
    assert empty.checksum() == before

    redo.replay(empty.warehouse, log)
    assert empty.process(log) == ["loaded"]
    assert unsafe(empty) == (40, 109)
    assert empty.checksum() == corrected
    assert redo.rebuild(empty.settings).is_equal
    assert empty.checksum() == corrected


def every_kind(interviews: Sequence[survey.Interview]) -> tuple[list[Entry], Counter[str]]:
    """Entries of every kind, each about an interview of its own, and what must become of them."""
    yes = [i for i in interviews if i.answers["felt_unsafe"] == "yes"]
    no = [i for i in interviews if i.answers["felt_unsafe"] == "no"]
    man = next(i for i in no if i.answers["sex"] == "male")
    several = next(i for i in yes[6:] if len(i.answers["drivers"]) > 1)
    entries = [
        entry(yes[0], "felt_unsafe", "yes", "no"),
        entry(yes[0], "felt_unsafe", "no", "refused", issue="later in the same log"),
        entry(yes[1], "felt_unsafe", "Yes", "No", issue="the log writes labels"),
        entry(yes[2], "felt_unsafe", "yes", "", "blank_response"),
        entry(yes[3], "felt_unsafe", "yes", "", "remove_survey"),
        entry(yes[4], "", "", "", "remove_survey"),
        entry(man, "sex", "male", "female"),
        entry(no[1], "age", no[1].answers["age"], "41"),
        entry(several, "drivers", several.answers["drivers"], several.answers["drivers"][:1]),
        entry(yes[5], "felt_unsafe", "no", "yes", issue="as it is"),
        entry(no[2], "felt_unsafe", "yes", "refused"),
        entry(no[3], "age", "7", "8"),
        entry(no[4], "felt_unsafe", "no", "perhaps"),
        entry(no[5], "age", no[5].answers["age"], "250"),
        entry(no[6], "nonsense", "a", "b"),
        entry(no[7], "comments", "a", "b"),
        entry("no-such-interview", "felt_unsafe", "yes", "no"),
        entry(no[8], "felt_unsafe", "no", "", "no_action"),
        entry(no[9], "felt_unsafe", "no", "yes", "++++"),
    ]
    expected = {"applied": 9, "already": 1, "differs": 2, "invalid": 2, "unknown_question": 2}
    return entries, Counter({**expected, "absent": 1, "none": 1, "unclear": 1})


def test_every_entry_is_answered(empty: Site, tmp_path: Path) -> None:
    deliver_survey(empty, tmp_path)
    entries, expected = every_kind(INTERVIEWS)

    log = deliver_log(empty, tmp_path, entries)

    assert outcomes(empty) == expected
    assert told(empty, log) == {f"correction.{outcome}": n for outcome, n in expected.items()}
    # no, refused, no, blank, and two deleted: five fewer said yes, and 109 lose the refused, the blank and the two.
    assert unsafe(empty) == (50 - 5, 109 - 4)
    with empty.warehouse.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT c.sex_code, c.age, c.age_group FROM core.interview_current c JOIN core.interview_patch p"
                " USING (source_id, record_key) WHERE p.patch ?| ARRAY['sex_code', 'age'] ORDER BY p.patch ? 'age'"
            )
        ).all()
        kept = connection.execute(
            text("SELECT old_value, new_value FROM core.correction WHERE question_code = 'comments'")
        ).one()
    assert rows[0][0] == "female"
    assert tuple(rows[1][1:]) == (41, "35-49")
    assert tuple(kept) == (None, None)


def test_logs_and_interviews_end_equal_in_any_order(empty: Site, tmp_path: Path) -> None:
    """The export comes twice, the second time with one answer put right at the source and one interview changed."""
    entries, _ = every_kind(INTERVIEWS)
    again = [
        survey.Interview(i.uuid, i.started, i.ended, {**i.answers, "plan_to_stay": "yes"}, i.stops, "", i.today)
        if n == 3
        else i
        for n, i in enumerate(INTERVIEWS)
    ]
    first, second = survey_file(tmp_path), survey_file(tmp_path, again, "again.xlsx")
    log = write_log(tmp_path / "log.csv", entries)
    more = write_log(tmp_path / "more.csv", safety_log(INTERVIEWS))
    files = {"first": (SURVEY, first), "second": (SURVEY, second), "log": (LOG, log), "more": (LOG, more)}
    ends = []
    for order in (
        ("first", "second", "log", "more"),
        ("log", "first", "more", "second"),
        ("more", "log", "second", "first"),
        ("first", "log", "second", "more"),
    ):
        empty.clear()
        ids = {name: empty.put(source, path.name, path.read_bytes(), "mhub") for name, (source, path) in files.items()}
        for name in order:
            empty.process(ids[name])
            empty.refresh(tables=("survey_indicator",))  # nightly, between deliveries
        ends.append(empty.checksum())
    assert ends[1:] == ends[:1] * 3

    incremental = empty.checksum()
    empty.refresh(full=True, tables=("survey_indicator",))
    assert empty.checksum("trends") == {k: v for k, v in incremental.items() if k.startswith("trends.")}


def test_a_corrected_country_moves_the_interview_and_its_figures(empty: Site, tmp_path: Path) -> None:
    deliver_survey(empty, tmp_path)
    yes = next(i for i in INTERVIEWS if i.answers["felt_unsafe"] == "yes")
    log = deliver_log(empty, tmp_path, [entry(yes, "interview_country", "MLI", "NER")])
    assert told(empty, log) == {"correction.applied": 1}
    assert unsafe(empty) == (49, 108)

    # The interview comes again with other answers: the partition that it was corrected into is computed anew too.
    changed = [
        survey.Interview(i.uuid, i.started, i.ended, {**i.answers, "plan_to_stay": "yes"}, i.stops, "", i.today)
        if i.uuid == yes.uuid
        else i
        for i in INTERVIEWS
    ]
    later = deliver_survey(empty, tmp_path, interviews=changed, name="later.xlsx")
    assert told(empty, later) == {"correction.kept": 1}
    assert unsafe(empty) == (49, 108)
    incremental = empty.checksum("trends")
    empty.refresh(full=True, tables=("survey_indicator",))
    assert empty.checksum("trends") == incremental


def test_a_log_before_its_interviews_waits_for_them(empty: Site, tmp_path: Path) -> None:
    log = deliver_log(empty, tmp_path, safety_log(INTERVIEWS, 3))
    assert told(empty, log) == {"correction.absent": 3}
    export = deliver_survey(empty, tmp_path)
    assert outcomes(empty) == Counter(applied=3)
    assert told(empty, export) == {"correction.kept": 3}
    assert unsafe(empty) == (47, 109)
    redo.withdraw(export, empty.settings)
    assert outcomes(empty) == Counter(absent=3)


def test_the_command_line_says_what_became_of_a_log(
    empty: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entries, expected = every_kind(INTERVIEWS)
    log = deliver_log(empty, tmp_path, entries)
    deliver_survey(empty, tmp_path)

    def shell(*args: object) -> str:
        monkeypatch.setattr("sys.argv", ["footprints", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        return capsys.readouterr().out

    found = json.loads(shell("corrections", SURVEY, "--json"))
    assert [(one["delivery"], one["corrects"], one["outcomes"]) for one in found] == [(log, SURVEY, dict(expected))]
    assert json.loads(shell("corrections", "--delivery", log + 99, "--json")) == []
    assert "unknown question" in shell("corrections", LOG)
    questions = json.loads(shell("questions", SURVEY, "--json"))
    felt = next(q for q in questions if q["question_code"] == "felt_unsafe")
    assert felt["label_fr"]
    assert {"yes", "no"} <= {choice["choice"] for choice in felt["choices"]}
    assert "felt_unsafe" in shell("questions", SURVEY)
