-- A stretch of a tenant's idempotency keys, by primary key.
SELECT key, expires_at FROM idempotency WHERE tenant = ?1 AND key > ?2 ORDER BY key LIMIT ?3
