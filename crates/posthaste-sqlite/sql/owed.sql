-- An event, the subscriptions it matched, and whether a late delivery of it leads to one: primary keys
-- and deliveries_elsewhere. Nothing where the subscription is gone.
SELECT e.subs, EXISTS (
    SELECT 1 FROM deliveries d
    WHERE d.event = e.id AND (d.id >> 10) <> (d.event >> 10) AND d.subscription = ?2
)
FROM events e JOIN subscriptions s ON s.id = ?2
WHERE e.id = ?1 AND e.tenant = ?3 AND s.tenant = ?3 AND s.deleted_at IS NULL
