"""The command line on a platform with deliveries: JSON that parses, exit codes, errors in one line."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import text
from tests.integration.worksite import Site

from footprints import cli, work
from footprints.errors import ConfigurationError, NotFoundError
from footprints.samples import survey
from footprints.samples.incidents import small_csv, unknown_layout_csv
from footprints.settings import Settings
from footprints.sweep import sweep

pytestmark = pytest.mark.integration

N_ROWS = 200


class Shell:
    """Runs commands in this process."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.patch, self.capture = patch, capture

    def __call__(self, *args: object) -> tuple[int, str, str]:
        """Exit code, output and messages of `footprints …`."""
        self.patch.setattr("sys.argv", ["footprints", *map(str, args)])
        self.capture.readouterr()
        try:
            cli.main()
            code: int | str | None = 0
        except SystemExit as end:
            code = end.code
        written = self.capture.readouterr()
        return int(code or 0), written.out, written.err

    def json(self, *args: object) -> Any:
        """What a command prints with `--json`, where it succeeds."""
        code, out, err = self(*args, "--json")
        assert code == 0, err
        return json.loads(out)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


@pytest.fixture
def good(platform: Settings, tmp_path: Path) -> tuple[int, int]:
    """A delivery with rejects, and how many it has."""
    site = Site(platform)
    site.clear()
    n_bad = sum(small_csv(tmp_path / "reports.csv", N_ROWS, 0.05).values())
    return site.deliver_as("mhub", "mhub-incidents", tmp_path / "reports.csv"), n_bad


def commands_with_json() -> set[str]:
    """Names of all commands that have `--json`."""
    group: Any = typer.main.get_command(cli.app)
    return {
        name for name, command in group.commands.items() if any("--json" in option.opts for option in command.params)
    }


SEEN = {"deliveries", "receipt", "rejects", "sources", "quality", "refresh", "trends", "check", "drop", "replay"}
SEEN |= {
    "withdraw",
    "rebuild",
    "places",
    "links",
    "enumerators",
    "questions",
    "corrections",
    "feeds",
    "pull",
    "propose",
    "invites",
}


def test_every_command_with_json_is_run_here() -> None:
    assert (
        commands_with_json() - {"status", "demo"} == SEEN
    )  # these two need the stack: tests/integration/test_stack.py


def test_lists_are_json(shell: Shell, good: tuple[int, int]) -> None:
    delivery, n_bad = good
    [listed] = shell.json("deliveries")
    assert {"id", "partner", "source", "key", "state", "received_at", "finished_at", "receipt_key"} <= listed.keys()
    assert (listed["id"], listed["state"]) == (delivery, "loaded")
    counts = [listed[f"rows_{name}"] for name in ("read", "loaded", "unchanged", "rejected", "duplicate")]
    assert counts == [N_ROWS, N_ROWS - n_bad, 0, n_bad, 0]
    assert shell.json("deliveries", "--state", "quarantined") == []
    assert [d["id"] for d in shell.json("deliveries", "--source", "mhub-incidents")] == [delivery]
    assert len(shell.json("rejects", delivery)) == n_bad
    assert shell.json("receipt", delivery)["delivery_id"] == delivery
    assert "mhub-incidents" in {source["source"] for source in shell.json("sources")}
    assert isinstance(shell.json("quality"), list)
    [described] = shell.json("places", "--source", "mhub-incidents")
    assert (described["column_name"], described["status"]) == ("provider_location", "unlisted")
    assert shell.json("places", "--unknown") == []
    assert {result["trend_table"] for result in shell.json("refresh")} >= {"incident_month"}
    cells = shell.json("trends", "--country", "LBY", "--period", "2019")
    assert all(cell.keys() >= {"indicator", "n", "base", "value", "low", "high"} for cell in cells)


def test_invitations_are_made_listed_and_taken_back(platform: Settings, shell: Shell) -> None:
    code, out, _ = shell("invite", "mhub", "--days", 2)
    link, token = out.strip().split("#")
    assert (code, link) == (0, platform.drop_url)
    [made] = shell.json("invites", "mhub")
    assert (made["partner_id"], made["is_open"]) == ("mhub", True)
    assert token not in json.dumps(made)
    assert shell.json("invites", "nobody") == []
    assert shell("revoke", "mhub", "--id", made["invite_id"])[0] == 0
    assert [one["is_open"] for one in shell.json("invites", "mhub")] == [False]
    code, out, _ = shell("invites")
    assert (code, "revoked" in out, token in out) == (0, True, False)
    assert shell("invite", "nobody")[0] == NotFoundError.exit_code


def test_review_queues_are_lists_and_tables(platform: Settings, shell: Shell, tmp_path: Path) -> None:
    site = Site(platform)
    site.clear()
    interviews = survey.doubtful(survey.field_interviews(60, n_quarters=1), each=1)
    site.deliver_as("mhub", "mhub-survey", survey.write_kobo_xlsx(tmp_path / "field.xlsx", interviews))
    ranked = shell.json("enumerators", "mhub-survey")
    assert sum(row["n_interviews"] for row in ranked) == len(interviews)
    code, out, _ = shell("enumerators", "mhub-survey", "--round", ranked[0]["round_code"])
    assert (code, ranked[0]["enumerator"] in out) == (0, True)
    assert shell("enumerators", "mhub-incidents")[0] == NotFoundError.exit_code

    small_csv(tmp_path / "reports.csv", N_ROWS, 0)
    site.deliver_as("mhub", "mhub-incidents", tmp_path / "reports.csv")
    with site.warehouse.begin() as connection:  # what another source would tell of one of them
        connection.execute(
            text(
                "INSERT INTO core.incident (source_id, record_key, delivery_id, row_number, incident_date, latitude,"
                " longitude, n_dead, n_missing) SELECT 'iom-missing-migrants', '[red]7', delivery_id, 1, incident_date,"
                " latitude, longitude, n_dead, n_missing FROM core.incident WHERE latitude IS NOT NULL AND n_dead > 0"
                " ORDER BY record_key LIMIT 1"
            )
        )
    [pair] = [one for one in shell.json("links", "--search") if one["score"] > 0.8]
    code, out, _ = shell("links")
    assert (code, pair["link_id"] in out, "[red]7" in out) == (0, True, True)
    assert shell("link", "confirm", pair["link_id"], "--by", "Ada")[0] == 0
    [kept] = shell.json("links", "--state", "confirmed")
    assert (kept["link_id"], kept["decided_by"]) == (pair["link_id"], "Ada")
    assert shell("link", "reject", "0" * 16)[0] == NotFoundError.exit_code
    assert shell("link", "perhaps", pair["link_id"])[0] == 2


def test_questionnaires_logs_and_feeds_are_lists(shell: Shell, good: tuple[int, int]) -> None:
    asked = shell.json("questions", "mhub-survey")
    assert "interview_date" in str(asked) or "consent" in str(asked)
    assert shell("questions", "no-such-source")[0] == NotFoundError.exit_code
    assert shell.json("corrections") == []
    assert {feed["state"] for feed in shell.json("feeds")} == {"off"}
    assert shell.json("pull") == []
    assert shell("pull", "no-such-feed")[0] == NotFoundError.exit_code


def test_a_draft_is_json_too(shell: Shell, tmp_path: Path) -> None:
    small_csv(tmp_path / "reports.csv", 50, 0)
    options = ("--source", "drafted", "--into", tmp_path / "drafts")
    drafted = shell.json("propose", tmp_path / "reports.csv", *options)
    assert (drafted["layouts"][0]["table"], drafted["rows_read"]) == ("incident", 50)
    assert shell("propose", tmp_path / "reports.csv", *options)[0] == ConfigurationError.exit_code


def test_people_see_tables(shell: Shell, good: tuple[int, int]) -> None:
    delivery, n_bad = good
    for args in (("deliveries",), ("receipt", delivery), ("rejects", delivery), ("sources",), ("refresh", "--full")):
        code, out, _ = shell(*args)
        assert (code, bool(out.strip())) == (0, True), args
        assert out.lstrip()[0] not in "[{", args
    assert str(n_bad) in shell("deliveries")[1]


def test_values_of_a_source_that_is_not_public_are_in_no_list(shell: Shell, good: tuple[int, int]) -> None:
    delivery, _ = good
    for args in (("rejects", delivery), ("receipt", delivery), ("rejects", delivery, "--json")):
        assert "Nowhereland" not in shell(*args)[1]
    assert {row["provider_values"] for row in shell.json("rejects", delivery)} == {None}


def test_receipt_page_is_written(shell: Shell, good: tuple[int, int], tmp_path: Path) -> None:
    assert shell("receipt", good[0], "--html", tmp_path / "page.html")[0] == 0
    assert "<html" in (tmp_path / "page.html").read_text("utf-8")


def test_the_files_beside_a_receipt_are_written_and_fixed_rows_are_told(
    shell: Shell, good: tuple[int, int], platform: Settings, tmp_path: Path
) -> None:
    delivery, n_bad = good
    code, out, _ = shell("receipt", delivery, "--files", tmp_path / "answer")
    names = sorted(path.name for path in (tmp_path / "answer").iterdir())
    assert names == ["receipt.html", "reports.marked.csv", "reports.marked.xlsx", "reports.to-fix.csv"]
    assert code == 0 and all(name in out for name in names)
    assert {row["closed_by"] for row in shell.json("rejects", delivery)} == {None}
    fixed = (tmp_path / "answer" / "reports.to-fix.csv").read_text("utf-8").replace("2019-02-30", "2019-02-28")
    (tmp_path / "reports.to-fix.csv").write_text(fixed, "utf-8")
    second = Site(platform).deliver_as("mhub", "mhub-incidents", tmp_path / "reports.to-fix.csv")
    closed = [row["closed_by"] for row in shell.json("rejects", delivery)]
    assert 0 < closed.count(second) < n_bad == len(closed)
    assert f"fixed by {second}" in shell("rejects", delivery)[1]


def test_a_delivery_is_withdrawn_replayed_and_all_is_rebuilt(shell: Shell, good: tuple[int, int]) -> None:
    delivery, _ = good
    assert shell.json("rebuild")["is_equal"] is True
    assert shell.json("withdraw", delivery)["state"] == "withdrawn"
    code, out, err = shell("withdraw", delivery)
    assert (code, out, len(err.strip().splitlines())) == (1, "", 1)
    assert shell.json("replay", delivery)["state"] == "received"
    work.process([delivery], cli.settings(), "test")
    assert shell.json("deliveries")[0]["state"] == "loaded"


@pytest.mark.parametrize("command", ["receipt", "rejects", "replay", "withdraw"])
def test_what_is_not_there_is_said_in_one_line(shell: Shell, good: tuple[int, int], command: str) -> None:
    code, out, err = shell(command, good[0] + 1000)
    assert (code, out) == (5, "")
    assert len(err.strip().splitlines()) == 1
    assert "footprints deliveries" in err


def test_drop_waits_for_its_verdict(platform: Settings, shell: Shell, good: tuple[int, int], tmp_path: Path) -> None:
    small_csv(tmp_path / "more.csv", 50, 0)
    unknown_layout_csv(tmp_path / "unknown.csv")
    [dropped] = shell.json("drop", tmp_path / "more.csv", "--source", "mhub-incidents")
    assert dropped["key"] == "landing/mhub/mhub-incidents/more.csv"

    done = threading.Event()

    def platform_at_work() -> None:
        while not done.wait(0.1):
            sweep(platform)
            for batch in work.claim(platform, "test"):
                work.process(batch, platform, "test")

    thread = threading.Thread(target=platform_at_work)
    thread.start()
    try:
        waited = shell.json("drop", tmp_path / "more.csv", "--source", "mhub-incidents", "--wait", "--timeout", 30)
        assert [d["state"] for d in waited] in (["loaded"], ["duplicate"])
        files = (tmp_path / "more.csv", tmp_path / "unknown.csv")
        code, out, _ = shell("drop", *files, "-s", "mhub-incidents", "--wait", "--timeout", 30, "--json")
        assert code == cli.EXIT_NOT_LOADED
        assert "quarantined" in {d["state"] for d in json.loads(out)}
    finally:
        done.set()
        thread.join()


def test_drop_that_nobody_answers_ends(shell: Shell, good: tuple[int, int], tmp_path: Path) -> None:
    small_csv(tmp_path / "never.csv", 50, 0, seed=9)
    code, out, err = shell("drop", tmp_path / "never.csv", "-s", "mhub-incidents", "--wait", "--timeout", 0.3)
    assert (code, out) == (5, "")
    assert "no verdict" in err


def test_check_needs_no_server(shell: Shell, tmp_path: Path) -> None:
    small_csv(tmp_path / "f.csv", 50, 0)
    assert shell.json("check", tmp_path / "f.csv", "--source", "mhub-incidents")["state"] == "loaded"
