-- What waits for a subscription, due (?2 = 0) or shelved (1), within a range, and when it was opened
-- again: deliveries_waiting, and a row for each.
SELECT id, opened_at FROM deliveries INDEXED BY deliveries_waiting
WHERE state = 0 AND subscription = ?1 AND shelved = ?2 AND id > ?3 AND id < ?4
ORDER BY id LIMIT ?5
