-- Appends to the table: ids grow.
INSERT INTO events (id, tenant, type, test, subs, details, data, checksum)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
