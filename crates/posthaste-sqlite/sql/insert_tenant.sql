-- By its id; one that has a number alone gets its name. A number is never given again: counts that
-- are on their way into the rollups carry it.
INSERT INTO tenants (no, id, name, settings, created_at)
VALUES (
    1 + max(
        coalesce((SELECT max(no) FROM tenants), 0),
        coalesce((SELECT value FROM meta WHERE name = 'newest_tenant'), 0)
    ),
    ?1, ?2, ?3, ?4
)
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, settings = excluded.settings, created_at = excluded.created_at
WHERE created_at IS NULL
