-- The waiting ones of a tenant: deliveries_by_state.
SELECT subscription, retry_at IS NOT NULL, count(*) FROM deliveries INDEXED BY deliveries_by_state
WHERE tenant = ?1 AND state = 0 AND state <> 1
GROUP BY 1, 2
