//! What a later issue brings is not there yet, and says so plainly.

use serde_json::Value;

use crate::server::Server;

#[test]
fn routes_that_are_to_come_are_not_found() {
    let server = Server::start();
    let client = server.client();
    for (method, path) in [("GET", "/inbox")] {
        let answer = client.call(method, path, &Value::Null);
        let seen = (answer.status, answer.problem());
        assert_eq!(seen, (404, "not-found".to_owned()), "{method} {path}");
    }
}
