-- What waits in one batch: deliveries_in_batch.
SELECT id FROM deliveries INDEXED BY deliveries_in_batch
WHERE state = 0 AND batch = ?1
ORDER BY id
