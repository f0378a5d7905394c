-- Tombstones of a tenant from before ?2 that the index by subscription does not name:
-- subscriptions_deleted, and a seek for each.
SELECT id FROM subscriptions s INDEXED BY subscriptions_deleted
WHERE s.tenant = ?1 AND s.deleted_at < ?2 AND s.deleted_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM deliveries_by_subscription d WHERE d.subscription = s.id)
LIMIT 100
