-- One that waits, or is a dead letter, by primary key; what it is counted by.
UPDATE deliveries SET
    state = 3, reason = ?2, last_error = ?3, settled_at = ?4, retry_at = NULL, due_at = NULL,
    shelved = 0
WHERE id = ?1
RETURNING tenant, subscription, origin
