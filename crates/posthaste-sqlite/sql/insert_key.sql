INSERT OR REPLACE INTO keys (
    id, hash, tenant, name, scopes, expires_at, created_at, last_used_at, allowed_ips
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
