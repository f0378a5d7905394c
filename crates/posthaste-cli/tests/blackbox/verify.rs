//! Why a signature fails, told to whoever checks one: on the command line and over the API.

use serde_json::{Value, json};

use crate::{api::text, cli, server::Server, sink::Sink};

const SCHEMES: [&str; 3] = ["standard", "pt", "x-webhook"];

/// A request as a receiver got it.
struct Received {
    server: Server,
    secret: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Received {
    fn one() -> Self {
        let (server, sink) = (Server::start(), Sink::start());
        let client = server.client();
        let secret = text(&client.subscribe(&sink.url(), json!({})), "secret");
        client.publish("a.b", json!({"n": 1, "m": [1, 2]}));
        let arrival = sink.wait_for(1).remove(0);
        let (headers, body) = (arrival.headers(), arrival.text());
        Self {
            server,
            secret,
            headers,
            body,
        }
    }

    /// The lines of `posthaste --json verify`, a scheme each.
    #[track_caller]
    fn told(&self, secret: &str, body: &str, more: &[&str], code: i32) -> Vec<Value> {
        let headers = self.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let mut arguments = vec!["--json", "verify", "--secret", secret];
        arguments.extend(headers.iter().flat_map(|header| ["-H", header]));
        arguments.extend_from_slice(more);
        let said = cli::check(&self.server, &arguments, body, code);
        let lines = said.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().expect("lines of JSON")
    }

    /// Every scheme's reason and hints hold this, here and in the API's answer.
    #[track_caller]
    fn check(&self, secret: &str, body: &str, expected: &str) {
        let told = self.told(secret, body, &[], 1);
        assert_eq!(told.len(), SCHEMES.len());
        for (line, scheme) in told.iter().zip(SCHEMES) {
            assert_eq!(
                (&line["scheme"], &line["valid"]),
                (&json!(scheme), &json!(false))
            );
            let all = format!("{} {}", line["reason"], line["hints"]);
            assert!(all.contains(expected), "{scheme}: {all}");
            let headers: Value = self
                .headers
                .iter()
                .map(|(n, v)| (n.clone(), json!(v)))
                .collect();
            let asked =
                json!({"scheme": scheme, "secret": secret, "headers": headers, "body": body});
            let answer = self.server.client().post("/verify", &asked, 200);
            assert_eq!(answer["valid"], false);
            let reason = text(&answer, "reason");
            assert!(reason.contains(expected), "{scheme}: {reason}");
        }
    }
}

#[test]
fn a_failed_signature_says_what_was_changed() {
    let received = Received::one();
    let (secret, body) = (received.secret.as_str(), received.body.as_str());
    let valid = received.told(secret, body, &[], 0);
    assert!(
        valid
            .iter()
            .all(|line| line["valid"] == true && line["reason"].is_null())
    );
    received.check(
        secret,
        &format!("{body}\n"),
        "without the newline at the body's end",
    );
    let spaced = body.replace(",\"", ", \"").replace("\":", "\": ");
    assert_ne!(spaced, body);
    received.check(secret, &spaced, "with the body's JSON in compact form");
    received.check("another secret of ours", body, "it is the secret");
    received.check(secret, &body.replace('1', "7"), "no signature matches");
    received.check(secret, &body[1..], "it was changed");
    received.check(secret, "", "the body is empty");
    let bare = secret.strip_prefix("whsec_").unwrap();
    received.check(bare, body, "with whsec_ before the secret");
}

#[test]
fn a_late_request_is_told_from_a_wrong_one() {
    let received = Received::one();
    let (secret, body) = (received.secret.as_str(), received.body.as_str());
    let late = ["--at", "2099-01-01T00:00:00Z"];
    for (body, hint) in [
        (body, "the signature itself is right"),
        ("{}", "is not right either"),
    ] {
        let told = received.told(secret, body, &late, 1);
        for line in &told[..2] {
            let all = format!("{} {}", line["reason"], line["hints"]);
            assert!(all.contains(" s old") && all.contains(hint), "{all}");
        }
    }
    let told = received.told(
        secret,
        body,
        &["--scheme", "pt", "--at", "2020-01-01T00:00:00Z"],
        1,
    );
    assert!(text(&told[0], "reason").contains("in the future"));
}

#[test]
fn a_missing_header_names_what_is_there_instead() {
    let mut received = Received::one();
    received
        .headers
        .retain(|(name, _)| name.to_lowercase() != "webhook-signature");
    let (secret, body) = (received.secret.clone(), received.body.clone());
    let told = received.told(&secret, &body, &["--scheme", "standard"], 1);
    assert_eq!(
        text(&told[0], "reason"),
        "the header webhook-signature is missing"
    );
    let hints = told[0]["hints"].to_string();
    assert!(hints.contains("the scheme pt and verifies"), "{hints}");
}
