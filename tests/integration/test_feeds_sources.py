"""The feeds of our own contracts, replayed: the real answers where the partners' files are here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from tests.integration.feedsite import SECRETS, pulled
from tests.integration.worksite import Site
from tests.replay import FakeTime, Replay, document, kobo, serving, static

from footprints.settings import REPOSITORY, Settings

pytestmark = pytest.mark.integration

DATA = Path(os.environ.get("FOOTPRINTS_DATA", REPOSITORY / "../shared/data")).resolve() / "partners"


def incidents(year: int) -> bytes:
    """A year of the Missing Migrants API: the real answer, or one of the same form."""
    path = DATA / "iom-mmp" / f"{year}-json.json"
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
    path = DATA / "iom-dtm" / f"displacement-admin{level}-admin0pcode-tcd.json"
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


def test_kobo_pages_with_its_token(platform, server, time):
    """The shape of KoboToolbox's API: groups with slashes, a repeat as a list, attachments that we do not fetch."""
    interview = {"_id": 1, "_uuid": "u-1", "intro/consent": "yes", "journey/stops": [{"journey/stops/place": "agadez"}]}
    submissions = [interview | {"_id": number, "_uuid": f"u-{number}"} for number in range(25)]
    path = "/api/v2/assets/a1/data.json"
    server.on(path, kobo(server.url + path, submissions, at_most=10))
    ours = real(platform, server, mhub_survey="/api/v2/assets/a1/")
    assert pulled(ours, "mhub-survey", time).n_items == {"delivered": 1}
    assert {asked.headers["authorization"] for asked in server.asked} == {"Token a-token"}
    (key,) = ours.store.list_keys(ours.settings.landing_bucket, "landing/mhub/mhub-survey/")
    whole = json.loads(ours.store.get_bytes(ours.settings.landing_bucket, key))
    assert whole == {"results": submissions}
