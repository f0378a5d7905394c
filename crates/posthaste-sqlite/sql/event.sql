-- By primary key.
SELECT id, tenant, type, details, data, checksum, subs FROM events WHERE id = ?1
