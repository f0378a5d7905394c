-- The ends of primary keys: the newest event, its deliveries, and the newest of all else. Of
-- batches: the end of deliveries_in_batch.
SELECT
    coalesce((SELECT max(id) FROM events), 0),
    coalesce((SELECT length(subs) / 8 FROM events ORDER BY id DESC LIMIT 1), 0),
    max(
        coalesce((SELECT max(id) FROM deliveries), 0),
        coalesce((
            SELECT max(batch) FROM deliveries INDEXED BY deliveries_in_batch
            WHERE batch IS NOT NULL
        ), 0),
        coalesce((SELECT max(id) FROM subscriptions), 0),
        coalesce((SELECT max(id) FROM keys), 0),
        coalesce((SELECT max(id) FROM replays), 0),
        coalesce((SELECT max(id) FROM audit), 0),
        coalesce((
            SELECT max(link) FROM passes INDEXED BY passes_by_link WHERE link IS NOT NULL
        ), 0),
        coalesce((SELECT max(id) FROM inboxes), 0)
    )
