-- The ends of primary keys: the newest event, its deliveries, and the newest of all else.
SELECT
    coalesce((SELECT max(id) FROM events), 0),
    coalesce((SELECT length(subs) / 8 FROM events ORDER BY id DESC LIMIT 1), 0),
    max(
        coalesce((SELECT max(id) FROM deliveries), 0),
        coalesce((SELECT max(id) FROM subscriptions), 0),
        coalesce((SELECT max(id) FROM keys), 0)
    )
