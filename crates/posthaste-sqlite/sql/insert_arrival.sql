INSERT INTO arrivals (tenant, inbox, number, at, bytes, head, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
