-- The waiting ones of a tenant: deliveries_by_state.
SELECT subscription, retry_at IS NOT NULL, count(*) FROM deliveries
WHERE tenant = ?1 AND state = 0
GROUP BY 1, 2
