"""What the containers of docker-compose.yaml run beside Airflow's own commands.

`python -m footprints.stack.containers setup` does for servers that run elsewhere what `footprints up` does for its own:
roles, databases, migrations, bucket, password file. `… health PROCESS` is the health check of a container.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import psycopg
from sqlalchemy import make_url

from footprints.errors import ConfigurationError
from footprints.settings import settings
from footprints.stack import airflow_parts, postgres
from footprints.stack.lifecycle import migrate_warehouse
from footprints.stack.seaweedfs import allow_uploads_from, wait_for_put

WAREHOUSE_URLS = (
    "FOOTPRINTS_WAREHOUSE_OWNER_URL",
    "FOOTPRINTS_WAREHOUSE_URL",
    "FOOTPRINTS_WAREHOUSE_ANALYST_URL",
    "FOOTPRINTS_WAREHOUSE_READER_URL",
)
METADATA_URL = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"


def setup() -> None:
    """Make what the variables of this container name; may run again at any time."""
    with psycopg.connect(_need("FOOTPRINTS_ADMIN_URL"), autocommit=True) as connection:
        for name in (METADATA_URL, *WAREHOUSE_URLS):
            parsed = make_url(_need(name))
            postgres.ensure_role(connection, str(parsed.username), str(parsed.password))
            if name in (METADATA_URL, WAREHOUSE_URLS[0]):
                postgres.ensure_database(connection, str(parsed.database), str(parsed.username))
            else:
                postgres.allow_connect(connection, str(parsed.database), [str(parsed.username)])
    migrate_warehouse(os.environ)
    wait_for_put(boto3.client("s3"), settings().landing_bucket, lambda: True, 120)
    allow_uploads_from(boto3.client("s3"), settings().landing_bucket, _need("FOOTPRINTS_DROP_URL"))
    password_file = Path(_need("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"))
    airflow_parts.write_password(password_file, _need("FOOTPRINTS_AIRFLOW_PASSWORD"))


def healthy(process: str) -> bool:
    """Whether the api-server says that this process of Airflow is healthy."""
    address = urlsplit(_need("AIRFLOW__CORE__EXECUTION_API_SERVER_URL"))
    found = airflow_parts.health(address.port or 8080, address.hostname or "127.0.0.1")
    return found is not None and (process == "api-server" or found[process].healthy)


def _need(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ConfigurationError(f"the variable {name} is not set", "see docker-compose.yaml")
    return value


if __name__ == "__main__":
    if sys.argv[1:] == ["setup"]:
        setup()
    elif sys.argv[1:2] == ["health"] and sys.argv[2] in airflow_parts.PROCESSES:
        sys.exit(0 if healthy(sys.argv[2]) else 1)
    else:
        sys.exit(f"usage: python -m footprints.stack.containers setup | health {{{','.join(airflow_parts.PROCESSES)}}}")
