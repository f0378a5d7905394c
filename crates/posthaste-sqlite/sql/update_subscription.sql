-- By primary key; the same parameters as insert_subscription.
UPDATE subscriptions SET
    status = ?3, revision = ?4, created_at = ?5, updated_at = ?6, external_id = ?7, settings = ?8
WHERE id = ?1 AND tenant = ?2
