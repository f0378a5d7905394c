-- Along the index by state, each row by primary key as far as its error. The second condition is
-- that of the partial index, which is not chosen without it.
SELECT id, subscription, coalesce(last_error, error)
FROM deliveries
WHERE tenant = ?1 AND state = ?2 AND state <> 1 AND id < ?3
ORDER BY id DESC LIMIT ?4
