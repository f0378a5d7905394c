-- What random tokens open: sessions, the making of one, links into a tenant's portal. A token is
-- found by its SHA-256 and kept nowhere.
CREATE TABLE passes (
    digest BLOB PRIMARY KEY,
    kind INTEGER NOT NULL,     -- 0: a session, 1: a sign-in link, 2: a portal link
    tenant INTEGER,            -- NULL: the platform's
    expires_at INTEGER NOT NULL,
    key INTEGER,               -- whose session it is; of a portal link, who made it
    key_hash BLOB,
    link INTEGER,              -- the id of a portal link, and what it has
    read_only INTEGER,
    theme TEXT,                -- a JSON object
    logo TEXT                  -- a data: URI
) STRICT, WITHOUT ROWID;

CREATE INDEX passes_by_tenant ON passes (tenant, link);
CREATE INDEX passes_by_expiry ON passes (expires_at);
CREATE UNIQUE INDEX passes_by_link ON passes (link) WHERE link IS NOT NULL;

-- Whoever came through a portal link and showed no key.
ALTER TABLE audit ADD COLUMN portal_link INTEGER;
