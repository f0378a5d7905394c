-- By primary key.
SELECT id, tenant, type, details, data, subs FROM events WHERE id = ?1
