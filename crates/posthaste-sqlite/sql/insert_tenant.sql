-- By its id; one that has a number alone gets its name.
INSERT INTO tenants (id, name, settings, created_at) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, settings = excluded.settings, created_at = excluded.created_at
WHERE created_at IS NULL
