"""A partner's own bucket: its listing, compared with what we have, and the objects that are new."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError, ResponseStreamingError
from urllib3.exceptions import HTTPError

from footprints import scratch
from footprints.feeds.addresses import origin, refuse_private, resolve
from footprints.feeds.failure import FeedError
from footprints.feeds.landing import PART_BYTES, Parts, Run, enrol_ready, land
from footprints.feeds.state import Fetch, ItemState
from footprints.feeds.web import TRIES
from footprints.settings import FeedSecret

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")
BLOCK = 2**20
MAX_KEY_BYTES = 1024


@dataclass(frozen=True)
class Remote:
    """An object in the partner's bucket; `name` is its key without the contract's prefix."""

    key: str
    name: str
    etag: str
    last_modified: datetime
    size_bytes: int


def connect(run: Run, secret: FeedSecret | None, base: str | None) -> S3Client:
    """A client of the partner's store, with the partner's credentials and no other.

    `base` is the endpoint that a setting of ours names: it may be private. Raises FeedError where the endpoint is and
    the contract does not allow it.
    """
    endpoint = base or run.feed.endpoint
    if endpoint and not base and not run.feed.allow_private:
        host, port = origin(endpoint)
        try:
            refuse_private(host, resolve(host, port))
        except OSError:
            raise FeedError("the endpoint's name is not known", "see the contract's `endpoint`", stops=True) from None
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=secret.region if secret else "us-east-1",
        aws_access_key_id=secret.login if secret else None,
        aws_secret_access_key=secret.password.get_secret_value() if secret else None,
        config=Config(  # type: ignore[call-arg]
            s3={"addressing_style": "path"} if endpoint else {},
            retries={"max_attempts": 5, "mode": "standard"},
            connect_timeout=10,
            read_timeout=run.feed.timeout_seconds,
            # Our own store's address stands in the environment; a partner's bucket must not be looked for there.
            ignore_configured_endpoint_urls=True,
            # Without a secret the bucket is public: our own keys stay here.
            signature_version=None if secret else UNSIGNED,
        ),
    )


def listing(run: Run, client: S3Client) -> list[Remote]:
    """The objects that the contract's prefix and pattern name, the oldest first. Raises FeedError."""
    pattern = re.compile(run.feed.pattern)
    found = []
    with _theirs():
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=run.feed.bucket, Prefix=run.feed.prefix)
        for page in pages:
            for entry in page.get("Contents", []):
                name = entry["Key"].removeprefix(run.feed.prefix)
                if name and not name.endswith("/") and pattern.fullmatch(name):
                    found.append(Remote(entry["Key"], name, entry["ETag"], entry["LastModified"], entry["Size"]))
    return sorted(found, key=lambda remote: (remote.last_modified, remote.key))


def fetch_object(run: Run, client: S3Client, remote: Remote, known: ItemState, fetch: Fetch) -> None:
    """Fetches an object and lands it under its own name. Raises FeedError."""
    fetch.etag, fetch.last_modified = remote.etag, remote.last_modified.isoformat()
    if remote.size_bytes > min(run.feed.max_bytes, run.settings.max_object_bytes):
        raise FeedError(f"larger than the {run.feed.max_bytes:,} bytes that the contract allows", "raise `max_bytes`")
    if len(run.landing_key(remote.name).encode()) > MAX_KEY_BYTES:
        raise FeedError("its key is too long for our bucket", "a shorter name at the partner's helps")
    parts = Parts(run, known, f"{remote.etag}@{remote.last_modified.isoformat()}")
    if enrol_ready(run, fetch, parts):
        return
    with scratch.folder() as folder:
        path = folder / "body"
        with path.open("w+b") as file:
            parts.restore(file)
            _download(run, client, remote, parts, path, file, fetch)
        land(run, fetch, known, parts, path, remote.name)


def _download(
    run: Run, client: S3Client, remote: Remote, parts: Parts, path: Path, file: BinaryIO, fetch: Fetch
) -> None:
    failed = 0
    while file.tell() < remote.size_bytes:
        before = file.tell()
        try:
            with _theirs():
                span = {"Range": f"bytes={before}-"} if before else {}
                answer = client.get_object(
                    Bucket=run.feed.bucket,
                    Key=remote.key,
                    IfMatch=remote.etag,
                    **span,  # type: ignore[arg-type]
                )
                fetch.n_requests += 1
                for block in _cut_short_is_no_end(answer["Body"].iter_chunks(BLOCK)):
                    file.write(block)
                    fetch.n_bytes += len(block)
                    if file.tell() - parts.n_bytes >= PART_BYTES:
                        file.flush()
                        _ours(lambda: parts.keep(path, file.tell()))
        except _Cut:
            failed = 1 if file.tell() > before else failed + 1
            if failed >= TRIES:
                raise FeedError("the connection is cut again and again", "we try again later", stops=True) from None
            run.clock.sleep(run.clock.random() * 2**failed)
    file.flush()


class _Cut(Exception):  # noqa: N818 - not an error yet: a Range request goes on
    pass


class _Ours(Exception):  # noqa: N818 - carries an error of our own store past the partner's
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _ours(work: Callable[[], None]) -> None:
    try:
        work()
    except (BotoCoreError, ClientError) as error:
        raise _Ours(error) from None


def _cut_short_is_no_end(blocks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from blocks
    except (ResponseStreamingError, IncompleteReadError, HTTPError):
        raise _Cut from None


@contextmanager
def _theirs() -> Iterator[None]:
    """What botocore raises in this block is the partner's store's; its words stay unsaid."""
    try:
        yield
    except _Ours as ours:
        raise ours.error from None
    except ClientError as error:
        raise _answered(error) from None
    except BotoCoreError as error:
        raise FeedError(
            f"the partner's store does not answer ({type(error).__name__})", "we try again later", stops=True
        ) from None


def _answered(error: ClientError) -> FeedError:
    metadata: Any = error.response.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode", 0))
    code = re.sub(r"\W", "", str(error.response.get("Error", {}).get("Code", "")))[:40]
    if code == "NoSuchBucket":
        return FeedError(
            "the partner's store has no such bucket", "see the contract's `bucket`", stops=True, status=404
        )
    if status in (404, 412):
        return FeedError("it is gone or was overwritten while we fetched it", "the next pull sees", status=status)
    if status in (401, 403):
        hint = "see the secret that the contract's `auth` names"
        return FeedError(f"the partner's store refuses us ({code})", hint, stops=True, status=status)
    return FeedError(f"the partner's store answers {code}", "we try again later", stops=True, status=status)
