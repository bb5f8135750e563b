"""S3 → SQS → ledger, with moto in the part of AWS: a message is deleted only after the ledger has committed."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from sqlalchemy import text

from footprints import ledger
from footprints.events import EventQueue
from footprints.settings import Settings
from footprints.warehouse.engine import engine
from footprints_airflow.trigger import LandingTrigger

pytestmark = pytest.mark.integration

VISIBILITY = 1
"""Seconds after which SQS hands out again what was not deleted."""


@dataclass(frozen=True)
class Cloud:
    """A bucket whose events go to a queue, and the platform's settings for both."""

    settings: Settings
    s3: Any
    sqs: Any

    def put(self, key: str, body: bytes = b"a\n1\n") -> None:
        self.s3.put_object(Bucket=self.settings.landing_bucket, Key=key, Body=body)

    def n_messages(self) -> int:
        """Messages in the queue, handed out or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.settings.sqs_queue_url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def deliveries(self) -> list[tuple[str, str]]:
        with engine(self.settings.need("warehouse_url")).connect() as connection:
            rows = ledger.list_deliveries(connection)
        return sorted((row.object_key, row.enrolled_by) for row in rows)


@pytest.fixture(scope="module")
def moto_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def cloud(moto_server, warehouse, monkeypatch) -> Cloud:
    keys = {"aws_access_key_id": "tests", "aws_secret_access_key": "tests", "region_name": "us-east-1"}
    s3 = boto3.client("s3", endpoint_url=moto_server, **keys)
    sqs = boto3.client("sqs", endpoint_url=moto_server, **keys)
    bucket = f"landing-{secrets.token_hex(4)}"
    s3.create_bucket(Bucket=bucket)
    attributes = {"VisibilityTimeout": str(VISIBILITY)}
    url = sqs.create_queue(QueueName=bucket, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    )
    values = {
        "FOOTPRINTS_WAREHOUSE_URL": warehouse.loader,
        "FOOTPRINTS_LANDING_BUCKET": bucket,
        "FOOTPRINTS_SQS_QUEUE_URL": url,
        "AWS_ENDPOINT_URL": moto_server,
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    from footprints.settings import settings

    settings.cache_clear()
    with engine(warehouse.loader).begin() as connection:
        connection.execute(text("DELETE FROM meta.delivery"))
    cloud = Cloud(settings(), s3, sqs)
    EventQueue(cloud.settings).receive(wait_seconds=0)  # the test event of the new notification, if there is one
    yield cloud
    settings.cache_clear()


def fail_commit(monkeypatch, times: int = 10**6) -> list[int]:
    """Makes the ledger fail after the row is written and before it is committed."""
    real, failed = ledger.enrol, []

    def enrol(connection, landed, by):
        delivery_id = real(connection, landed, by)
        if len(failed) < times:
            failed.append(1)
            raise RuntimeError("the ledger is away")
        return delivery_id

    monkeypatch.setattr(ledger, "enrol", enrol)
    return failed


def test_put_object_is_enrolled_by_the_trigger_and_its_message_deleted(cloud):
    async def scenario() -> dict:
        trigger = LandingTrigger()
        events = trigger.run()
        first = asyncio.ensure_future(anext(events))
        await asyncio.sleep(1)
        await asyncio.to_thread(cloud.put, "landing/iom/flows/round 5 + été.csv")
        event = await asyncio.wait_for(first, 30)
        for _ in range(100):
            if await asyncio.to_thread(cloud.n_messages) == 0:
                break
            await asyncio.sleep(0.1)
        await events.aclose()
        return event.payload

    assert asyncio.run(scenario()) == {"n_pending": 1}
    assert [key for key, _ in cloud.deliveries()] == ["landing/iom/flows/round 5 + été.csv"]
    assert cloud.n_messages() == 0


def test_message_stays_until_the_ledger_has_committed(cloud, monkeypatch):
    cloud.put("landing/iom/flows/a.csv")
    assert cloud.n_messages() == 1
    queue = EventQueue(cloud.settings)
    with monkeypatch.context() as patch:
        fail_commit(patch)
        with pytest.raises(RuntimeError):
            queue.receive(wait_seconds=1)
        assert cloud.n_messages() == 1, "the message is still there"
        assert cloud.deliveries() == [], "and the ledger holds nothing"
    ids: list[int] = []
    for _ in range(10):
        ids += queue.receive(wait_seconds=1)
        if ids:
            break
    assert len(ids) == 1
    assert cloud.deliveries() == [("landing/iom/flows/a.csv", "sqs")]
    assert cloud.n_messages() == 0


def test_message_that_could_not_be_deleted_does_no_harm(cloud, monkeypatch):
    cloud.put("landing/iom/flows/a.csv")
    queue = EventQueue(cloud.settings)
    with monkeypatch.context() as patch:
        patch.setattr(queue.client, "delete_message_batch", lambda **arguments: None)
        assert len(queue.receive(wait_seconds=1)) == 1
    for _ in range(10):
        assert queue.receive(wait_seconds=1) == []
        if cloud.n_messages() == 0:
            break
    assert cloud.n_messages() == 0
    assert len(cloud.deliveries()) == 1


def test_trigger_outlives_a_ledger_that_fails(cloud, monkeypatch):
    from footprints_airflow import trigger as module

    monkeypatch.setattr(module, "_sweep", lambda settings: type("Swept", (), {"n_listed": 0, "n_enrolled": 0}))
    failed = fail_commit(monkeypatch, times=2)
    cloud.put("landing/iom/flows/a.csv")

    async def scenario() -> dict:
        events = LandingTrigger().run()
        event = await asyncio.wait_for(anext(events), 60)
        await events.aclose()
        return event.payload

    assert asyncio.run(scenario()) == {"n_pending": 1}
    assert len(failed) == 2


def test_message_of_no_known_form_is_dropped_and_its_neighbour_kept(cloud):
    cloud.sqs.send_message(QueueUrl=cloud.settings.sqs_queue_url, MessageBody=json.dumps({"hello": "world"}))
    cloud.put("landing/iom/flows/a.csv")
    queue = EventQueue(cloud.settings)
    for _ in range(5):
        queue.receive(wait_seconds=1)
        if cloud.n_messages() == 0:
            break
    assert cloud.deliveries() == [("landing/iom/flows/a.csv", "sqs")]
    assert cloud.n_messages() == 0


def test_multipart_upload_is_one_delivery(cloud):
    bucket, key = cloud.settings.landing_bucket, "landing/iom/flows/big.csv"
    upload = cloud.s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    part = cloud.s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x" * 100)
    cloud.s3.complete_multipart_upload(
        Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    )
    queue = EventQueue(cloud.settings)
    for _ in range(5):
        queue.receive(wait_seconds=1)
        if cloud.n_messages() == 0:
            break
    assert cloud.deliveries() == [(key, "sqs")]
