-- The next subscription that has deliveries waiting: one seek in deliveries_waiting.
SELECT subscription FROM deliveries
WHERE state = 0 AND subscription > ?1
ORDER BY subscription LIMIT 1
