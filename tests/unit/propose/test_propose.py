"""Drafts of contracts: what is read off a file, what is guessed and why, and that no person shows in a draft."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from footprints.errors import ConfigurationError
from footprints.harmonise.countries import load_crosswalk
from footprints.propose.lexicon import load_lexicon, why_sensitive
from footprints.propose.profile import header_row, profile_column, profile_file
from footprints.propose.proposal import Proposal, draft_file, propose, source_name
from footprints.propose.write import Names
from footprints.readers import open_file
from footprints.samples.incidents import small_csv
from footprints.settings import REPOSITORY, Settings

EXPECTATIONS = REPOSITORY / "expectations"
COUNTRIES = load_crosswalk(EXPECTATIONS / "countries.csv")
PASSAGES = """Observatoire (essai);;;;;;;
N° fiche;Point de passage;Du;Au;Pays d'origine;Destination;Nombre de personnes;Téléphone
101;Séguédine;29/04/2024;05/05/2024;Niger;Libye;1 250;+227 90 00 00 01
102;Séguédine;29/04/2024;05/05/2024;Nigéria;Libye;310;+227 90 00 00 02
103;Arlit;06/05/2024;12/05/2024;Mali;Algérie;185;+227 90 00 00 03
104;Arlit;13/05/2024;19/05/2024;Côte d’Ivoire;Algérie;96;+227 90 00 00 04
"""


def drafted(text: str, tmp_path: Path, name: str = "passages_2024-05-31.csv") -> Proposal:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return propose(path, Names("new-source", "ors", "fr", name), tmp_path / "drafts", Settings())


def column(texts: dict[str, int], header: str = "x") -> object:
    return profile_column(header, 0, "", texts, sum(texts.values()), COUNTRIES)


def test_a_french_count_of_passages_is_drafted_and_loads_as_drafted(tmp_path: Path) -> None:
    made = drafted(PASSAGES, tmp_path)
    draft = made.drafts[0]
    assert draft.table == "flow"
    assert {target: sources for target, sources in draft.sources().items() if sources} == {
        "_id": ("N° fiche",),
        "period_start": ("Du",),
        "period_end": ("Au",),
        "provider_origin": ("Pays d'origine",),
        "origin_code": ("Pays d'origine",),
        "provider_destination": ("Destination",),
        "destination_code": ("Destination",),
        "provider_place": ("Point de passage",),
        "n_persons": ("Nombre de personnes",),
    }
    assert draft.record_key == ("_id",)
    assert draft.as_of == {"filename": r"(\d{4}-\d{2}-\d{2})", "format": "%Y-%m-%d", "column": "period_start"}
    by_target = {c.target: c.spec for c in draft.columns}
    assert by_target["period_start"]["formats"] == ["%d/%m/%Y"]
    assert made.receipt is not None
    assert made.receipt.delivery.counts.rows_loaded == made.receipt.delivery.counts.rows_read == 4


def test_what_tells_of_a_person_is_dropped_and_stands_nowhere_in_the_draft(tmp_path: Path) -> None:
    made = drafted(PASSAGES, tmp_path)
    assert list(made.drafts[0].drop) == ["Téléphone"]
    contract = yaml.safe_load((made.directory / "contract.yaml").read_text("utf-8"))
    assert contract["layouts"][0]["privacy"] == {"drop": ["Téléphone"]}
    assert contract["confidentiality"] == "private"
    written = "".join(path.read_text("utf-8") for path in made.directory.rglob("*") if path.is_file())
    assert "90 00 00" not in written


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        ("Phone Number", {"1": 1, "2": 1}),
        ("x", {"+227 90 00 00 01": 3, "+227 90 00 00 02": 1}),
        ("device", {"351756051523999": 2, "351756051523998": 1}),
        ("kontakt", {"someone@example.org": 1, "other@example.org": 1}),
        ("Nom de famille", {"A": 1}),
    ],
)
def test_columns_about_persons_are_found_by_header_or_by_cells(header: str, texts: dict[str, int]) -> None:
    assert why_sensitive(column(texts, header)) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "texts"),
    [("n_dead", {"1": 5, "250": 1}), ("date", {"2024-05-01": 2}), ("place", {"Agadez": 3}), ("total", {"1250000": 2})],
)
def test_columns_about_no_person_stay(header: str, texts: dict[str, int]) -> None:
    assert why_sensitive(column(texts, header)) is None  # type: ignore[arg-type]


def test_our_own_sample_of_incidents_is_recognised_without_its_contract(tmp_path: Path) -> None:
    path = tmp_path / "incidents.csv"
    small_csv(path, 300, seed=4)
    lexicon = load_lexicon(EXPECTATIONS / "headers.csv")
    drafts, n_rows = draft_file(path, "x", Settings(), lexicon)
    assert (drafts[0].table, n_rows) == ("incident", 300)
    assert {"incident_date", "n_dead", "n_missing", "latitude", "longitude"} <= {c.target for c in drafts[0].columns}


def test_a_header_under_a_title_is_found_and_a_file_without_one_is_too(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(PASSAGES, "utf-8")
    assert header_row(open_file(path, 10**8).sheets[0]) == 2
    path.write_text("1,2024-01-01,250\n2,2024-01-02,30\n3,2024-01-03,12\n", "utf-8")
    assert header_row(open_file(path, 10**8).sheets[0]) == 0


def test_tags_of_hxl_are_the_header_where_they_stand_alone_and_help_where_they_do_not(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("#event+id,#date+reported,#affected+dead\n7,01/02/2017,3\n8,21/02/2017,4\n", "utf-8")
    profile = profile_file(open_file(path, 10**8), COUNTRIES)[0]
    assert [c.header for c in profile.columns] == ["#event+id", "#date+reported", "#affected+dead"]
    path.write_text("a,b\n#date+reported,#affected+dead\n01/02/2017,3\n21/02/2017,4\n", "utf-8")
    profile = profile_file(open_file(path, 10**8), COUNTRIES)[0]
    assert [(c.header, c.tag) for c in profile.columns] == [("a", "#date+reported"), ("b", "#affected+dead")]
    assert profile.n_rows == 2


def test_days_and_months_that_could_change_places_are_told() -> None:
    unclear = column({"01/02/2024": 2, "03/04/2024": 1})
    clear = column({"01/02/2024": 2, "23/04/2024": 1})
    assert unclear.is_ambiguous  # type: ignore[attr-defined]
    assert not clear.is_ambiguous  # type: ignore[attr-defined]
    assert clear.formats == ("%d/%m/%Y",)  # type: ignore[attr-defined]


@given(st.lists(st.dates(date(1990, 1, 1), date(2030, 1, 1)), min_size=1, max_size=30))
def test_dates_are_read_by_a_format_that_reads_them_all(days: list[date]) -> None:
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%Y-%m-%dT%H:%M:%SZ"):
        found = profile_column("d", 0, "", {day.strftime(form): 1 for day in days}, len(days), {})
        assert found.type in ("date", "datetime")
        assert found.readable == 1.0
        assert form in found.formats


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=30), st.sampled_from([",", " ", "\u00a0"]))
def test_numbers_with_any_thousands_mark_are_numbers(numbers: list[int], mark: str) -> None:
    texts = {f"{n:,}".replace(",", mark): 1 for n in numbers}
    if all(1900 <= n <= 2099 for n in numbers):
        return
    assert profile_column("n", 0, "", texts, len(texts), {}).type in ("integer", "year", "number")


def test_words_that_no_code_is_like_are_left_for_a_person(tmp_path: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Web ID", "Reported Date", "Number Dead", "Cause of Death", "Migration Route"])
    routes = ("Central Mediterranean", "Qqqqq")
    for n in range(12):
        writer.writerow([n, f"2024-01-{n + 1:02}", n, "Drowning", routes[n % 2]])
    made = drafted(text.getvalue(), tmp_path)
    rows = list(csv.DictReader((made.directory / "maps/routes.csv").open(encoding="utf-8")))
    assert rows == [{"provider_value": "Central Mediterranean", "code": "central-mediterranean"}]
    undecided = (made.directory / "maps/routes.undecided.csv").read_text("utf-8")
    assert "Qqqqq" in undecided


def test_a_file_without_what_the_table_needs_says_what_to_fill_in(tmp_path: Path) -> None:
    made = drafted("Web ID,Number Dead,Cause of Death\n1,2,Drowning\n2,3,Unknown\n", tmp_path, "f.csv")
    assert made.receipt is None
    assert "incident_date" in str(made.obstacle)
    assert "FILL IN: incident_date" in (made.directory / "contract.yaml").read_text("utf-8")


def test_the_post_is_where_people_were_counted_and_the_day_is_the_period(tmp_path: Path) -> None:
    made = drafted(
        "Poste frontière;Date d'enregistrement;Nationalité;Total\n"
        "Kidira;02/09/2024;Mali;165\nRosso;13/09/2024;Gambie;97\nMoussala;2024/09/14;Mali;27\n",
        tmp_path,
    )
    draft = made.drafts[0]
    assert draft.table == "flow" and not draft.missing
    sources = draft.sources()
    assert sources["provider_place"] == ("Poste frontière",) and "border_type_code" not in sources
    assert sources["period_start"] == ("Date d'enregistrement",)
    assert made.receipt is not None and made.receipt.delivery.counts.rows_loaded == 3


def test_a_draft_in_a_folder_of_its_own_says_where_it_must_go(tmp_path: Path) -> None:
    path = tmp_path / "passages.csv"
    path.write_text(PASSAGES, "utf-8")
    program = [sys.executable, "-c", "from footprints.cli import main; main()"]
    options = ["--source", "new-source", "--language", "fr", "--into", str(tmp_path / "drafts")]
    done = subprocess.run([*program, "propose", str(path), *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"move it to {Settings().expectations_dir / 'new-source'}" in done.stdout


def test_a_source_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    drafted(PASSAGES, tmp_path)
    with pytest.raises(ConfigurationError, match="there already"):
        drafted(PASSAGES, tmp_path)


def test_the_name_of_a_source_is_made_of_the_words_of_the_file() -> None:
    assert source_name("DTM_Rd7_avril_2019.csv") == "dtm-rd-avril"
    assert source_name("2024-04.csv") == "csv" or source_name("2024-04.csv") == "new-source"


def test_the_command_drafts_and_tries(tmp_path: Path) -> None:
    (tmp_path / "passages.csv").write_text(PASSAGES, "utf-8")
    command = [sys.executable, "-c", "from footprints.cli import main; main()", "propose"]
    options = ["--source", "ors-x", "--partner", "ors", "--language", "fr", "--into", str(tmp_path / "out"), "--json"]
    done = subprocess.run(
        [*command, str(tmp_path / "passages.csv"), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["rows_read"], answer["rows_loaded"]) == (4, 4)
    assert answer["layouts"][0]["table"] == "flow"
    assert (tmp_path / "out/ors-x/suites/delivered.json").exists()


def test_a_receipt_is_written_as_a_page_or_with_its_files_not_half_of_what_was_asked(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "from footprints.cli import main; main()"]
    options = ["--html", str(tmp_path / "page.html"), "--files", str(tmp_path / "answer")]
    done = subprocess.run([*program, "receipt", "1", *options], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--files" in done.stderr
