-- What is left to say of a delivery that cannot be read, by primary key; its event may be missing.
SELECT d.event, d.tenant, d.subscription, d.made, d.spent, e.type
FROM deliveries d LEFT JOIN events e ON e.id = d.event
WHERE d.id = ?1
