-- All but the one that stands in the delivery's row: by primary key.
SELECT
    number, started_at, latency_us, status_code, error, request_headers, response_headers,
    response_body, provenance, timings
FROM attempts
WHERE delivery = ?1 AND number IS NOT ?2
ORDER BY number
