-- Where a replay is by now, by primary key.
UPDATE replays SET
    after_event = ?2, within = ?3, progress = ?4, status = ?5, finished_at = ?6
WHERE id = ?1
