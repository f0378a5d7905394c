-- What is shelved in one line, from a place on: deliveries_in_line.
SELECT id FROM deliveries INDEXED BY deliveries_in_line
WHERE state = 0 AND shelved = 1 AND subscription = ?1 AND line = ?2 AND id >= ?3
ORDER BY id
