-- All of them: there are few.
SELECT
    k.id, k.hash, t.id, k.name, k.scopes, k.expires_at, k.created_at, k.last_used_at,
    k.allowed_ips
FROM keys k LEFT JOIN tenants t ON t.no = k.tenant
WHERE t.deleted_at IS NULL
ORDER BY k.id
