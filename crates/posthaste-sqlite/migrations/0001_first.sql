-- Ids are 63-bit numbers in time order; times are Unix milliseconds; subscription ids in `subs`
-- are 8 big-endian bytes each, in the order of the event's deliveries.

CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

-- A tenant's number is what rows carry. One that was never created has a number and no name.
CREATE TABLE tenants (
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT,
    created_at INTEGER
) STRICT;

-- The whole promise of a 202. Small columns first: lists never touch the pages of `data`.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    type TEXT NOT NULL,
    test INTEGER NOT NULL,     -- 1: made to try one subscription
    subs BLOB NOT NULL,
    details BLOB,
    data BLOB NOT NULL
) STRICT;

-- Ids without their slot, where a tenant has an event or deliveries. Fed lazily: what is above
-- the mark in `meta` may still be missing here, and is in the store's memory.
CREATE TABLE places_by_tenant (
    tenant INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (tenant, place)
) STRICT, WITHOUT ROWID;

-- Written once, with the first outcome or when it has to wait. The columns from `attempt` on are
-- its latest attempt; those before it stand in `attempts`.
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    event INTEGER NOT NULL,
    tenant INTEGER NOT NULL,
    subscription INTEGER NOT NULL,
    state INTEGER NOT NULL,    -- 0 waiting, 1 delivered, 2 failed, 3 discarded
    reason INTEGER,            -- why it was discarded
    origin INTEGER NOT NULL,
    format INTEGER,
    made INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    retry_at INTEGER,          -- none: pending
    due_at INTEGER,            -- in the due index
    shelved INTEGER NOT NULL,
    settled_at INTEGER,        -- when it was delivered, failed or discarded
    delivered_at INTEGER,      -- the first success
    last_error TEXT,           -- where it is not the latest attempt's
    attempt INTEGER,
    started_at INTEGER,
    latency_us INTEGER,
    status_code INTEGER,
    error TEXT,
    request_headers TEXT,
    response_headers TEXT,
    response_body BLOB
) STRICT;

CREATE INDEX deliveries_due ON deliveries (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_waiting ON deliveries (subscription, shelved, id) WHERE state = 0;
-- The rare states: all but delivered.
CREATE INDEX deliveries_by_state ON deliveries (tenant, state, id) WHERE state <> 1;
-- Deliveries that do not stand in the first place of their event.
CREATE INDEX deliveries_elsewhere ON deliveries (event, id) WHERE (id >> 10) <> (event >> 10);

-- Fed lazily, as above: fed with each outcome it would cost more than all the rest.
CREATE TABLE deliveries_by_subscription (
    subscription INTEGER NOT NULL,
    delivery INTEGER NOT NULL,
    PRIMARY KEY (subscription, delivery)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    delivery INTEGER NOT NULL,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    latency_us INTEGER NOT NULL,
    status_code INTEGER,
    error TEXT,
    request_headers TEXT NOT NULL,
    response_headers TEXT NOT NULL,
    response_body BLOB NOT NULL,
    PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    tenant INTEGER NOT NULL,
    key BLOB NOT NULL,
    body BLOB NOT NULL,
    event INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

-- A deleted one leaves a tombstone without settings.
CREATE TABLE subscriptions (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    status INTEGER NOT NULL,   -- 0 active, 1 disabled, 2 and up paused
    deleted_at INTEGER,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    external_id TEXT,
    settings TEXT
) STRICT;

CREATE UNIQUE INDEX subscriptions_by_external_id ON subscriptions (tenant, external_id)
    WHERE external_id IS NOT NULL AND deleted_at IS NULL;

CREATE TABLE subscription_health (
    subscription INTEGER PRIMARY KEY,
    unhealthy INTEGER NOT NULL,
    consecutive_failures INTEGER NOT NULL,
    failed_attempts_in_a_row INTEGER NOT NULL,
    last_success_at INTEGER,
    last_failure_at INTEGER
) STRICT;

CREATE TABLE keys (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    tenant INTEGER,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;
