-- One that is retrying, by primary key: due at once; its budget, origin and batch stay.
UPDATE deliveries SET retry_at = ?2, due_at = ?2, shelved = 0 WHERE id = ?1
