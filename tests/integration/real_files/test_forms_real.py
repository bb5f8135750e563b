"""The delivered questionnaires, exports and cleaning log in the warehouse, against counts made without our readers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import text
from tests.integration.real_files import counts_forms
from tests.integration.worksite import Site
from tests.real_files import PARTNERS, needs_real_files

from footprints.settings import Settings

pytestmark = [pytest.mark.integration, needs_real_files]

FORMS = {
    "reach-msna": ("reach", "reach-impact/REACH_2024_MSNA-kobo-tool_draft_v11.xlsx"),
    "reach-bfa-msna": ("reach", "reach-impact/reach_bfa_msna_outil_V2_deployed.xlsx"),
    "unhcr-kobo": ("unhcr", "unhcr-kobo/form.xls"),
}


@pytest.fixture(scope="module")
def site(platform: Settings) -> Site:
    site = Site(platform)
    site.clear()
    for source, (partner, file) in FORMS.items():
        site.deliver_as(partner, source, PARTNERS / file)
    for file in ("unhcr-kobo/ListCaseNos.csv", "unhcr-kobo/MainDataFrame.csv"):
        site.deliver_as("unhcr", "unhcr-kobo", PARTNERS / file)
    site.deliver_as("reach", "reach-msna", PARTNERS / "reach-impact/dummy_raw_data.xlsx")
    return site


def rows(site: Site, query: str, **parameters: Any) -> list[Any]:
    with site.warehouse.connect() as connection:
        return list(connection.execute(text(query), parameters).all())


@pytest.mark.parametrize("source", FORMS)
def test_a_form_gives_its_questions_types_and_choices(site: Site, source: str) -> None:
    path = PARTNERS / FORMS[source][1]
    query = "SELECT question_type, is_required, relevant, list_name FROM core.form_question WHERE source_id = :source"
    found = rows(site, query, source=source)
    asked = counts_forms.questions(path)
    assert len(found) == len(asked)
    assert Counter(row[0] for row in found) == Counter(row["type"].split()[0] for row in asked)
    true = {"yes", "true", "True", "TRUE", "T"}
    assert sum(row[1] for row in found) == sum(row["required"] in true for row in asked)
    assert sum(row[2] is not None for row in found) == sum(row["relevant"] != "" for row in asked)
    lists = {
        row[0] for row in rows(site, "SELECT DISTINCT list_name FROM core.form_choice WHERE source_id = :s", s=source)
    }
    assert lists == {row["list_name"] for row in counts_forms.choices(path)}
    assert {row[3] for row in found} - {None} <= lists


def test_labels_groups_repeats_and_what_is_sensitive(site: Site) -> None:
    query = "SELECT labels, group_path, repeat_code FROM core.form_question WHERE source_id = :s"
    msna = rows(site, query, s="reach-msna")
    asked = counts_forms.questions(PARTNERS / FORMS["reach-msna"][1])
    for language, header in (("en", "label::english"), ("fr", "label::french")):
        assert sum(language in row[0] for row in msna) == sum(bool(row[header].strip()) for row in asked)
    assert {row[2] for row in msna} == {None, "roster", "edu_ind", "health_ind", "nut_ind"}
    unhcr = rows(site, "SELECT question_code, is_sensitive FROM core.form_question WHERE source_id = 'unhcr-kobo'")
    sensitive = {row[0] for row in unhcr if row[1]}
    form = counts_forms.questions(PARTNERS / FORMS["unhcr-kobo"][1])
    assert {row["name"] for row in form if row["anonymise"]} <= sensitive
    assert {"imei", "phonenumber", "EnumeratorName", "UNHCRCaseNo", "Geodata"} <= sensitive
    assert "SexInterviewee" not in sensitive
    french = rows(site, "SELECT count(*) FROM core.form_question WHERE source_id = 'reach-bfa-msna' AND labels ? 'fr'")
    bfa = counts_forms.questions(PARTNERS / FORMS["reach-bfa-msna"][1])
    assert french[0][0] == sum(bool(row["label"]) for row in bfa)


def test_the_export_has_its_repeats_and_no_identifier(site: Site) -> None:
    path = PARTNERS / "reach-impact/dummy_raw_data.xlsx"
    found = rows(
        site,
        "SELECT record_key, repeats, answers, started_at > ended_at FROM core.interview WHERE source_id = 'reach-msna'",
    )
    main = counts_forms.sheet(path, "main")
    assert {row[0] for row in found} == {row["uuid"] for row in main}
    assert sum(row[3] for row in found) == sum(row["end"] < row["start"] for row in main) == 115
    for name in ("roster", "edu_ind", "health_ind", "nut_ind"):
        members = Counter(row["_parent_index"] for row in counts_forms.sheet(path, name))
        by_index = {row["index"]: row["uuid"] for row in main}
        stated = {row[0]: len(row[1].get(name, [])) for row in found}
        # A member without any answer but identifiers is none.
        assert all(0 <= n <= members[i] for i, key in by_index.items() for n in [stated[key]])
        assert sum(stated.values()) > 0.9 * sum(members.values())
    needs = {row["uuid"]: row["aap_priority_challenge"] for row in main}
    for key, _, answers, _ in found:
        assert set(answers.get("aap_priority_challenge", [])) == set(needs[key].split())
        assert not {"deviceid", "enum_id", "instance_name"} & answers.keys()


def test_a_repeat_of_its_own_file_goes_with_who_did_not_consent(site: Site) -> None:
    interviews = counts_forms.rows_of(PARTNERS / "unhcr-kobo/MainDataFrame.csv")
    agreed = {row["instanceID"] for row in interviews if row["InterviewConsent.consent"] == "yes"}
    members = Counter(row["instanceID"] for row in counts_forms.rows_of(PARTNERS / "unhcr-kobo/ListCaseNos.csv"))
    found = rows(site, "SELECT interview_key, count(*), count(*) FILTER (WHERE answers ? 'RegOtherCaseList') FROM"
                       " core.interview_item GROUP BY 1")  # fmt: skip
    assert {row[0]: row[1] for row in found} == {key: n for key, n in members.items() if key in agreed}
    assert not any(row[2] for row in found)


def test_the_log_of_interviews_that_never_came_is_answered_so(site: Site) -> None:
    path = PARTNERS / "reach-impact/cleaning_log_2021-04-27.csv"
    log = site.deliver_as("reach", "reach-bfa-cleaning", path)
    n_rows, _, n_repeated = counts_forms.cleaning_log(path)
    told = {i.rule: i.parameters["n"] for i in site.receipt(log).issues if i.rule.startswith("correction.")}
    assert told == {"correction.absent": n_rows - n_repeated}
    assert rows(site, "SELECT DISTINCT outcome_code FROM core.correction_outcome") == [("absent",)]
