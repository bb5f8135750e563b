"""Objects in the buckets, by boto3: the same calls for SeaweedFS, AWS and any other S3 store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from footprints.errors import NotFoundError
from footprints.ledger import LANDING, LandedObject
from footprints.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BLOCK = 2**20


class Store:
    """The landing and archive buckets as these settings reach them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def client(self) -> S3Client:
        """The boto3 client of these settings; one a process, as its making takes longer than a call."""
        s = self.settings
        secret = s.s3_secret_key.get_secret_value() if s.s3_secret_key else None
        return _client(s.s3_endpoint, s.s3_access_key, secret, s.s3_region)

    def head(self, bucket: str, key: str) -> LandedObject:
        """The newest version of an object. Raises NotFoundError where there is none."""
        try:
            answer = self.client.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
                raise NotFoundError(
                    "there is no such object", "it may have been deleted after it was announced"
                ) from None
            raise
        return LandedObject(bucket, key, _version(answer["ETag"], answer["LastModified"]), answer["ContentLength"])

    def list_landing(self) -> Iterator[LandedObject]:
        """Every object under `landing/`: the newest version of each key."""
        bucket = self.settings.landing_bucket
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=LANDING):
            for item in page.get("Contents", []):
                if not item["Key"].endswith("/"):
                    yield LandedObject(bucket, item["Key"], _version(item["ETag"], item["LastModified"]), item["Size"])

    def list_keys(self, bucket: str, prefix: str) -> Iterator[str]:
        """Keys under a prefix, in order."""
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                yield item["Key"]

    def download(self, bucket: str, key: str, path: Path, *, if_match: str | None = None) -> str:
        """Streams an object into a file and returns its SHA-256 in hex.

        Raises NotFoundError where the object is gone, or no longer the version of ETag `if_match`.
        """
        extra = {"IfMatch": if_match} if if_match else {}
        try:
            body = self.client.get_object(Bucket=bucket, Key=key, **extra)["Body"]  # type: ignore[arg-type]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "412", "PreconditionFailed"):
                raise NotFoundError(
                    "the object is gone or was overwritten", "the version that replaced it is a delivery of its own"
                ) from None
            raise
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for block in body.iter_chunks(BLOCK):
                digest.update(block)
                file.write(block)
        return digest.hexdigest()

    def exists(self, bucket: str, key: str) -> bool:
        """Whether the bucket holds the key."""
        try:
            self.head(bucket, key)
        except NotFoundError:
            return False
        return True

    def put_bytes(self, bucket: str, key: str, body: bytes, content_type: str) -> None:
        """Writes a small object."""
        self.client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)

    def put_file(
        self,
        bucket: str,
        key: str,
        path: Path,
        metadata: Mapping[str, str] | None = None,
        content_type: str | None = None,
    ) -> None:
        """Writes a file, in parts where it is large, with what is to be known of it beside its content."""
        extra: dict[str, Any] = {"Metadata": dict(metadata)} if metadata else {}
        if content_type is not None:
            extra["ContentType"] = content_type
        self.client.upload_file(str(path), bucket, key, ExtraArgs=extra)

    def delete(self, bucket: str, key: str) -> None:
        """Removes an object; one that is not there is no error."""
        self.client.delete_object(Bucket=bucket, Key=key)

    def get_bytes(self, bucket: str, key: str) -> bytes:
        """A small object's content. Raises NotFoundError where there is none."""
        try:
            return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                raise NotFoundError("there is no such object", "it may have been deleted") from None
            raise


@cache
def _client(endpoint: str | None, access_key: str | None, secret_key: str | None, region: str) -> S3Client:
    """Path-style addresses where the store is our own: it has no wildcard DNS."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=region,
        config=Config(
            s3={"addressing_style": "path"} if endpoint else {},
            retries={"max_attempts": 5, "mode": "standard"},
            connect_timeout=5,
            read_timeout=60,
        ),
    )


def _version(etag: str, last_modified: datetime) -> str:
    """What tells one version of a key from the next, the same whether an event or a listing found it.

    ETag alone would not do: the same bytes put again under the same key are a delivery too, and answered as duplicate.
    """
    return f"{etag.strip(chr(34))}@{int(last_modified.timestamp())}"
