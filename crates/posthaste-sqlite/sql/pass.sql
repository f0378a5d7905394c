-- By its primary key. Those of a deleted tenant open nothing while they wait for their removal.
SELECT
    p.kind, t.id, p.expires_at, p.key, p.key_hash, p.link, p.read_only, p.theme, p.logo
FROM passes p LEFT JOIN tenants t ON t.no = p.tenant
WHERE p.digest = ?1 AND p.expires_at > ?2 AND t.deleted_at IS NULL
