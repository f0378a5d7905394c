-- One that has ended, by primary key: due at once with a fresh budget, and no longer in its batch.
UPDATE deliveries SET
    state = 0, reason = NULL, origin = ?3, spent = 0, retry_at = NULL, due_at = ?2, shelved = 0,
    settled_at = NULL, batch = NULL
WHERE id = ?1
