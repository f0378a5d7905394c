-- What is kept of a tenant's subscriptions, with what each of them does to what waits: primary
-- keys alone.
SELECT b.subscription, b.pending, b.retrying, b.failed,
    coalesce(s.status >= 2, 0), s.deleted_at IS NOT NULL
FROM backlog b LEFT JOIN subscriptions s ON s.id = b.subscription
WHERE b.tenant = ?1 AND (?2 IS NULL OR b.subscription = ?2)
