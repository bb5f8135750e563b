"""The setup that docker-compose.yaml runs, against the throw-away servers."""

from __future__ import annotations

import stat
from pathlib import Path

import psycopg
import pytest

from footprints.settings import settings
from footprints.stack import containers, ports, state
from footprints.stack.postgres import SUPERUSER, Postgres
from footprints.stack.seaweedfs import REGION, SeaweedFS

pytestmark = pytest.mark.integration


def test_setup_makes_everything_and_may_run_again(
    postgres_server: Postgres, s3_store: SeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, database = postgres_server, "composed"
    # The roles belong to the whole server, and the other tests know their passwords.
    owner, loader, analyst, reader = (server.url(database, role, role) for role in state.ROLES)
    variables = {
        "FOOTPRINTS_ADMIN_URL": server.url("postgres", SUPERUSER, server.password, driver="postgresql"),
        "FOOTPRINTS_WAREHOUSE_OWNER_URL": owner,
        "FOOTPRINTS_WAREHOUSE_URL": loader,
        "FOOTPRINTS_WAREHOUSE_ANALYST_URL": analyst,
        "FOOTPRINTS_WAREHOUSE_READER_URL": reader,
        "FOOTPRINTS_LANDING_BUCKET": "composed",
        "FOOTPRINTS_DROP_URL": "http://127.0.0.1:8080/footprints/drop",
        "FOOTPRINTS_AIRFLOW_PASSWORD": "secret",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": server.url("airflow", "airflow", "pw", driver="postgresql+psycopg2"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(tmp_path / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{ports.choose()}/execution/",
        "AWS_ENDPOINT_URL": s3_store.endpoint,
        "AWS_ACCESS_KEY_ID": s3_store.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_store.secret_key,
        "AWS_DEFAULT_REGION": REGION,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()

    containers.setup()
    containers.setup()

    with psycopg.connect(server.url(database, state.LOADER, state.LOADER, driver="postgresql")) as connection:
        assert connection.execute("SELECT count(*) > 200 FROM core.country").fetchone() == (True,)
    with psycopg.connect(server.url("airflow", "airflow", "pw", driver="postgresql")) as connection:
        connection.execute("CREATE TABLE its_own (x int)")
    # Airflow's role has no business in the warehouse, nor ours in Airflow's database.
    for role, password, other in (("airflow", "pw", database), (state.LOADER, state.LOADER, "airflow")):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(server.url(other, role, password, driver="postgresql"))
    assert "composed" in {one["Name"] for one in s3_store.client().list_buckets()["Buckets"]}
    assert stat.S_IMODE((tmp_path / "passwords.json").stat().st_mode) == 0o600
    assert not containers.healthy("scheduler")  # nobody answers
    settings.cache_clear()
