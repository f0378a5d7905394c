-- A range of the primary key.
SELECT id, tenant, subscription FROM deliveries WHERE id > ?1 ORDER BY id
