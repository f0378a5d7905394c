-- A window of one owner's: neighbours in the primary key.
SELECT at, counts FROM rollups
WHERE tenant = ?1 AND subscription = ?2 AND level = ?3 AND at >= ?4 AND at < ?5
