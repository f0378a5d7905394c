-- By primary key; the pages of `data` are not touched.
SELECT id, type, details, length(subs) / 8 FROM events WHERE id = ?1 AND tenant = ?2
