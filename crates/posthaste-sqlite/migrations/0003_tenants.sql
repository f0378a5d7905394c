-- A tenant's own limits and kind of catalogue, as JSON; NULL is all defaults.
ALTER TABLE tenants ADD COLUMN settings TEXT;
