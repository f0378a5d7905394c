-- Deliveries and what they hang on, each by primary key; the caller adds which index leads there.
SELECT
    d.id, d.event, d.subscription, e.type, d.state, d.reason, d.retry_at, d.settled_at, d.made,
    d.spent, d.status_code, coalesce(d.last_error, d.error), d.origin, d.started_at,
    d.delivered_at, coalesce(s.status >= 2, 0), s.deleted_at IS NOT NULL,
    d.format, d.provenance, d.replay
FROM deliveries d
CROSS JOIN events e ON e.id = d.event
LEFT JOIN subscriptions s ON s.id = d.subscription
