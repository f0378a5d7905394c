-- Replays with their tenants' names; the caller adds which index leads there.
SELECT
    r.id, t.id, r.key, r.body, r.plan, r.status, r.finished_at, r.after_event, r.within, r.progress
FROM replays r JOIN tenants t ON t.no = r.tenant AND t.deleted_at IS NULL
