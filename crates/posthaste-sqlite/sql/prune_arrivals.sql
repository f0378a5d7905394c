-- By arrivals_by_time.
DELETE FROM arrivals WHERE id IN (SELECT id FROM arrivals WHERE at < ?1 ORDER BY at LIMIT ?2)
