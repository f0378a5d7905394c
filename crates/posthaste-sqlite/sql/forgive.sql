-- By primary key: the counts begin again, the times stay.
UPDATE subscription_health SET consecutive_failures = 0, failed_attempts_in_a_row = 0
WHERE subscription = ?1
