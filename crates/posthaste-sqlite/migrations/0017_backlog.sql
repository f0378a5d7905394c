-- How many of a subscription's deliveries wait or have failed, so that nobody counts them one by
-- one. The table keeps it itself: whatever changes a delivery's row moves its count, in the same
-- transaction. What is delivered at once, as most is, touches nothing here.
CREATE TABLE backlog (
    tenant INTEGER NOT NULL,
    subscription INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    retrying INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription)
) STRICT, WITHOUT ROWID;

INSERT INTO backlog
SELECT tenant, subscription,
    sum(state = 0 AND retry_at IS NULL), sum(state = 0 AND retry_at IS NOT NULL), sum(state = 2)
FROM deliveries WHERE state <> 1 GROUP BY tenant, subscription;

CREATE TRIGGER backlog_takes_a_row AFTER INSERT ON deliveries WHEN new.state IN (0, 2)
BEGIN
    INSERT INTO backlog VALUES (
        new.tenant, new.subscription,
        new.state = 0 AND new.retry_at IS NULL, new.state = 0 AND new.retry_at IS NOT NULL,
        new.state = 2
    )
    ON CONFLICT DO UPDATE SET pending = pending + excluded.pending,
        retrying = retrying + excluded.retrying, failed = failed + excluded.failed;
END;

CREATE TRIGGER backlog_follows_a_row AFTER UPDATE OF subscription, state, retry_at ON deliveries
WHEN (old.subscription, old.state, old.retry_at IS NULL)
    <> (new.subscription, new.state, new.retry_at IS NULL)
BEGIN
    UPDATE backlog SET
        pending = pending - (old.state = 0 AND old.retry_at IS NULL),
        retrying = retrying - (old.state = 0 AND old.retry_at IS NOT NULL),
        failed = failed - (old.state = 2)
    WHERE tenant = old.tenant AND subscription = old.subscription;
    INSERT INTO backlog VALUES (
        new.tenant, new.subscription,
        new.state = 0 AND new.retry_at IS NULL, new.state = 0 AND new.retry_at IS NOT NULL,
        new.state = 2
    )
    ON CONFLICT DO UPDATE SET pending = pending + excluded.pending,
        retrying = retrying + excluded.retrying, failed = failed + excluded.failed;
END;

CREATE TRIGGER backlog_loses_a_row AFTER DELETE ON deliveries WHEN old.state IN (0, 2)
BEGIN
    UPDATE backlog SET
        pending = pending - (old.state = 0 AND old.retry_at IS NULL),
        retrying = retrying - (old.state = 0 AND old.retry_at IS NOT NULL),
        failed = failed - (old.state = 2)
    WHERE tenant = old.tenant AND subscription = old.subscription;
END;

-- A tombstone goes when it has no delivery left.
CREATE TRIGGER backlog_goes_with_its_subscription AFTER DELETE ON subscriptions
BEGIN
    DELETE FROM backlog WHERE tenant = old.tenant AND subscription = old.id;
END;
