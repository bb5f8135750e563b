"""Secrets of feeds from Airflow's connections, by Airflow itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from footprints.settings import REPOSITORY

SCRIPT = """
import json
from footprints.settings import Settings
from footprints_airflow.connections import secrets
find = secrets(Settings())
found = {name: find(name) for name in ("their-bucket", "dtm", "nobody")}
print(json.dumps({n: s and [s.login, s.password.get_secret_value(), s.region] for n, s in found.items()}))
"""


def test_a_connection_wins_over_the_settings(tmp_path: Path) -> None:
    connection = {"conn_type": "generic", "login": "key", "password": "of-airflow", "extra": {"region": "eu-west-1"}}
    ours = {"their-bucket": {"password": "of-settings"}, "dtm": {"password": "of-settings"}}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        | {
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "AIRFLOW_CONN_FEED_THEIR_BUCKET": json.dumps(connection),
            "FOOTPRINTS_FEED_SECRETS": json.dumps(ours),
            "PYTHONPATH": str(REPOSITORY / "plugins"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "their-bucket": ["key", "of-airflow", "eu-west-1"],
        "dtm": ["", "of-settings", "us-east-1"],
        "nobody": None,
    }
