-- One log, the newest first: by audit_by_tenant. `IS` finds the platform's, whose tenant is NULL.
SELECT
    id, key, key_name, platform, address, request_id, action, object, details, portal_link
FROM audit
WHERE tenant IS ?1 AND id >= ?2 AND id < ?3
ORDER BY id DESC
LIMIT ?4
