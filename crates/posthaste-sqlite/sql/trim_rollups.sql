-- The oldest of an owner's that nobody can ask for any more, of a stretch of ?5 minutes at most.
DELETE FROM rollups
WHERE tenant = ?1 AND subscription = ?2 AND level = ?3 AND at < min(?4, ?5 + (
    SELECT min(at) FROM rollups WHERE tenant = ?1 AND subscription = ?2 AND level = ?3
))
