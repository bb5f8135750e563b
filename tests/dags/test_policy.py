"""What every DAG of ours keeps to. Each test names the DAG or file that does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
DAGS = sorted((REPOSITORY / "dags").glob("*.py"))
TAGS = {"landing", "warehouse", "trends"}
OWNERS = {"data-engineering"}
HEAVY = ["boto3", "great_expectations", "numpy", "pandas", "polars", "psycopg", "pyarrow"]
MODULES_OF_OURS = {"footprints_airflow", "footprints_airflow.assets", "footprints_airflow.trigger"}

PARSE = Path(__file__).with_name("parse_all.py")


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All DAG files, parsed as Airflow does, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "FOOTPRINTS"))}
    environment |= {
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    done = subprocess.run(
        [sys.executable, str(PARSE), str(REPOSITORY / "dags")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_file_parses(parsed):
    assert parsed["errors"] == {}
    assert parsed["warnings"] == []


def test_every_file_holds_the_one_dag_of_its_name(parsed):
    assert {dag_id: Path(dag["file"]).stem for dag_id, dag in parsed["dags"].items()} == {
        path.stem: path.stem for path in DAGS
    }


def test_parsing_imports_nothing_heavy(parsed):
    assert sorted(set(HEAVY) & set(parsed["modules"])) == []
    ours = {name for name in parsed["modules"] if name.split(".")[0] in ("footprints", "footprints_airflow")}
    assert ours == MODULES_OF_OURS


def test_parsing_imports_few_modules(parsed):
    # Counted in modules, not in seconds: a busy machine must not fail a test.
    assert len(parsed["new_modules"]) < 60, parsed["new_modules"]


@pytest.mark.parametrize("dag_id", [path.stem for path in DAGS])
def test_policy(parsed, dag_id):
    dag = parsed["dags"][dag_id]
    assert dag["graph"]["tags"], "a DAG has tags"
    assert set(dag["graph"]["tags"]) <= TAGS, "tags are of the closed set in this file"
    assert set(dag["owners"]) <= OWNERS
    assert dag["doc"], "a DAG's docstring says what it does"
    assert len(dag["doc"]) > 200
    assert dag["catchup"] is False
    assert dag["graph"]["max_active_runs"] <= 4
    runbook = REPOSITORY / "docs" / "runbooks" / f"{dag_id}.md"
    assert runbook.exists(), "a DAG has a runbook"
    assert f"docs/runbooks/{dag_id}.md" in dag["doc"], "and points to it"


@pytest.mark.parametrize("dag_id", [path.stem for path in DAGS])
def test_no_last_task_hides_a_failure_before_it(parsed, dag_id):
    """A run is what its last tasks are: one that runs whatever came before would turn a failed run green."""
    tasks = parsed["dags"][dag_id]["graph"]["tasks"]
    last = {name: task for name, task in tasks.items() if not task["downstream"] and not task["teardown"]}
    assert {task["trigger_rule"] for task in last.values()} <= {"all_success", "none_failed"}, last


@pytest.mark.parametrize("path", DAGS, ids=lambda path: path.name)
def test_dag_files_are_wiring(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= 110, "logic belongs to plugins/footprints"
    assert not any(line.startswith(("import footprints", "from footprints ", "from footprints.")) for line in lines)


def test_graph_is_the_one_we_agreed_on(parsed):
    """The names, order and schedules of all tasks. A change here is a change that the runbooks and dashboards feel.

    Where it is wanted: `WRITE_GRAPH=1 pytest tests/dags`.
    """
    graph = {dag_id: dag["graph"] for dag_id, dag in parsed["dags"].items()}
    path = Path(__file__).with_name("graph.json")
    if os.environ.get("WRITE_GRAPH"):
        path.write_text(json.dumps(graph, indent=2) + "\n")
    assert graph == json.loads(path.read_text())


def test_plugins_folder_shows_airflow_one_file(tmp_path):
    """Airflow executes every file that `.airflowignore` does not name, under its bare name."""
    script = (
        "from airflow.utils.file import find_path_from_directory\n"
        "import sys\n"
        "print('\\n'.join(sorted(find_path_from_directory(sys.argv[1], '.airflowignore', 'glob'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(REPOSITORY / "plugins")],
        env=os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=True,
    )
    files = [Path(line) for line in done.stdout.splitlines() if line.endswith(".py")]
    assert [path.name for path in files] == ["footprints_plugin.py"]
