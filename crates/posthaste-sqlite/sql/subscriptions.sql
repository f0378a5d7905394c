-- All that are not deleted; the caller adds what narrows it to one, by primary key.
SELECT
    s.id, t.id, s.status, s.revision, s.created_at, s.updated_at, s.external_id, s.settings,
    coalesce(h.unhealthy, 0), coalesce(h.consecutive_failures, 0),
    coalesce(h.failed_attempts_in_a_row, 0), h.last_success_at, h.last_failure_at,
    h.probe_at, h.probe_wait_ms, h.wait_until, s.tenant, s.sealed
FROM subscriptions s
JOIN tenants t ON t.no = s.tenant
LEFT JOIN subscription_health h ON h.subscription = s.id
WHERE s.deleted_at IS NULL AND t.deleted_at IS NULL
