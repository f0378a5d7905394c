-- The first to end first, a few at a time: by passes_by_expiry.
DELETE FROM passes
WHERE digest IN (
    SELECT digest FROM passes WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2
)
