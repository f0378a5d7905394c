-- A tenant's catalogue: `versions` is a JSON object from version to JSON Schema, `example` is JSON.
CREATE TABLE event_types (
    tenant INTEGER NOT NULL,
    name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    description TEXT NOT NULL,
    example TEXT,
    versions TEXT NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT;
