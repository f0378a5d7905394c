-- CRC-32 of an event as it is sent: its id, type, details and data. NULL in events from before.
ALTER TABLE events ADD COLUMN checksum INTEGER;
