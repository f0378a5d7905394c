-- One, by primary key, to be added to.
SELECT counts FROM rollups WHERE tenant = ?1 AND subscription = ?2 AND level = ?3 AND at = ?4
