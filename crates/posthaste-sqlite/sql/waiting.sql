-- A delivery and its event, each by primary key.
SELECT
    d.subscription, d.origin, d.made, d.spent, d.retry_at, d.format, d.batch,
    d.provenance,
    e.id, e.tenant, e.type, e.details, e.data, e.checksum
FROM deliveries d JOIN events e ON e.id = d.event
WHERE d.id = ?1
