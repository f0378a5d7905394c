-- The owner behind one, by primary key.
SELECT tenant, subscription FROM rollups WHERE (tenant, subscription) > (?1, ?2)
ORDER BY tenant, subscription LIMIT 1
