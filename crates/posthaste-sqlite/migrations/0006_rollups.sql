-- What became of deliveries, counted by the minute and by the hour.

-- Counts of settle groups that are not in the table below yet, each written with its group.
CREATE TABLE rollup_log (seq INTEGER PRIMARY KEY, counts BLOB NOT NULL) STRICT;

-- Fed from the log, in slices; `meta` says how far. Times are minutes since 1970.
CREATE TABLE rollups (
    tenant INTEGER NOT NULL,
    subscription INTEGER NOT NULL,  -- -1: the tenant as a whole
    level INTEGER NOT NULL,         -- 0 minutes, 1 hours
    at INTEGER NOT NULL,
    counts BLOB NOT NULL,
    PRIMARY KEY (tenant, subscription, level, at)
) STRICT, WITHOUT ROWID;
