-- By primary key; the same parameters as insert_subscription. A pause goes on, begins, or is over.
UPDATE subscriptions SET
    paused_at = iif(?3 < 2, NULL, iif(status < 2, ?6, paused_at)),
    told_at = iif(?3 < 2 OR status < 2, NULL, told_at),
    status = ?3, revision = ?4, created_at = ?5, updated_at = ?6, external_id = ?7, settings = ?8,
    sealed = ?9
WHERE id = ?1 AND tenant = ?2
