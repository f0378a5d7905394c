-- Durable jobs that send a window of events again.
CREATE TABLE replays (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    key BLOB,                  -- SHA-256 of the idempotency key, and of what was asked for under it
    body BLOB,
    plan TEXT NOT NULL,        -- what is to be sent again, as JSON
    status INTEGER NOT NULL,   -- 0 running, 1 completed, 2 stopped
    finished_at INTEGER,
    after_event INTEGER NOT NULL,
    within INTEGER,            -- of the next event: done up to this subscription
    progress TEXT NOT NULL     -- counts, as JSON
) STRICT;

CREATE INDEX replays_by_tenant ON replays (tenant, id);
CREATE UNIQUE INDEX replays_by_key ON replays (tenant, key) WHERE key IS NOT NULL;
CREATE INDEX replays_running ON replays (id) WHERE status = 0;

-- The replay that made it or opened it last; NULL in what was never replayed.
ALTER TABLE deliveries ADD COLUMN replay INTEGER;
