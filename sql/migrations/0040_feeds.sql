-- Feeds: what we fetch ourselves from partners' APIs and buckets, and how each attempt went.

CREATE TABLE meta.feed (
    feed_id text PRIMARY KEY,
    round_at timestamptz,
    attempted_at timestamptz,
    succeeded_at timestamptz,
    n_failures integer NOT NULL DEFAULT 0,
    retry_at timestamptz,
    error text
);

CREATE TABLE meta.feed_item (
    feed_id text NOT NULL REFERENCES meta.feed,
    item text NOT NULL,
    checked_at timestamptz,
    etag text,
    last_modified text,
    sha256 text,
    size_bytes bigint,
    object_key text,
    unfinished jsonb,
    PRIMARY KEY (feed_id, item)
);

CREATE TABLE meta.feed_fetch (
    fetch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed_id text NOT NULL REFERENCES meta.feed,
    item text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('delivered', 'unchanged', 'empty', 'failed')),
    http_status integer,
    n_requests integer NOT NULL DEFAULT 0,
    n_pages integer NOT NULL DEFAULT 0,
    n_bytes bigint NOT NULL DEFAULT 0,
    etag text,
    last_modified text,
    sha256 text,
    object_key text,
    delivery_id bigint,
    error text
);
CREATE INDEX feed_fetch_feed_idx ON meta.feed_fetch (feed_id, item, fetch_id DESC);

ALTER TABLE meta.delivery DROP CONSTRAINT delivery_enrolled_by_check;
ALTER TABLE meta.delivery ADD CONSTRAINT delivery_enrolled_by_check
CHECK (enrolled_by IN ('webhook', 'sqs', 'sweep', 'rebuild', 'feed'));

COMMENT ON TABLE meta.feed IS 'A feed: a source that we fetch ourselves. Its name is that of the source.';
COMMENT ON COLUMN meta.feed.feed_id IS 'Name of the source.';
COMMENT ON COLUMN meta.feed.round_at IS 'When the round began that is not finished: items checked since are not asked again.';
COMMENT ON COLUMN meta.feed.attempted_at IS 'When the last pull began.';
COMMENT ON COLUMN meta.feed.succeeded_at IS 'When the last round began of which every item was fetched.';
COMMENT ON COLUMN meta.feed.n_failures IS 'Pulls in a row that failed.';
COMMENT ON COLUMN meta.feed.retry_at IS 'Before this moment a feed that failed is not tried again.';
COMMENT ON COLUMN meta.feed.error IS 'What the last pull failed of; null where it did not.';
COMMENT ON TABLE meta.feed_item IS 'What a feed consists of (one request, one series of pages, or one object), and what was last fetched of it.';
COMMENT ON COLUMN meta.feed_item.feed_id IS 'The feed.';
COMMENT ON COLUMN meta.feed_item.item IS 'The values of `each` (year=2024), or the key of an object in the partner''s bucket.';
COMMENT ON COLUMN meta.feed_item.checked_at IS 'When the pull began that last found out its state, whether anything was new or not.';
COMMENT ON COLUMN meta.feed_item.etag IS 'ETag of the last answer, sent as If-None-Match.';
COMMENT ON COLUMN meta.feed_item.last_modified IS 'Last-Modified of the last answer, sent as If-Modified-Since.';
COMMENT ON COLUMN meta.feed_item.sha256 IS 'SHA-256 of what was last put into landing: the same bytes are not put again.';
COMMENT ON COLUMN meta.feed_item.size_bytes IS 'Its size.';
COMMENT ON COLUMN meta.feed_item.object_key IS 'Its key in landing.';
COMMENT ON COLUMN meta.feed_item.unfinished IS 'Where a pull that was cut short goes on: pages or parts that are in the bucket already.';
COMMENT ON TABLE meta.feed_fetch IS 'Each attempt to fetch an item, and how it went.';
COMMENT ON COLUMN meta.feed_fetch.fetch_id IS 'Number of the attempt.';
COMMENT ON COLUMN meta.feed_fetch.feed_id IS 'The feed.';
COMMENT ON COLUMN meta.feed_fetch.item IS 'The item.';
COMMENT ON COLUMN meta.feed_fetch.started_at IS 'When it began.';
COMMENT ON COLUMN meta.feed_fetch.finished_at IS 'When it ended.';
COMMENT ON COLUMN meta.feed_fetch.outcome IS 'delivered: put into landing. unchanged: nothing new. empty: no records. failed: see error.';
COMMENT ON COLUMN meta.feed_fetch.http_status IS 'Status of the last answer; null where there was none.';
COMMENT ON COLUMN meta.feed_fetch.n_requests IS 'Requests that were sent, tries included.';
COMMENT ON COLUMN meta.feed_fetch.n_pages IS 'Pages of the item, those of an earlier attempt included.';
COMMENT ON COLUMN meta.feed_fetch.n_bytes IS 'Bytes that this attempt received.';
COMMENT ON COLUMN meta.feed_fetch.etag IS 'ETag of the answer.';
COMMENT ON COLUMN meta.feed_fetch.last_modified IS 'Last-Modified of the answer.';
COMMENT ON COLUMN meta.feed_fetch.sha256 IS 'SHA-256 of the file.';
COMMENT ON COLUMN meta.feed_fetch.object_key IS 'Key in landing that it was put to.';
COMMENT ON COLUMN meta.feed_fetch.delivery_id IS 'The delivery it became; null where nothing was put.';
COMMENT ON COLUMN meta.feed_fetch.error IS 'Why it failed. Never a word of what was fetched.';
