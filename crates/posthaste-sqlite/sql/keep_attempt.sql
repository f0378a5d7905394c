-- Before the row's attempt is overwritten by number ?2: by primary key.
INSERT OR REPLACE INTO attempts (
    delivery, number, started_at, latency_us, status_code, error, request_headers,
    response_headers, response_body, provenance, timings
)
SELECT
    id, attempt, started_at, latency_us, status_code, error, request_headers,
    response_headers, response_body, provenance, timings
FROM deliveries
WHERE id = ?1 AND attempt IS NOT NULL AND attempt <> ?2
