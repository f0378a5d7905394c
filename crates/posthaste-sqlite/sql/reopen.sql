-- One that has ended, by primary key: due at once with a fresh budget, or, where it stood in a line,
-- back on the shelf; no longer in its batch.
UPDATE deliveries SET
    state = 0, reason = NULL, origin = ?3, spent = 0, retry_at = NULL,
    due_at = iif(line IS NULL, ?2, NULL), shelved = line IS NOT NULL,
    settled_at = NULL, batch = NULL, opened_at = ?2, replay = ?4
WHERE id = ?1
