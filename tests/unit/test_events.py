"""What each store's event says, and what we make of it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from urllib.parse import quote, quote_plus

import pytest

from footprints import events, ledger
from footprints.errors import NotFoundError
from footprints.events import EventError, ObjectRef, parse
from footprints.ledger import LandedObject

KEY = "landing/iom/flows/round 5 + été 100%.csv"


def s3_event(key: str, source: str = "aws:s3", name: str = "ObjectCreated:Put") -> dict:
    return {
        "Records": [
            {
                "eventSource": source,
                "eventName": name,
                "s3": {"bucket": {"name": "b"}, "object": {"key": key, "size": 1}},
            }
        ]
    }


def filer_event(path: str, kind: str = "create", **entry: object) -> dict:
    """As SeaweedFS 4.48 posts it (recorded with its webhook switched on)."""
    folder, _, name = path.rpartition("/")
    return {
        "event_type": kind,
        "key": path,
        "message": {
            "new_entry": {"name": name, "attributes": {"file_size": 8, "mtime": 1795507282}, **entry},
            "delete_chunks": True,
            "new_parent_path": folder,
            "signatures": [-12842386],
        },
    }


@pytest.mark.parametrize("encode", [quote_plus, lambda key: quote(key, safe=""), lambda key: quote_plus(key, safe="/")])
def test_keys_of_aws_records_are_decoded(encode):
    assert parse(json.dumps(s3_event(encode(KEY))))[0][:2] == ("b", KEY)


def test_keys_of_ceph_records_are_taken_as_they_are():
    assert parse(json.dumps(s3_event(KEY, "ceph:s3")))[0][:2] == ("b", KEY)


@pytest.mark.parametrize("source", ["rustfs:s3", "minio:s3"])
def test_keys_of_rustfs_and_minio_records_are_decoded(source):
    event = s3_event(quote_plus(KEY), source, "s3:ObjectCreated:CompleteMultipartUpload")
    assert parse(json.dumps(event))[0][:2] == ("b", KEY)


def test_key_that_reads_the_same_both_ways_has_one_reading():
    assert parse(json.dumps(s3_event("landing/a/b/c.csv"))) == [ObjectRef("b", "landing/a/b/c.csv")]


def test_event_wrapped_by_sns():
    wrapped = {"Type": "Notification", "Message": json.dumps(s3_event("landing/a/b/c.csv"))}
    assert parse(json.dumps(wrapped)) == [ObjectRef("b", "landing/a/b/c.csv")]


def test_object_that_an_event_names_twice_counts_once():
    event = s3_event("landing/a/b/c.csv")
    event["Records"] *= 2
    assert parse(json.dumps(event)) == [ObjectRef("b", "landing/a/b/c.csv")]


@pytest.mark.parametrize(
    "event",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"},
        s3_event("landing/a/b/c.csv", name="ObjectRemoved:Delete"),
        filer_event("/buckets/b/landing/a", is_directory=True),
        filer_event("/buckets/b/.uploads/5f/0001_x.part"),
        filer_event("/buckets/.system/x"),
        filer_event("/topics/.system/log/x"),
        filer_event("/buckets/b/landing/a/b/c.csv", kind="delete"),
        {"event_type": "delete", "key": "/buckets/b/landing/c.csv", "message": {"old_entry": {"name": "c.csv"}}},
    ],
)
def test_events_that_announce_no_object(event):
    assert [ref for ref in parse(json.dumps(event)) if ref.bucket == "b"] == []


def test_filer_event_names_an_object_as_it_is():
    assert parse(json.dumps(filer_event(f"/buckets/b/{KEY}"))) == [ObjectRef("b", KEY)]


def test_renamed_object_is_where_it_was_renamed_to():
    event = filer_event("/buckets/b/landing/a/b/new.csv", kind="rename") | {"key": "/buckets/b/landing/a/b/old.csv"}
    assert parse(json.dumps(event)) == [ObjectRef("b", "landing/a/b/new.csv")]


def test_version_of_an_object_in_a_versioned_seaweedfs_bucket():
    event = filer_event("/buckets/b/landing/a/b/v.csv.versions/v_6715139d36591435e7dac1a77ccbc9c1")
    assert parse(json.dumps(event)) == [ObjectRef("b", "landing/a/b/v.csv")]


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"[]", b"{}", b'"x"', b'{"Records": [{}]}', b'{"Records": 3}', b"\xff"]
)
def test_unknown_bodies_are_refused(body):
    with pytest.raises(EventError):
        parse(body)


def enrolled(monkeypatch, objects: set[str], refs: list[ObjectRef]) -> list[str]:
    """The keys that reach the ledger when the store holds `objects`."""
    keys: list[str] = []

    def head(bucket: str, key: str) -> LandedObject:
        if key not in objects:
            raise NotFoundError("gone")
        return LandedObject(bucket, key, "etag@1", 1)

    def enrol(connection, landed: LandedObject, by: str) -> int:
        keys.append(landed.key)
        return len(keys)

    monkeypatch.setattr(ledger, "enrol", enrol)
    store = SimpleNamespace(settings=SimpleNamespace(landing_bucket="b"), head=head)
    ids = events.enrol_events(None, store, refs, "webhook")
    assert ids == list(range(1, len(keys) + 1))
    return keys


def test_object_that_is_gone_is_ignored(monkeypatch):
    refs = [ObjectRef("b", "landing/a/b/1"), ObjectRef("b", "landing/a/b/2")]
    assert enrolled(monkeypatch, {"landing/a/b/2"}, refs) == ["landing/a/b/2"]


def test_only_landing_of_the_landing_bucket_counts(monkeypatch):
    keys = {"landing/a/b/1", "receipts/a/b/1", "landing/a/b/"}
    refs = [ObjectRef(bucket, key) for bucket in ("b", "other") for key in sorted(keys)]
    assert enrolled(monkeypatch, keys, refs) == ["landing/a/b/1"]


def test_key_is_tried_the_other_way_where_the_store_does_not_know_it(monkeypatch):
    plain, encoded = "landing/a/b/1%20.csv", "landing/a/b/1 .csv"
    assert enrolled(monkeypatch, {plain}, [ObjectRef("b", encoded, plain)]) == [plain]
    assert enrolled(monkeypatch, {plain, encoded}, [ObjectRef("b", encoded, plain)]) == [encoded]
