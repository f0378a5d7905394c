INSERT INTO replays (
    id, tenant, key, body, plan, status, finished_at, after_event, within, progress
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
