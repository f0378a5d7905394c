-- By primary key: one revision replaces the one before it, and the first replaces none.
INSERT INTO event_types (
    tenant, name, revision, created_at, updated_at, description, example, versions
)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
WHERE ?3 = 1 + coalesce((SELECT revision FROM event_types WHERE tenant = ?1 AND name = ?2), 0)
ON CONFLICT (tenant, name) DO UPDATE SET
    revision = excluded.revision, updated_at = excluded.updated_at,
    description = excluded.description, example = excluded.example, versions = excluded.versions
