INSERT INTO subscriptions (
    id, tenant, status, revision, created_at, updated_at, external_id, settings
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
