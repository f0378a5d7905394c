-- What the store lets go of: old events, keys past their time, deliveries held for too long.

-- What a key's event was, so that a repeated publish has its answer when the event is gone. NULL in
-- keys from before: their event is looked up.
ALTER TABLE idempotency ADD COLUMN type TEXT;
ALTER TABLE idempotency ADD COLUMN details BLOB;
ALTER TABLE idempotency ADD COLUMN deliveries INTEGER;

-- When it was last opened again.
ALTER TABLE deliveries ADD COLUMN opened_at INTEGER;

-- Since when it is paused, and when this pause was told of because deliveries are about to expire;
-- both NULL while it is not paused.
ALTER TABLE subscriptions ADD COLUMN paused_at INTEGER;
ALTER TABLE subscriptions ADD COLUMN told_at INTEGER;
UPDATE subscriptions SET paused_at = updated_at WHERE status >= 2 AND deleted_at IS NULL;
CREATE INDEX subscriptions_paused ON subscriptions (id) WHERE paused_at IS NOT NULL;
-- Tombstones.
CREATE INDEX subscriptions_deleted ON subscriptions (tenant, deleted_at)
    WHERE deleted_at IS NOT NULL;
