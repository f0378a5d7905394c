-- Request bins, and what came to them.
CREATE TABLE inboxes (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    settings TEXT NOT NULL,    -- JSON, without what is secret
    sealed BLOB NOT NULL,      -- the token, and the secret that it verifies with
    newest INTEGER NOT NULL    -- the number of the last request that came
) STRICT;

CREATE INDEX inboxes_by_tenant ON inboxes (tenant, id);

CREATE TABLE arrivals (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    inbox INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,    -- what it weighs
    head BLOB NOT NULL,        -- sealed: all of the request but its body
    body BLOB NOT NULL         -- its beginning
) STRICT;

CREATE UNIQUE INDEX arrivals_by_inbox ON arrivals (tenant, inbox, number);
CREATE INDEX arrivals_by_time ON arrivals (at);
