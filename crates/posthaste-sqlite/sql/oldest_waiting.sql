-- The first row of each half of deliveries_waiting that is the subscription's.
SELECT min(id) FROM (
    SELECT min(id) AS id FROM deliveries WHERE subscription = ?1 AND shelved = 0 AND state = 0
    UNION ALL
    SELECT min(id) AS id FROM deliveries WHERE subscription = ?1 AND shelved = 1 AND state = 0
)
