-- Of one tenant, the newest first: by passes_by_tenant. Sessions have no link. Logos stay on disk.
SELECT
    p.kind, t.id, p.expires_at, p.key, NULL, p.link, p.read_only, p.theme, NULL
FROM passes p JOIN tenants t ON t.no = p.tenant
WHERE p.tenant = ?1 AND p.link < ?2 AND p.expires_at > ?3
ORDER BY p.link DESC
LIMIT ?4
