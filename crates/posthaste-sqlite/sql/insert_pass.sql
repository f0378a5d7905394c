INSERT OR REPLACE INTO passes (
    digest, kind, tenant, expires_at, key, key_hash, link, read_only, theme, logo
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
