-- The due index from a place on: deliveries_due.
SELECT due_at, id FROM deliveries
WHERE due_at IS NOT NULL AND (due_at, id) >= (?1, ?2)
ORDER BY due_at, id
