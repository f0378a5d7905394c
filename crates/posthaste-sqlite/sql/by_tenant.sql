-- By primary key, backwards.
SELECT place FROM places_by_tenant
WHERE tenant = ?1 AND place < ?2
ORDER BY place DESC LIMIT ?3
