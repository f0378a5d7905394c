-- By primary key.
UPDATE subscriptions SET
    status = ?2, revision = revision + 1, updated_at = ?3, paused_at = ?3, told_at = NULL
WHERE id = ?1
