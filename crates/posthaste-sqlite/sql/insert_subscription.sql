INSERT INTO subscriptions (
    id, tenant, status, revision, created_at, updated_at, external_id, settings, sealed,
    paused_at
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, iif(?3 >= 2, ?6, NULL))
