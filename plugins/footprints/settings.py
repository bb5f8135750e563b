"""All settings of the platform, typed, read from environment variables.

The embedded stack writes the same variables to `$FOOTPRINTS_HOME/env`, so that a shell which has just run
`footprints up` needs no exports; a variable in the environment wins over that file.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from footprints.errors import ConfigurationError

T = TypeVar("T")
REPOSITORY = Path(__file__).resolve().parents[2]


def home() -> Path:
    """The directory that holds all state of the embedded stack (`FOOTPRINTS_HOME`, default `.footprints`)."""
    return Path(os.environ.get("FOOTPRINTS_HOME", REPOSITORY / ".footprints"))


class FeedSecret(BaseModel):
    """What a feed proves who we are with: a token is a `password`; the keys of a bucket are `login` and `password`."""

    model_config = ConfigDict(extra="forbid")

    login: str = ""
    password: SecretStr = SecretStr("")
    region: str = "us-east-1"


class Settings(BaseSettings):
    """Settings of the platform; only these differ between the embedded stack, compose and AWS."""

    model_config = SettingsConfigDict(env_prefix="FOOTPRINTS_", extra="ignore", populate_by_name=True)

    warehouse_url: SecretStr | None = None
    """SQLAlchemy URL of the warehouse as the loader role (`postgresql+psycopg://…`)."""
    warehouse_reader_url: SecretStr | None = None
    """The same as the dashboard reader role, which sees `trends` only."""
    warehouse_owner_url: SecretStr | None = None
    """The same as the owner of the database: needed by `migrate` only."""

    landing_bucket: str = "footprints"
    """Bucket with the prefixes `landing/` and `receipts/`."""
    archive_bucket: str = ""
    """Bucket with the prefix `archive/`; the landing bucket where empty."""
    s3_endpoint: str | None = Field(default=None, validation_alias="AWS_ENDPOINT_URL")
    s3_access_key: str | None = Field(default=None, validation_alias="AWS_ACCESS_KEY_ID")
    s3_secret_key: SecretStr | None = Field(default=None, validation_alias="AWS_SECRET_ACCESS_KEY")
    s3_region: str = Field(default="us-east-1", validation_alias="AWS_DEFAULT_REGION")
    sqs_queue_url: str | None = None
    """URL of the SQS queue with the landing bucket's events; none where the store calls the webhook."""
    webhook_token: SecretStr | None = None
    """Bearer token that the store must send to the webhook; without it the webhook refuses every call."""
    privacy_key: SecretStr | None = None
    """Key of the HMAC that replaces direct identifiers; it never stands in the database."""

    contact: str = ""
    """Whom a partner may write to about a receipt: a name or an e-mail address of the hub's data team."""

    feeds: str = ""
    """Sources that `pull_feeds` fetches, separated by commas; `all`: each that has a feed. Empty: nothing."""
    feed_urls: str = ""
    """JSON, source → base address of its feed, where it is not the contract's (`{"mhub-survey": "https://…/"}`)."""
    feed_secrets: SecretStr = SecretStr("")
    """JSON, name of a secret → `login`, `password`, `region`. In Airflow a connection `feed_<name>` wins."""
    drop_url: str = ""
    """Address of the drop page as a partner's browser reaches it; the store must let that origin in (CORS)."""
    s3_public_url: str | None = None
    """Where the store is for a partner's browser; left out where that is `AWS_ENDPOINT_URL`."""
    drop_check_bytes: int = 64 * 2**20
    """A larger file is not checked by the drop page before it is sent."""
    drop_max_bytes: int = 4 * 2**30
    """A larger file cannot be sent by the drop page (one PUT; S3 takes 5 GiB at most): use an S3 client."""

    expectations_dir: Path = REPOSITORY / "expectations"
    sql_dir: Path = REPOSITORY / "sql"
    data_docs_dir: Path = Field(default_factory=lambda: home() / "data-docs")

    chunk_rows: int = 50_000
    """Rows that are read, checked and copied at a time; bounds the memory of a worker."""
    gx_rows: int = 50_000
    """Up to so many rows a delivery is checked by Great Expectations itself; above, by the same suite as masks."""
    claim_limit: int = 100
    """Deliveries that one run takes at most."""
    claim_timeout_minutes: int = 30
    """A claim older than this, not finished, is taken up again: its worker is dead."""
    max_object_bytes: int = 20 * 2**30
    max_unpacked_bytes: int = 2 * 2**30
    """A workbook or JSON document that unpacks to more is refused (CSV is streamed and has no such limit)."""

    mark_bytes: int = 16 * 2**20
    """A file that unpacks to more is not sent back marked: its partner gets the rows to fix only."""

    def archive(self) -> str:
        """Name of the archive bucket."""
        return self.archive_bucket or self.landing_bucket

    def base_urls(self) -> dict[str, str]:
        """Source → base address of its feed. Raises ConfigurationError where the setting is no such JSON."""
        return _parsed(TypeAdapter(dict[str, str]), self.feed_urls, "FOOTPRINTS_FEED_URLS")

    def secrets(self) -> dict[str, FeedSecret]:
        """Secrets of feeds by name. Raises ConfigurationError where the setting is no such JSON."""
        text = self.feed_secrets.get_secret_value()
        return _parsed(TypeAdapter(dict[str, FeedSecret]), text, "FOOTPRINTS_FEED_SECRETS")

    def need(self, name: str) -> str:
        """The value of a setting that must be there.

        Raises ConfigurationError where it is not, naming the variable.
        """
        value = getattr(self, name)
        if value in (None, ""):
            raise ConfigurationError(
                f"the setting FOOTPRINTS_{name.upper()} is not set",
                "start the stack with `footprints up`, or export the variables of your own (docs/architecture.md)",
            )
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _parsed(adapter: TypeAdapter[dict[str, T]], text: str, variable: str) -> dict[str, T]:
    try:
        return adapter.validate_json(text) if text.strip() else {}
    except ValidationError:
        raise ConfigurationError(f"{variable} is not the JSON that it should be", "see docs/architecture.md") from None


@cache
def settings() -> Settings:
    """The settings of this process, read once: the environment, then the running embedded stack's file."""
    return Settings(_env_file=home() / "env")  # type: ignore[call-arg]
