-- The whole table, of which only the first columns are read.
SELECT state, count(*) FROM deliveries WHERE tenant = ?1 AND state > 0 GROUP BY state
