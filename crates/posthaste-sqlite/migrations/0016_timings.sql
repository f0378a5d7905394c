-- How long each phase of an attempt took: a byte that says which there are, then their microseconds
-- as varints, some four bytes in all. NULL where nobody measured. Of a delivery it is its latest
-- attempt's, as the columns from `attempt` on.
ALTER TABLE deliveries ADD COLUMN timings BLOB;
ALTER TABLE attempts ADD COLUMN timings BLOB;
