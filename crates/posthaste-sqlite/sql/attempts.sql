-- The earlier ones and the one in the row, each by primary key.
WITH delivery AS (
    SELECT d.* FROM deliveries d JOIN tenants t ON t.no = d.tenant
    WHERE d.id = ?1 AND t.id = ?2 AND t.deleted_at IS NULL
)
SELECT
    a.number, a.started_at, a.latency_us, a.status_code, a.error, a.request_headers,
    a.response_headers, a.response_body, a.provenance, a.timings
FROM delivery d JOIN attempts a ON a.delivery = d.id AND a.number IS NOT d.attempt
UNION ALL
SELECT
    attempt, started_at, latency_us, status_code, error, request_headers,
    response_headers, response_body, provenance, timings
FROM delivery WHERE attempt IS NOT NULL
ORDER BY 1
