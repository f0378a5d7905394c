-- By primary key, sorted by the caller; one that has expired is used anew.
INSERT OR REPLACE INTO idempotency (
    tenant, key, body, event, expires_at, type, details, deliveries
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
