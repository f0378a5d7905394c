-- What was attempted of one place: a range of the primary key. The columns from `attempt` on are
-- those of attempts.sql.
SELECT
    attempt, started_at, latency_us, status_code, error, request_headers, response_headers,
    response_body, provenance, timings, id, event, subscription, format
FROM deliveries
WHERE id > ?1 AND id <= ?2 AND id < ?3 AND tenant = ?4 AND made > 0
ORDER BY id
