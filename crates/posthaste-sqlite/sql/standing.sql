-- A delivery and what its subscription does to it, each by primary key. Nothing where its event is
-- gone.
SELECT
    d.state, d.retry_at IS NOT NULL,
    coalesce(s.status >= 2, 0), s.deleted_at IS NOT NULL,
    iif(d.line IS NULL, NULL, d.subscription)
FROM deliveries d
JOIN events e ON e.id = d.event
LEFT JOIN subscriptions s ON s.id = d.subscription
WHERE d.id = ?1 AND d.tenant = ?2
