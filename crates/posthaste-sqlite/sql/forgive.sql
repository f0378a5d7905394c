-- By primary key: the counts begin again, the circuit closes, the times stay.
UPDATE subscription_health SET
    consecutive_failures = 0, failed_attempts_in_a_row = 0, probe_at = NULL, probe_wait_ms = NULL,
    wait_until = NULL
WHERE subscription = ?1
