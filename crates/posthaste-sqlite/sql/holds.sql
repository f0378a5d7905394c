-- What is paused: subscriptions_paused.
SELECT s.id, t.id, s.paused_at, s.told_at
FROM subscriptions s INDEXED BY subscriptions_paused JOIN tenants t ON t.no = s.tenant
WHERE s.paused_at IS NOT NULL AND t.deleted_at IS NULL
ORDER BY s.id
