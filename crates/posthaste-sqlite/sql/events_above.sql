-- A range of the primary key; the pages of `data` are not touched.
SELECT id, tenant, type, test, subs FROM events WHERE id > ?1 ORDER BY id
