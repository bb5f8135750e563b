"""Parse a folder of DAGs as Airflow does and print what the policy tests look at: run in a process of its own."""

from __future__ import annotations

import json
import sys
from typing import Any

import airflow.sdk
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization


def schedule(dag: DAG) -> Any:
    condition = getattr(dag.timetable, "asset_condition", None)
    if condition is None:
        return dag.timetable.expression
    assets = list(condition.objects)
    return {
        "assets": sorted(asset.name for asset in assets),
        "watchers": sorted(f"{w.name}: {w.trigger.serialize()[0]}" for asset in assets for w in asset.watchers),
    }


def describe(dag: DAG) -> dict[str, Any]:
    DagSerialization.to_dict(dag)
    return {
        "file": dag.fileloc,
        "doc": dag.doc_md,
        "catchup": dag.catchup,
        "owners": sorted({task.owner for task in dag.tasks}),
        "graph": {
            "schedule": schedule(dag),
            "max_active_runs": dag.max_active_runs,
            "params": {name: dag.params[name] for name in sorted(dag.params)},
            "tags": sorted(dag.tags),
            "tasks": {
                task.task_id: {
                    "downstream": sorted(task.downstream_task_ids),
                    "mapped": task.is_mapped,
                    "outlets": sorted(outlet.name for outlet in task.outlets),
                    "retries": task.retries,
                    "teardown": task.is_teardown,
                    "trigger_rule": str(task.trigger_rule.value),
                }
                for task in sorted(dag.tasks, key=lambda task: task.task_id)
            },
        },
    }


for lazy in ("dag", "task", "Asset", "CronTriggerTimetable", "Param"):
    getattr(airflow.sdk, lazy)
before = set(sys.modules)
bag = DagBag(sys.argv[1], load_op_links=False)
answer = {
    "modules": sorted(sys.modules),
    "new_modules": sorted(set(sys.modules) - before),
    "errors": bag.import_errors,
    "warnings": [str(warning) for warnings in bag.captured_warnings.values() for warning in warnings],
    "dags": {dag_id: describe(dag) for dag_id, dag in sorted(bag.dags.items())},
}
sys.stdout.write(json.dumps(answer))
