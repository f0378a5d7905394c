-- The link of an attempt in its delivery's chain: 32 bytes; NULL in what was attempted before there
-- were chains. Of a delivery it is its latest attempt's, as the columns from `attempt` on.
ALTER TABLE deliveries ADD COLUMN provenance BLOB;
ALTER TABLE attempts ADD COLUMN provenance BLOB;
