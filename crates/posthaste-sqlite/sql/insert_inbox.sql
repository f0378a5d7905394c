INSERT INTO inboxes (id, tenant, revision, settings, sealed, newest)
VALUES (?1, ?2, ?3, ?4, ?5, 0)
