-- By primary key.
SELECT body FROM idempotency WHERE tenant = ?1 AND key = ?2 AND expires_at > ?3
