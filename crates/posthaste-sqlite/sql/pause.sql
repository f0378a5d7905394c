-- By primary key.
UPDATE subscriptions SET status = ?2, revision = revision + 1, updated_at = ?3 WHERE id = ?1
