-- Who else has this name in the tenant: subscriptions_by_external_id.
SELECT id FROM subscriptions
WHERE tenant = ?1 AND external_id = ?2 AND deleted_at IS NULL AND id <> ?3
