"""Object-created events of object stores: what they announce, and how it enters the ledger.

An event only wakes us up: it names an object, and the store is asked what that object is now. So an event that comes
twice, late or for an object that is gone does no harm, and one that never comes is made good by the sweep.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_plus, urlsplit

from footprints import ledger
from footprints.errors import FootprintsError, NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from sqlalchemy import Connection

    from footprints.settings import Settings
    from footprints.storage import Store

log = logging.getLogger(__name__)

PLAIN_KEYS = ("ceph:",)
"""Stores (`eventSource`) that write keys as they are; AWS and those that copy it URL-encode them."""

FILER_HIDDEN = (".system", ".uploads")
"""Folders of a SeaweedFS bucket that hold no objects."""

FILER_VERSIONS = ".versions"
"""Suffix of the folder in which SeaweedFS keeps the versions of an object of a versioned bucket."""


class EventError(FootprintsError):
    """The body is no event of any form that we know."""


class ObjectRef(NamedTuple):
    """An object that an event names. `other_key` is the key read the other way (encoded or not), tried if need be."""

    bucket: str
    key: str
    other_key: str | None = None


def parse(body: bytes | str) -> list[ObjectRef]:
    """The objects that an event says were created: S3 records (also wrapped by SNS), or a SeaweedFS filer event.

    Deletions, folders and test events give none. Raises EventError for a body of no known form.
    """
    try:
        event = json.loads(body)
    except ValueError:
        raise EventError("the event is not JSON", "see docs/runbooks/ingest_landing.md for the known forms") from None
    try:
        return _parse(event)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise EventError(
            "the event has no known form", "see docs/runbooks/ingest_landing.md for the known forms"
        ) from None


def _parse(event: dict[str, Any]) -> list[ObjectRef]:
    if event.get("Type") == "Notification" and "Message" in event:
        return _parse(json.loads(event["Message"]))
    if event.get("Event") == "s3:TestEvent":
        return []
    if "Records" in event:
        refs = [_s3_record(record) for record in event["Records"]]
    else:
        refs = [_filer_event(event)]
    return list(dict.fromkeys(ref for ref in refs if ref is not None))


def _s3_record(record: dict[str, Any]) -> ObjectRef | None:
    if not record["eventName"].removeprefix("s3:").startswith("ObjectCreated"):
        return None
    bucket, written = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
    decoded = unquote_plus(written)
    if decoded == written:
        return ObjectRef(bucket, written)
    if record.get("eventSource", "").startswith(PLAIN_KEYS):
        return ObjectRef(bucket, written, decoded)
    return ObjectRef(bucket, decoded, written)


def _filer_event(event: dict[str, Any]) -> ObjectRef | None:
    """`{"event_type": "create", "key": "/buckets/B/K", "message": {"new_entry": {…}, "new_parent_path": …}}`."""
    kind, message = event["event_type"], event["message"]
    entry = message.get("new_entry")
    if kind == "delete" or not entry or entry.get("is_directory"):
        return None
    path = f"{message.get('new_parent_path') or event['key'].rpartition('/')[0]}/{entry['name']}"
    root, _, rest = path.removeprefix("/").partition("/")
    bucket, _, key = rest.partition("/")
    parts = key.split("/")
    if root != "buckets" or not key or parts[0] in FILER_HIDDEN:
        return None
    if len(parts) > 1 and parts[-2].endswith(FILER_VERSIONS):
        key = "/".join(parts[:-1]).removesuffix(FILER_VERSIONS)
    return ObjectRef(bucket, key)


def enrol_events(connection: Connection, store: Store, refs: Iterable[ObjectRef], by: str) -> list[int]:
    """Enters the announced objects in the ledger and returns the ids of the new deliveries.

    Only objects under `landing/` of the landing bucket count; one that is gone is ignored. The caller commits.
    """
    landed = []
    for ref in dict.fromkeys(refs):
        if ref.bucket != store.settings.landing_bucket:
            continue
        for key in filter(None, (ref.key, ref.other_key)):
            if not key.startswith(ledger.LANDING) or key.endswith("/"):
                continue
            try:
                landed.append(store.head(ref.bucket, key))
            except NotFoundError:
                continue
            break
    ids = (ledger.enrol(connection, item, by) for item in landed)
    return [delivery_id for delivery_id in ids if delivery_id is not None]


class EventQueue:
    """The SQS queue that holds the landing bucket's events. A message is deleted only after the ledger commits."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = settings.need("sqs_queue_url")

    @cached_property
    def client(self) -> SQSClient:
        """The boto3 client; a queue's URL says where its service is."""
        import boto3

        s = self.settings
        parts = urlsplit(self.url)
        return boto3.client(
            "sqs",
            endpoint_url=f"{parts.scheme}://{parts.netloc}",
            aws_access_key_id=s.s3_access_key,
            aws_secret_access_key=s.s3_secret_key.get_secret_value() if s.s3_secret_key else None,
            region_name=s.s3_region,
        )

    @cached_property
    def store(self) -> Store:
        """The store that the events speak of."""
        from footprints.storage import Store

        return Store(self.settings)

    def receive(self, wait_seconds: int = 10) -> list[int]:
        """Waits for up to ten messages, enrols what they announce, then deletes them; returns the new deliveries' ids.

        Where enrolling fails the messages stay, and SQS hands them out again after its visibility timeout.
        """
        from footprints.warehouse.engine import engine

        answer = self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds)
        messages = answer.get("Messages", [])
        if not messages:
            return []
        refs: list[ObjectRef] = []
        for message in messages:
            try:
                refs += parse(message["Body"])
            except EventError as error:
                log.warning("A message of the event queue is dropped: %s", error.message)
        with engine(self.settings.need("warehouse_url")).begin() as connection:
            ids = enrol_events(connection, self.store, refs, "sqs")
        self.client.delete_message_batch(
            QueueUrl=self.url,
            Entries=[{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)],
        )
        return ids
