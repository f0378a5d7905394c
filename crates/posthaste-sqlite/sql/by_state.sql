-- What tells whether a filter wants a delivery, before it is read as a whole. The second condition is
-- that of the partial index, which is not chosen without it.
SELECT id, subscription, retry_at FROM deliveries
WHERE tenant = ?1 AND state = ?2 AND state <> 1 AND id < ?3
ORDER BY id DESC LIMIT ?4
