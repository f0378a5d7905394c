-- All inboxes with their tenants' names.
SELECT i.id, i.tenant, t.id, i.revision, i.settings, i.sealed
FROM inboxes i JOIN tenants t ON t.no = i.tenant AND t.deleted_at IS NULL
