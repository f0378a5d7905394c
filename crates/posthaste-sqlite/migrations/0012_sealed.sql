-- Secrets are sealed: what is secret of a subscription in one value, no longer in its settings; the
-- server's own in `meta`. The rows that are there are sealed by the program, in this transaction.
ALTER TABLE subscriptions ADD COLUMN sealed BLOB;

-- Of a tenant, wrapped by the master key; 0: the server's own. Without it nothing of it opens.
CREATE TABLE data_keys (tenant INTEGER PRIMARY KEY, wrapped BLOB NOT NULL) STRICT;

CREATE TRIGGER a_deleted_tenant_loses_its_key AFTER DELETE ON tenants
BEGIN DELETE FROM data_keys WHERE tenant = old.no; END;
CREATE TRIGGER a_tenant_that_is_a_number_alone_loses_its_key AFTER UPDATE OF created_at ON tenants
WHEN new.created_at IS NULL
BEGIN DELETE FROM data_keys WHERE tenant = old.no; END;
