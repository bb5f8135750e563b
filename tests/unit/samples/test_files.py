"""What the generators write: shaped as the real files are, the same every time, with the counts they promise."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from openpyxl import load_workbook

from footprints.check import check_file
from footprints.model import Receipt
from footprints.samples import incidents, populations, survey
from footprints.samples.demo import Sample, write_demo
from footprints.settings import settings


def check(path: Path, source: str) -> Receipt:
    """The receipt of a file on its own, by the suites as masks: the verdict is the same, and quicker here."""
    return check_file(path, source, settings().model_copy(update={"gx_rows": 0}))


def read(path: Path, delimiter: str = ",", encoding: str = "utf-8") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def test_mali_snapshot_has_the_published_marginals() -> None:
    answers = [i.answers for i in survey.mali_interviews()]
    days = [i.today for i in survey.mali_interviews()]
    assert len(answers) == 109
    assert (min(days), max(days)) == ("2016-03-01", "2016-05-31")
    assert {a["interview_place"] for a in answers} == {"gao", "kayes", "timbuktu", "nara", "benama_yelimane"}
    assert sum(a["felt_unsafe"] == "yes" for a in answers) == 50
    assert sum(a["negative_encounter"] != "none" for a in answers) > 0.7 * 109
    assert sum(a["plan_to_stay"] == "no" for a in answers) == 105


def test_answers_keep_to_the_form() -> None:
    form = survey.survey_form()
    for interview in survey.mali_interviews() + survey.field_interviews(150):
        for answers in (interview.answers, *interview.stops):
            for code, answer in answers.items():
                question = form.questions[code]
                if question.list_name is not None:
                    given = answer if isinstance(answer, list) else [answer]
                    assert set(given) <= form.choices[question.list_name].keys(), code


def test_field_survey_spreads_over_countries_and_quarters() -> None:
    interviews = survey.field_interviews(600)
    assert len({i.answers["interview_country"] for i in interviews}) == 6
    assert len({i.answers["round"] for i in interviews}) == 6
    assert all(i.answers["round"][:7] <= i.today[:7] <= i.answers["round"][8:] for i in interviews)
    assert all(date.fromisoformat(i.today).year >= 2017 for i in interviews)
    assert Counter(i.answers["felt_unsafe"] for i in interviews).keys() == {"yes", "no", "dont_know", "refused"}


def test_workbook_is_kobos(tmp_path: Path) -> None:
    interviews = survey.mali_interviews()
    path = survey.write_kobo_xlsx(tmp_path / "a.xlsx", interviews, label_row=True)
    workbook = load_workbook(path, read_only=True)
    main = [list(r) for r in workbook[survey.SHEET].iter_rows(values_only=True)]
    stops = [list(r) for r in workbook["stops"].iter_rows(values_only=True)]
    workbook.close()
    header = main[0]
    assert header[:4] == ["start", "end", "today", "deviceid"]
    assert header[-1] == "_index"
    assert main[1][header.index("protection/felt_unsafe")] == "Have you felt unsafe on this journey?"
    text, flag = header.index("needs_group/needs"), header.index("needs_group/needs/cash")
    assert all(row[flag] == int("cash" in row[text].split()) for row in main[2:])
    parents = Counter(row[stops[0].index("_parent_index")] for row in stops[1:])
    assert [parents[i] for i in range(1, 110)] == [len(i.stops) for i in interviews]


def test_csv_export_agrees_with_the_interviews(tmp_path: Path) -> None:
    rows = read(survey.mali_snapshot(tmp_path / "mali.csv"), ";", "utf-8-sig")
    assert [r["_uuid"] for r in rows] == [i.uuid for i in survey.mali_interviews()]
    labelled = read(survey.mali_snapshot(tmp_path / "mali-fr.csv", labels="fr"), ";", "utf-8-sig")
    assert Counter(r["Sexe"] for r in labelled).keys() == {"Femme", "Homme"}


def test_faulty_interviews_are_what_they_say() -> None:
    sound = survey.field_interviews(60)
    added = survey.spoil(sound)[len(sound) :]
    assert Counter(i.fault for i in added) == dict.fromkeys(survey.FAULTS, 2)
    for one in added:
        if one.fault == "type.date":
            with pytest.raises(ValueError, match="day"):
                date.fromisoformat(one.today)
        assert (one.uuid in {i.uuid for i in sound}) == (one.fault == "key.repeated")
        assert (one.answers["consent"] == "no") == (one.fault == "consent.none")
        assert ("interview_country" not in one.answers) == (one.fault == "required")


def test_correction_adds_changes_and_drops_as_it_says() -> None:
    before = survey.spoil(survey.field_interviews(300))
    after = survey.correct(before)
    old = {i.uuid: i for i in before if not i.fault}
    new = {i.uuid: i for i in after.interviews if not i.fault}
    assert len(new.keys() - old.keys()) == after.n_added
    assert len(old.keys() - new.keys()) == after.n_gone
    same = old.keys() & new.keys()
    assert sum(old[u].answers != new[u].answers for u in same) == after.n_changed
    assert sum(old[u].answers == new[u].answers for u in same) == after.n_unchanged


def test_missing_migrants_download_has_the_sites_columns_and_bad_dates(tmp_path: Path) -> None:
    rows = read(incidents.missing_migrants_web(tmp_path / "mm.csv", n_rows=100, n_bad=3))
    assert tuple(rows[0]) == incidents.WEB_HEADER
    assert len({r["Web ID"] for r in rows}) == len(rows) == 100
    assert sum(r["Reported Date"].startswith("February 30") for r in rows) == 3
    for r in rows:
        missing = int(r["Minimum Estimated Number of Missing"] or 0)
        assert int(r["Total Dead and Missing"]) == int(r["Number Dead"]) + missing


def test_populations_have_the_data_finders_columns(tmp_path: Path) -> None:
    n_rows = populations.refugee_data_finder(tmp_path / "p.csv", n_bad=2)
    rows = read(tmp_path / "p.csv")
    assert tuple(rows[0]) == populations.HEADER
    assert len(rows) == n_rows
    good = [r for r in rows if r["Year"].isdigit()]
    assert len(good) == n_rows - 2
    assert len({(r["Year"], r["Country of Asylum"], r["Country of Origin"]) for r in good}) == len(good)
    assert all(int(r["Refugees"]) == 0 or int(r["Refugees"]) >= 5 for r in rows)


def test_reports_hold_the_bad_rows_they_promise(tmp_path: Path) -> None:
    counts = incidents.benchmark_csv(tmp_path / "b.csv", 1000, 0.02)
    rows = read(tmp_path / "b.csv")
    assert tuple(rows[0]) == incidents.REPORT_HEADER
    assert len(incidents.REPORT_HEADER) == 25
    assert len({r["incident_id"] for r in rows}) == len(rows) == 1000
    assert sum(counts.values()) == 20
    assert sum(r["incident_date"] == "2019-02-30" for r in rows) == counts["type.date"] == 4
    assert sum(r["incident_date"] == "" for r in rows) == counts["required"]
    assert sum(r["country"] == "Nowhereland" for r in rows) == counts["country.unknown"]
    assert sum(r["dead"] == "several" for r in rows) == counts["type.integer"]
    assert sum(r["latitude"] == "123.4" for r in rows) == counts["latitude"]


def test_the_clean_file_has_the_same_good_rows(tmp_path: Path) -> None:
    incidents.benchmark_csv(tmp_path / "bad.csv", 500, 0.1)
    assert sum(incidents.benchmark_csv(tmp_path / "clean.csv", 500, 0).values()) == 0
    bad, clean = read(tmp_path / "bad.csv"), read(tmp_path / "clean.csv")
    assert sum(b != c for b, c in zip(bad, clean, strict=True)) == 50


def test_reports_do_not_depend_on_their_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "CHUNK", 100)
    incidents.benchmark_csv(tmp_path / "long.csv", 300)
    incidents.benchmark_csv(tmp_path / "short.csv", 100)
    assert read(tmp_path / "long.csv")[:100] == read(tmp_path / "short.csv")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return write_demo(tmp_path_factory.mktemp("demo"), n_interviews=240)


def test_demo_holds_every_kind_of_drop(demo: list[Sample]) -> None:
    assert {s.expect.state for s in demo} == {"loaded", "duplicate", "quarantined"}
    assert {s.source for s in demo} == {"mhub-survey", "mhub-incidents", "iom-missing-migrants", "unhcr-population"}
    for sample in demo:
        e = sample.expect
        assert sample.path.stat().st_size > 0
        assert e.rows_read == e.rows_loaded + e.rows_unchanged + e.rows_rejected + e.rows_duplicate


def test_demo_is_the_same_every_time(demo: list[Sample], tmp_path: Path) -> None:
    again = write_demo(tmp_path / "again", n_interviews=240)
    assert [s.path.read_bytes() for s in again] == [s.path.read_bytes() for s in demo]
    assert [s.expect for s in again] == [s.expect for s in demo]


def test_each_file_alone_gets_the_verdict_that_its_making_implies(demo: list[Sample]) -> None:
    for sample in demo:
        receipt = check(sample.path, sample.source)
        counts = receipt.delivery.counts
        expect = sample.expect
        if expect.state == "duplicate":  # of an earlier one: alone it loads
            continue
        assert receipt.delivery.state == expect.state, sample.path.name
        assert counts.rows_read == expect.rows_read, sample.path.name
        assert counts.rows_rejected == expect.rows_rejected, sample.path.name
        assert counts.rows_duplicate == expect.rows_duplicate, sample.path.name
        assert counts.rows_loaded == expect.rows_loaded + expect.rows_unchanged, sample.path.name
        if expect.rule is not None:
            assert receipt.issues[0].rule == expect.rule, sample.path.name


@pytest.mark.parametrize("labels", [None, "en", "fr", "ar"])
def test_mali_snapshot_loads_whole_with_names_or_labels(tmp_path: Path, labels: str | None) -> None:
    path = survey.mali_snapshot(tmp_path / "mali.xlsx", labels=labels, label_row=labels is None)
    receipt = check(path, "mhub-survey")
    assert receipt.delivery.counts.rows_loaded == receipt.delivery.counts.rows_read == 109
    spoken_of = [i.rule for i in receipt.issues if i.severity in ("reject", "flag")]
    # Minors are pointed out, and two interviews that chance put close together.
    assert [rule for rule in spoken_of if not rule.startswith(("expectation.", "interview.apart"))] == []
