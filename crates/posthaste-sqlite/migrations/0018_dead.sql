-- What dead letters are grouped by, so that they are counted from the index alone.
CREATE INDEX deliveries_dead ON deliveries (tenant, id, subscription, last_error, error)
WHERE state = 2;
