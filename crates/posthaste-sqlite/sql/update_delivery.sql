-- A later settlement, by primary key; the same parameters as insert_delivery. Without an attempt
-- the latest one stays; the first success stays for good.
UPDATE deliveries SET
    subscription = ?4, state = ?5, reason = ?6, origin = ?7, format = ?8, made = ?9, spent = ?10,
    retry_at = ?11, due_at = ?12, shelved = ?13, settled_at = ?14,
    line = ?25, batch = ?26,
    delivered_at = coalesce(delivered_at, ?15),
    last_error = iif(?16 IS NULL AND ?17 IS NULL, last_error, ?16),
    attempt = coalesce(?17, attempt),
    started_at = iif(?17 IS NULL, started_at, ?18),
    latency_us = iif(?17 IS NULL, latency_us, ?19),
    status_code = iif(?17 IS NULL, status_code, ?20),
    error = iif(?17 IS NULL, error, ?21),
    request_headers = iif(?17 IS NULL, request_headers, ?22),
    response_headers = iif(?17 IS NULL, response_headers, ?23),
    response_body = iif(?17 IS NULL, response_body, ?24),
    provenance = iif(?17 IS NULL, provenance, ?27),
    timings = iif(?17 IS NULL, timings, ?28)
WHERE id = ?1 AND event = ?2 AND tenant = ?3
