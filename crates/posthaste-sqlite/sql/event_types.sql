-- All of them: a catalogue lives in memory.
SELECT t.id, e.name, e.description, e.example, e.versions, e.created_at, e.updated_at, e.revision
FROM event_types e
JOIN tenants t ON t.no = e.tenant
WHERE t.deleted_at IS NULL
