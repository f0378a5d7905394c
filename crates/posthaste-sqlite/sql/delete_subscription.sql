-- By primary key. The tombstone keeps no secret.
UPDATE subscriptions SET deleted_at = ?3, settings = NULL, sealed = NULL, paused_at = NULL, told_at = NULL
WHERE id = ?1 AND tenant = ?2 AND deleted_at IS NULL
