-- By primary key, forwards.
SELECT place FROM places_by_tenant
WHERE tenant = ?1 AND place > ?2 AND place < ?3
ORDER BY place LIMIT ?4
