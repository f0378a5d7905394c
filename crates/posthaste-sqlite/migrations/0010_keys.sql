-- Networks that a key may be used from, with spaces between them; NULL and empty are anywhere.
ALTER TABLE keys ADD COLUMN allowed_ips TEXT;
