-- Deleting a tenant is a job: it is marked, and what it has goes in small steps; its row goes last.

ALTER TABLE tenants ADD COLUMN deleted_at INTEGER;

CREATE INDEX subscriptions_by_tenant ON subscriptions (tenant);
CREATE INDEX keys_by_tenant ON keys (tenant);
