-- Newest first, by arrivals_by_inbox.
SELECT number, at, head, body FROM arrivals
WHERE tenant = ?1 AND inbox = ?2 AND number < ?3 ORDER BY number DESC LIMIT ?4
