-- A key and the event it made, each by primary key.
SELECT i.body, i.expires_at, e.id, e.type, e.details, length(e.subs) / 8
FROM idempotency i JOIN events e ON e.id = i.event
WHERE i.tenant = ?1 AND i.key = ?2
