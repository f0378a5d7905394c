INSERT INTO audit (
    id, tenant, key, key_name, platform, address, request_id, action, object, details,
    portal_link
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
