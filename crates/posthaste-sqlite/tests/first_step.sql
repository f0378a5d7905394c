-- What a program that knew the first step alone left behind: one event to one subscription, with
-- a delivery that arrived, one that is retrying, one on the shelf and one that is implied.
INSERT INTO meta VALUES ('server', x'0102030405060708'), ('cursor_key', zeroblob(32)), ('mark', 0);
INSERT INTO tenants VALUES (1, 'default', 'Default', 1);
INSERT INTO subscriptions VALUES (
    1024, 1, 0, NULL, 1, 1, 1, NULL,
    '{"url":"https://example.com/hook","description":"","events":["memory.*"],
      "schemes":["standard","pt","x-webhook"],"algorithm":"hmac-sha256",
      "secret":"a secret of sixteen bytes","retry":"default","timeout_ms":10000,"max_in_flight":32,
      "auto_pause_after":5,"format":"envelope","metadata":{}}'
);
INSERT INTO subscription_health VALUES (1024, 1, 2, 3, 4, 5);
INSERT INTO events VALUES (
    2048, 1, 'memory.created', 0,
    x'0000000000000400000000000000040000000000000004000000000000000400', NULL, x'7b7d'
);
INSERT INTO deliveries VALUES
    (2049, 2048, 1, 1024, 1, NULL, 0, 0, 1, 1, NULL, NULL, 0, 9, 9, NULL,
        1, 8, 1500, 200, NULL, 'a: b', 'c: d', x'6f6b'),
    (2050, 2048, 1, 1024, 0, NULL, 0, 0, 1, 1, 7, 7, 0, NULL, NULL, NULL,
        1, 8, 1500, 500, 'http 500', 'a: b', 'c: d', x''),
    (2051, 2048, 1, 1024, 0, NULL, 0, NULL, 0, 0, NULL, NULL, 1, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
