-- A key and the event it made, each by primary key. The event itself may be gone; it is asked only
-- where the key does not say what it was.
SELECT
    i.body, i.expires_at, i.event, coalesce(i.type, e.type),
    iif(i.type IS NULL, e.details, i.details), coalesce(i.deliveries, length(e.subs) / 8)
FROM idempotency i LEFT JOIN events e ON i.type IS NULL AND e.id = i.event
WHERE i.tenant = ?1 AND i.key = ?2 AND coalesce(i.type, e.type) IS NOT NULL
