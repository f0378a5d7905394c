-- By primary key, backwards.
SELECT delivery FROM deliveries_by_subscription
WHERE subscription = ?1 AND delivery < ?2
ORDER BY delivery DESC LIMIT ?3
