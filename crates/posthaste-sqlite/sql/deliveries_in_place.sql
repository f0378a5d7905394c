-- Those whose ids lie in one place, by primary key.
SELECT id, subscription FROM deliveries
WHERE id >= ?1 AND id < ?1 + 1024
LIMIT ?2
