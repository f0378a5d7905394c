-- The first row of a delivery. Appends, nearly: outcomes come about in the order of their ids.
INSERT INTO deliveries (
    id, event, tenant, subscription, state, reason, origin, format, made, spent, retry_at, due_at,
    shelved, settled_at, delivered_at, last_error, attempt, started_at, latency_us, status_code,
    error, request_headers, response_headers, response_body, line,
    batch, provenance, timings
)
VALUES (
    ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,
    ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
    ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28
)
