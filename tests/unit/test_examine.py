"""What a receipt says of headers and sheets: names that are missing or found, never a person's cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from footprints.check import check_file
from footprints.samples import survey
from footprints.settings import settings


def found(path: Path, source: str, first_row: str) -> list[str]:
    path.write_text(f"{first_row}\nx,y,z\nx,y,z\n", "utf-8")
    [issue] = check_file(path, source, settings()).issues
    assert issue.rule == "layout.unknown"
    shown: list[str] = issue.parameters["found"]
    return shown


@pytest.mark.parametrize(
    ("source", "first_row", "shown"),
    [
        # A source whose values are not to be shown: only headers that its contract knows.
        ("mhub-incidents", "Fatoumata,Gao,Peulh", []),
        ("mhub-incidents", "incident_id,Fatoumata,Peulh", ["incident_id"]),
        ("mhub-incidents", "incident_id,country,deaths", ["incident_id", "country", "deaths"]),
        ("mhub-survey", "Fatoumata,consent,Peulh", ["consent"]),
        # A public one: what looks like headers; not what looks like values.
        ("iom-missing-migrants", "Datum,Ort,Anzahl", ["Datum", "Ort", "Anzahl"]),
        ("iom-missing-migrants", "03.05.2017,Agadez,12", []),
        ("iom-missing-migrants", "Datum,Ort,a@example.org", []),
    ],
)
def test_only_header_names_are_shown(tmp_path: Path, source: str, first_row: str, shown: list[str]) -> None:
    assert found(tmp_path / "f.csv", source, first_row) == shown


def test_an_export_without_the_sheet_of_stops_is_told_so(tmp_path: Path) -> None:
    interviews = survey.mali_interviews()[:8]
    said = {}
    for path in (
        survey.write_kobo_csv(tmp_path / "f.csv", interviews),
        survey.write_kobo_xlsx(tmp_path / "f.xlsx", interviews),
    ):
        issues = check_file(path, "mhub-survey", settings()).issues
        said[path.suffix] = [issue.parameters["columns"] for issue in issues if issue.rule == "columns.missing"]
    assert said == {".csv": [["stops"]], ".xlsx": []}


def test_a_column_that_the_file_lacks_is_told_once_by_the_name_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(
        "incident_id,incident_date,country,dead,missing\ni1,2024-05-06,Mali,1,0\ni2,2024-05-07,Mali,2,0\n", "utf-8"
    )
    issues = check_file(path, "mhub-incidents", settings()).issues
    assert [i.rule for i in issues if "provider_location" in str(vars(i))] == []
    assert [i.rule for i in issues if "not_be_null" in i.rule] == []
    [missing] = [issue for issue in issues if issue.rule == "columns.missing"]
    assert "location" in missing.parameters["columns"]
