"""Read by every Airflow process at its start; it does something in the scheduler only.

LocalExecutor forks its workers, and each task from a worker: what the scheduler has imported costs a task nothing.
Great Expectations and pandas alone would cost every task process 5 to 10 seconds of import on a busy machine.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

__all__: list[str] = []  # nothing here overrides Airflow's settings

# What a task never needs, or what starts threads or servers.
_NOT_FOR_TASKS = ("footprints.stack", "footprints.cli", "footprints.explorer", "footprints.demo", "footprints.bench")


def _import_for_tasks() -> None:
    """Import the libraries of the tasks, and all of ours."""
    for name in ("boto3", "great_expectations", "numpy", "pandas", "psycopg", "pyarrow", "sqlalchemy"):
        importlib.import_module(name)
    import footprints

    for module in pkgutil.walk_packages(footprints.__path__, "footprints."):
        if not module.name.startswith(_NOT_FOR_TASKS):
            importlib.import_module(module.name)


if sys.argv[1:2] == ["scheduler"]:
    _import_for_tasks()
