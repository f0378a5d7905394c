-- One that is retrying, by primary key: due at once, or on the shelf where it stands in a line; its
-- budget, origin and batch stay.
UPDATE deliveries SET
    retry_at = ?2, due_at = iif(line IS NULL, ?2, NULL), shelved = line IS NOT NULL
WHERE id = ?1
