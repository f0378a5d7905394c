-- Sorted by the caller, so that an owner's share a page.
INSERT OR REPLACE INTO rollups (tenant, subscription, level, at, counts) VALUES (?1, ?2, ?3, ?4, ?5)
