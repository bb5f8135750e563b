"""SeaweedFS from its wheel: one process with master, volume server, filer and S3 gateway, on loopback only."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from footprints.errors import ConfigurationError
from footprints.stack.ports import LOOPBACK

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CORSRuleTypeDef

GRPC_OFFSET = 10_000
"""SeaweedFS opens gRPC this far above each of its ports."""
REGION = "us-east-1"


def binary() -> str:
    """Path of the `weed` program that the wheel put beside Python."""
    found = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if found is None:
        raise ConfigurationError(
            "the embedded SeaweedFS is not installed", "run `make demo`, or install `footprints[embedded]`"
        )
    return found


@dataclass(frozen=True)
class SeaweedFS:
    """A store in `directory`. Its configuration files are written by `prepare`, its data live in `data/`."""

    directory: Path
    master_port: int
    volume_port: int
    filer_port: int
    s3_port: int
    access_key: str
    secret_key: str = field(repr=False)
    signing_key: str = field(repr=False)
    webhook_url: str | None = None
    webhook_token: str = field(default="", repr=False)
    webhook_prefix: str = ""
    """Path in the filer whose events are sent, such as `/buckets/footprints/landing/`."""

    @property
    def endpoint(self) -> str:
        """URL of the S3 gateway."""
        return f"http://{LOOPBACK}:{self.s3_port}"

    def files(self) -> dict[str, str]:
        """Configuration files by name, as SeaweedFS looks for them in its working directory."""
        identity = {
            "name": "footprints",
            "credentials": [{"accessKey": self.access_key, "secretKey": self.secret_key}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        }
        # Without these keys the filer and the volume server answer anybody on their own ports, credentials or not.
        security = "".join(
            f'[{section}]\nkey = "{self.signing_key}"\n'
            for section in ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
        )
        return {
            "s3.json": json.dumps({"identities": [identity]}, indent=2),
            "security.toml": security,
            "notification.toml": self._notification(),
        }

    def _notification(self) -> str:
        if self.webhook_url is None:
            return ""
        return (
            "[notification.webhook]\n"
            "enabled = true\n"
            f'endpoint = "{self.webhook_url}"\n'
            f'bearer_token = "{self.webhook_token}"\n'
            "timeout_seconds = 10\n"
            # About a minute of tries; what is lost after that is found by the sweep of the bucket.
            "max_retries = 10\n"
            "backoff_seconds = 1\n"
            "max_backoff_seconds = 10\n"
            "workers = 4\n"
            "buffer_size = 100000\n"
            'event_types = ["create", "update", "rename"]\n'
            f'path_prefixes = ["{self.webhook_prefix}"]\n'
        )

    def prepare(self) -> None:
        """Write the configuration, readable by us only."""
        (self.directory / "data").mkdir(parents=True, exist_ok=True)
        for name, content in self.files().items():
            path = self.directory / name
            path.touch(mode=0o600)
            path.write_text(content)

    def remove_sockets(self) -> None:
        """Remove the sockets that a killed server leaves in /tmp, where it has no option to put them elsewhere."""
        for port in (self.master_port, self.volume_port, self.filer_port, self.s3_port):
            for number in (port, port + GRPC_OFFSET):
                for leftover in Path("/tmp").glob(f"seaweedfs-*-{number}.sock"):  # noqa: S108
                    leftover.unlink(missing_ok=True)

    def argv(self) -> list[str]:
        """The command that runs the server in the foreground; its working directory must be `directory`."""
        options = {
            "dir": self.directory / "data",
            "ip": LOOPBACK,
            "ip.bind": LOOPBACK,
            "master.port": self.master_port,
            "volume.port": self.volume_port,
            "filer.port": self.filer_port,
            "s3.port": self.s3_port,
            "s3.config": self.directory / "s3.json",
            # Fixed ports that nobody asked for, and statistics sent home by default.
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "master.telemetry": "false",
            # The default of 10 s is how long a restarted master waits before it elects itself.
            "master.electionTimeout": "1s",
            "master.heartbeatInterval": "100ms",
            "master.volumeSizeLimitMB": 1024,
            "volume.max": 0,
            "volume.preStopSeconds": 0,
        }
        return [binary(), "server", "-filer", "-s3", *(f"-{name}={value}" for name, value in options.items())]

    def client(self, *, timeout: float = 5) -> S3Client:
        """A boto3 client with our credentials that gives up soon."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=REGION,
            config=Config(connect_timeout=timeout, read_timeout=timeout, retries={"total_max_attempts": 1}),
        )

    def wait_ready(self, bucket: str, alive: Callable[[], bool], patience: float = 60) -> None:
        """Return when a real PUT into the bucket succeeds; TimeoutError when none does, or the server ends."""
        wait_for_put(self.client(timeout=3), bucket, alive, patience)

    def healthy(self, bucket: str) -> bool:
        """Whether the store answers an authenticated request."""
        try:
            self.client(timeout=2).head_bucket(Bucket=bucket)
        except (BotoCoreError, ClientError):
            return False
        return True


def allow_uploads_from(client: S3Client, bucket: str, page_url: str) -> None:
    """Lets browsers that show our drop page PUT objects into the bucket: its origin only, and no other method."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(page_url))
    rule: CORSRuleTypeDef = {
        "AllowedOrigins": [origin],
        "AllowedMethods": ["PUT"],
        "AllowedHeaders": ["content-type", "if-none-match", "x-amz-checksum-sha256"],
        "MaxAgeSeconds": 600,
    }
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


def wait_for_put(client: S3Client, bucket: str, alive: Callable[[], bool], patience: float) -> None:
    """Return when an object was stored in the bucket, which is created where it is missing; TimeoutError otherwise.

    The gateway answers requests seconds before it can store an object, so nothing less proves it.
    """
    end = time.monotonic() + patience
    while True:
        try:
            if bucket not in {one.get("Name") for one in client.list_buckets().get("Buckets", [])}:
                client.create_bucket(Bucket=bucket)
            client.put_object(Bucket=bucket, Key="health/ready", Body=b"ready")
            client.delete_object(Bucket=bucket, Key="health/ready")
            return
        except (BotoCoreError, ClientError) as error:
            if not alive() or time.monotonic() > end:
                raise TimeoutError(f"no object could be stored: {type(error).__name__}") from None
        time.sleep(0.1)
