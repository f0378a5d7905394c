-- What keeps order, batches and circuits. The columns are NULL in what was delivered alone, and no
-- index here holds such a row.

-- Where order is kept: the line it stands in, 63 bits of a hash of its ordering key.
ALTER TABLE deliveries ADD COLUMN line INTEGER;
-- The batch that it leaves in.
ALTER TABLE deliveries ADD COLUMN batch INTEGER;

-- With the line, so that a shelf is read past whole lines without reading their rows.
DROP INDEX deliveries_waiting;
CREATE INDEX deliveries_waiting ON deliveries (subscription, shelved, id, line) WHERE state = 0;
CREATE INDEX deliveries_in_line ON deliveries (subscription, line, id)
    WHERE state = 0 AND shelved = 1 AND line IS NOT NULL;
-- Also of what is delivered: a batch's id is never given again, whatever the clock says.
CREATE INDEX deliveries_in_batch ON deliveries (batch, id) WHERE batch IS NOT NULL;

-- The circuit's next probe and the wait that led to it; both NULL while it is closed.
ALTER TABLE subscription_health ADD COLUMN probe_at INTEGER;
ALTER TABLE subscription_health ADD COLUMN probe_wait_ms INTEGER;
-- What the receiver asked for with a Retry-After.
ALTER TABLE subscription_health ADD COLUMN wait_until INTEGER;
