"""The feeds of our own contracts, replayed: the real answers where the partners' files are here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from tests.integration.feedsite import SECRETS, pulled
from tests.integration.worksite import Site
from tests.real_files import PARTNERS
from tests.replay import FakeTime, Replay, document, kobo, serving, static

from footprints.samples.survey import mali_interviews, write_kobo_xlsx
from footprints.settings import REPOSITORY, Settings

pytestmark = pytest.mark.integration


def incidents(year: int) -> bytes:
    """A year of the Missing Migrants API: the real answer, or one of the same form."""
    path = PARTNERS / "iom-mmp" / f"{year}-json.json"
    if path.exists():
        return path.read_bytes()
    names = (
        "region", "number_missing", "number_of_survivors", "number_of_female", "number_of_male", "number_of_children",
        "cause_death", "location_description", "unsd_geographic_grouping", "migration_route", "information_source",
        "url",
    )  # fmt: skip
    one = dict.fromkeys(names, "") | {
        "reported_date": f"{year}-07-28",
        "number_dead": "1",
        "total_dead_and_missing": "1",
        "country_of_incident": "Libya",
        "location_coodinates": "32, 12",
        "source_quality": "4",
    }
    return json.dumps([one | {"web_id": f"{year}.MMP{number}"} for number in range(20)]).encode()


def displaced(level: int) -> bytes:
    """Chad at an admin level, as DTM's API has it: the real answer, or one of the same form."""
    path = PARTNERS / "iom-dtm" / f"displacement-admin{level}-admin0pcode-tcd.json"
    if path.exists():
        return path.read_bytes()
    one = {
        "operation": "Lake Chad Basin Crisis", "admin0Name": "Chad", "admin0Pcode": "TCD", "numPresentIdpInd": 147032,
        "reportingDate": "2017-09-30T00:00:00", "yearReportingDate": 2017, "monthReportingDate": 9, "roundNumber": 1,
        "displacementReason": "Conflict", "numberMales": None, "numberFemales": None,
        "idpOriginAdmin1Name": "Not available", "idpOriginAdmin1Pcode": "Not available", "assessmentType": "BA",
    }  # fmt: skip
    areas = {"admin1Name": "Lac", "admin1Pcode": "TD07", "admin2Name": "Mamdi", "admin2Pcode": "TD0701"}
    one |= dict(list(areas.items())[: 2 * level]) | ({"id": 1} if level else {})
    return json.dumps(NOTHING | {"result": [one], "totalRecordsCount": 1}).encode()


NOTHING = {"result": [], "statusCode": 200, "isSuccess": True, "errorMessages": [], "totalRecordsCount": 0}


@pytest.fixture(scope="module")
def server() -> Iterator[Replay]:
    with serving() as replay:
        yield replay


@pytest.fixture
def time(server: Replay) -> FakeTime:
    server.asked.clear()
    return FakeTime()


def real(platform: Settings, server: Replay, **urls: str) -> Site:
    """The same platform with our own contracts, whose base addresses lead to the replay server."""
    bases = {name.replace("_", "-"): server.url + path for name, path in urls.items()}
    secrets = SECRETS | {"dtm": {"password": "a-key"}}
    made = Site(
        platform.model_copy(
            update={
                "expectations_dir": REPOSITORY / "expectations",
                "feed_urls": json.dumps(bases),
                "feed_secrets": SecretStr(json.dumps(secrets)),
            }
        )
    )
    made.clear()
    return made


def test_missing_migrants_by_year_from_its_api(platform, server, time):
    for year in range(2014, 2025):
        answer = static(incidents(year), f'"{year}"') if year in (2016, 2024) else document([])
        server.on(f"/global-figures/{year}/json", answer)
    ours = real(platform, server, iom_missing_migrants="")
    first = pulled(ours, "iom-missing-migrants", time)
    assert first.n_items == {"delivered": 2, "empty": 9}
    assert ours.process(*first.delivery_ids) == ["loaded", "loaded"]
    with ours.warehouse.connect() as connection:
        n_incidents = connection.execute(
            text("SELECT count(*) FROM core.incident WHERE source_id = 'iom-missing-migrants'")
        ).scalar_one()
    expected = [json.loads(incidents(year)) for year in (2016, 2024)]
    assert n_incidents == sum(len({json.dumps(row, sort_keys=True) for row in part}) for part in expected)
    time.pass_by(days=7)
    assert pulled(ours, "iom-missing-migrants", time).n_items == {"unchanged": 2, "empty": 9}


def test_displacement_by_level_and_country_from_dtms_api(platform, server, time):
    def level(number: int) -> Any:
        good = static(displaced(number), f'"{number}"')
        return lambda asked: good(asked) if asked.query["Admin0Pcode"] == "TCD" else document(NOTHING)

    for number in (0, 1, 2):
        server.on(f"/v3/displacement/admin{number}", level(number))
    ours = real(platform, server, iom_dtm="")
    first = pulled(ours, "iom-dtm", time)
    assert first.n_items["delivered"] == 3 and first.n_items["empty"] == 33
    assert set(ours.process(*first.delivery_ids)) == {"loaded"}
    assert {asked.headers["ocp-apim-subscription-key"] for asked in server.asked} == {"a-key"}
    server.on("/v3/displacement/admin0", document(NOTHING | {"isSuccess": False}))
    time.pass_by(days=7)
    assert "isSuccess is not true" in (pulled(ours, "iom-dtm", time).error or "")


def submissions(workbook: Path) -> list[dict[str, Any]]:
    """Kobo's export as its API has it: answers only where there are some, choices as one text, repeats as lists."""
    sheets = {}
    for sheet in openpyxl.load_workbook(workbook, read_only=True):
        header, *body = sheet.iter_rows(values_only=True)
        names = [str(name) for name in header]
        sheets[sheet.title] = [
            {
                name: value if isinstance(value, int) else str(value)
                for name, value in zip(names, row, strict=True)
                if value is not None and name.rpartition("/")[0] not in names
            }
            for row in body
        ]
    interviews, stops = sheets.values()
    for interview in interviews:
        own = [stop for stop in stops if stop["_parent_index"] == interview["_index"]]
        interview["journey/stops"] = [{k: v for k, v in stop.items() if not k.startswith("_")} for stop in own]
        interview["_attachments"] = []
    for interview in interviews:
        del interview["_index"]
    return interviews


def test_kobo_pages_say_what_its_workbook_says(platform, server, time, tmp_path):
    """A survey by API, whole and with its repeats: the same interviews, answers and stops as the export in XLSX."""
    workbook = write_kobo_xlsx(tmp_path / "export.xlsx", mali_interviews())
    found = submissions(workbook)
    path = "/api/v2/assets/a1/data.json"
    server.on(path, kobo(server.url + path, found, at_most=30))
    ours = real(platform, server, mhub_survey="/api/v2/assets/a1/")
    first = pulled(ours, "mhub-survey", time)
    assert first.n_items == {"delivered": 1}
    assert len(server.asked) == -(-len(found) // 30)
    assert {asked.headers["authorization"] for asked in server.asked} == {"Token a-token"}
    assert ours.process(*first.delivery_ids) == ["loaded"]
    by_api = interviews(ours)
    ours.clear()
    ours.deliver_as("mhub", "mhub-survey", workbook)
    assert by_api == interviews(ours)
    assert len(by_api) == len(found)


def interviews(site: Site) -> list[str]:
    """The interviews with answers and stops, but for what is the delivery's own."""
    with site.warehouse.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT (to_jsonb(i) - 'delivery_id' - 'row_number')::text FROM core.interview AS i"
                " WHERE source_id = 'mhub-survey'"
            )
        ).scalars()
        return sorted(rows)
