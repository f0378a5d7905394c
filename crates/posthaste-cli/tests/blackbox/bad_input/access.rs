//! Rows about keys.

use crate::server::ADMIN_KEY;

use super::{Desk, Row};

const EVENT: &str = r#"{"type":"a.b","data":1}"#;

pub fn rows(desk: &Desk) -> Vec<Row> {
    let stranger = desk.server.stranger();
    let mut off = ADMIN_KEY.to_owned();
    off.replace_range(ADMIN_KEY.len() - 1.., "d");
    let strangers = [
        (41, stranger.clone()),
        (41, stranger.with("authorization", "Bearer")),
        (41, stranger.with("authorization", "Bearer ")),
        (41, stranger.with("authorization", "Basic eDp5")),
        (41, stranger.with_key(ADMIN_KEY).with_key(ADMIN_KEY)),
        (41, stranger.with_key(&"x".repeat(10 * 1024))),
        (42, stranger.with_key(&desk.revoked)),
        (42, stranger.with_key(&off)),
        (42, stranger.with_key(&ADMIN_KEY.replace("pst_", "pts_"))),
        (42, stranger.with_key(&ADMIN_KEY.to_uppercase())),
    ];
    let refused = strangers.iter().map(|(number, client)| {
        let row = desk.by(client, *number, EVENT);
        row.refused(401, "unauthenticated")
    });
    let reader = stranger.with_key(&desk.reader);
    let lacking = desk
        .by(&reader, 43, EVENT)
        .refused(403, "insufficient-scope");
    let lacking = lacking.holds(r#""required_scope":"events:publish""#);
    refused.chain([lacking]).collect()
}
