"""Signed uploads: one PUT of one object, of exactly the size (and bytes) that were announced, into one prefix."""

from __future__ import annotations

import base64
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from footprints.ledger import LANDING
from footprints.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EXPIRES_SECONDS = 600
"""So long an upload may begin; it may then take as long as it takes."""
CONTENT_TYPE = "application/octet-stream"
MAX_NAME_BYTES = 200
SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f/\\\\\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Slashes lead elsewhere; control and direction characters make a name look like another."""


@dataclass(frozen=True)
class Upload:
    """A signed PUT: where to, with which headers (all of them signed), and the key that the object will have."""

    url: str
    headers: dict[str, str]
    key: str


def clean_name(name: str) -> str | None:
    """A file name as it may end an object key; None for one that may not."""
    name = unicodedata.normalize("NFC", name).strip()
    if not name.strip(". ") or FORBIDDEN.search(name) or len(name.encode()) > MAX_NAME_BYTES:
        return None
    return name


def sign(
    settings: Settings, partner_id: str, source_id: str, name: str, size_bytes: int, sha256: str | None = None
) -> Upload:
    """Signs the upload of a file under `landing/<partner>/<source>/<moment and random>/`.

    The folder is new, and the object must not exist (`If-None-Match: *`), so nothing is ever overwritten, and a link
    that is used again is refused. With `sha256` (hex) the store takes these very bytes only.

    Raises ValueError for a name that cannot end a key.
    """
    cleaned = clean_name(name)
    if cleaned is None or not SEGMENT.fullmatch(partner_id) or not SEGMENT.fullmatch(source_id):
        raise ValueError("no name for an object")
    folder = f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}-{secrets.token_hex(6)}"
    key = f"{LANDING}{partner_id}/{source_id}/{folder}/{cleaned}"
    headers = {"Content-Type": CONTENT_TYPE, "If-None-Match": "*"}
    signed = {"ContentType": CONTENT_TYPE, "ContentLength": size_bytes, "IfNoneMatch": "*"}
    if sha256 is not None:
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        headers["x-amz-checksum-sha256"] = checksum
        signed["ChecksumSHA256"] = checksum
    url = signer(settings).generate_presigned_url(
        "put_object",
        Params={"Bucket": settings.landing_bucket, "Key": key, **signed},
        ExpiresIn=EXPIRES_SECONDS,
    )
    return Upload(url, headers, key)


def sign_download(settings: Settings, bucket: str, key: str) -> str:
    """The address of an object for a minute, to be saved and not shown."""
    return signer(settings).generate_presigned_url(
        "get_object",
        Params={"Bucket": bucket, "Key": key, "ResponseContentDisposition": "attachment"},
        ExpiresIn=60,
    )


def signer(settings: Settings) -> S3Client:
    """A client that signs for the store's address as browsers know it; it calls nobody."""
    secret = settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else None
    endpoint = settings.s3_public_url or settings.s3_endpoint
    return _signer(endpoint, settings.s3_access_key, secret, settings.s3_region)


@cache
def _signer(endpoint: str | None, access_key: str | None, secret_key: str | None, region: str) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=region,
        # Version 4 signs the headers too: length, precondition and checksum cannot be left out.
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"} if endpoint else {}),
    )
