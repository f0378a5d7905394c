-- Sorted by the caller, so that neighbours share a page; known ones come again after a crash.
INSERT OR IGNORE INTO places_by_tenant (tenant, place) VALUES (?1, ?2)
