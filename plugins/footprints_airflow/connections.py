"""Airflow's connections as the secrets of feeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footprints.feeds.pull import Secrets
    from footprints.settings import FeedSecret, Settings

PREFIX = "feed_"


def secrets(settings: Settings) -> Secrets:
    """Finds a secret in the connection `feed_<name>` of Airflow; where there is none, in our own settings.

    A token is the connection's password; the keys of a bucket are its login and password, `region` stands in its extra.
    """
    ours = settings.secrets()

    def find(name: str) -> FeedSecret | None:
        return _connection(f"{PREFIX}{name.replace('-', '_')}") or ours.get(name)

    return find


def _connection(connection_id: str) -> FeedSecret | None:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException
    from pydantic import SecretStr

    from footprints.settings import FeedSecret

    try:
        found = Connection.get(connection_id)
    except AirflowNotFoundException:
        return None
    return FeedSecret(
        login=found.login or "",
        password=SecretStr(found.password or ""),
        region=found.extra_dejson.get("region", "us-east-1"),
    )
