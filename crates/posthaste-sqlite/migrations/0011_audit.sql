-- Who changed or revealed what. Kept in the transaction of the change, and never changed: it is only
-- appended to, and let go of by age or with its tenant.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    tenant INTEGER,            -- NULL: the platform's log
    key INTEGER,               -- who acted; NULL where no key was shown
    key_name TEXT,
    platform INTEGER,          -- 1: one of the platform's keys
    address TEXT,
    request_id TEXT,
    action TEXT NOT NULL,
    object TEXT,
    details TEXT NOT NULL      -- a JSON object
) STRICT;

CREATE INDEX audit_by_tenant ON audit (tenant, id);

CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is never changed');
END;
