-- By primary key.
INSERT OR REPLACE INTO subscription_health (
    subscription, unhealthy, consecutive_failures, failed_attempts_in_a_row, last_success_at,
    last_failure_at, probe_at, probe_wait_ms, wait_until
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
