-- What waits for a subscription, due (?2 = 0) or shelved (1), from a place on, and its line:
-- deliveries_waiting holds it all.
SELECT id, line FROM deliveries INDEXED BY deliveries_waiting
WHERE state = 0 AND subscription = ?1 AND shelved = ?2 AND id >= ?3
ORDER BY id
