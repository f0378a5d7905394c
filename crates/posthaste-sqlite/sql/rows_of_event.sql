-- An event's deliveries, and whether each waits or ended at ?2 or later. Those beside the event by
-- primary key, the others by deliveries_elsewhere.
SELECT id, subscription, state = 0 OR settled_at >= ?2
FROM deliveries WHERE id > ?1 AND id <= ?1 + 1023
UNION ALL
SELECT id, subscription, state = 0 OR settled_at >= ?2
FROM deliveries INDEXED BY deliveries_elsewhere
WHERE event = ?1 AND (id >> 10) <> (event >> 10)
