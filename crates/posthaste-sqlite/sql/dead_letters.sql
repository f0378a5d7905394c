-- Along an index that has all of it.
SELECT id, subscription, coalesce(last_error, error)
FROM deliveries INDEXED BY deliveries_dead
WHERE tenant = ?1 AND state = 2 AND id < ?2
ORDER BY id DESC LIMIT ?3
