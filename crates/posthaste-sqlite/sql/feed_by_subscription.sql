-- Sorted by the caller, so that neighbours share a page; known ones come again after a crash.
INSERT OR IGNORE INTO deliveries_by_subscription (subscription, delivery) VALUES (?1, ?2)
