//! Requests, and whether a receiver accepts them. The library's verifier says which of the vectors
//! are good, and its own tests hold it against what they say.

use data_encoding::BASE64;
use posthaste::{
    clock::{Clock, SystemClock, Timestamp},
    signature::{Algorithm, Scheme, Secret, Secrets, Signer, XWebhookHash, verify},
    transport::Headers,
};
use serde_json::Value;

/// What the receiver's environment holds.
pub const SECRET: &str = "whsec_jT5u10y3zAS7d1oRgkfQo3UkA4klx6SkX9iApfHWwRY=";
const PRIVATE: &str = "whsk_RnpNFwrpPHqjcwR0CNRWFETThPrDj3TfSNqKgOGul90=";
/// The public key of [`PRIVATE`].
pub const PUBLIC: &str = "whpk_D4o/HKi80zF0CSslSkeiAtea0/1CSQGVQqSf9f7uR7s=";
const NEXT_SECRET: &str = "whsec_8zUK9KRm2ZepkEB4wE+dRH/boUW1JAcc";
const NEXT_PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=";
const NEXT_PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

const BODY: &[u8] = br#"{"type":"order.paid","data":{"name":"Zo\u00eb","amount":1e400}}"#;
const SIGNED_S: i64 = 1_700_000_000;

/// A request, when it is looked at, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Case {
    pub why: String,
    pub secret: String,
    /// Unix seconds; none: by the receiver's own clock, with the secret of its environment.
    pub now_s: Option<i64>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub accepted: bool,
}

impl Case {
    fn refused(&self, why: &str, change: impl FnOnce(&mut Self)) -> Self {
        let mut case = self.clone();
        change(&mut case);
        case.why = why.to_owned();
        case.accepted = false;
        case
    }

    fn accepted(&self, why: &str, change: impl FnOnce(&mut Self)) -> Self {
        let mut case = self.refused(why, change);
        case.accepted = true;
        case
    }
}

/// All of one kind.
pub fn of(scheme: Scheme, algorithm: Algorithm) -> Vec<Case> {
    let keys = Keys::of(algorithm);
    let mut cases = signed(scheme, algorithm, &keys);
    cases.extend(timed(scheme, &cases[0]));
    cases.extend(by_the_clock(scheme, algorithm, &keys));
    cases.extend(vectors(scheme, algorithm));
    cases
}

/// What signs, what verifies it, and the same of the next secret.
struct Keys {
    signs: &'static str,
    verifies: &'static str,
    next_signs: &'static str,
    next_verifies: &'static str,
}

impl Keys {
    fn of(algorithm: Algorithm) -> Self {
        let (signs, verifies, next_signs, next_verifies) = match algorithm {
            Algorithm::Ed25519 => (PRIVATE, PUBLIC, NEXT_PRIVATE, NEXT_PUBLIC),
            Algorithm::Hmac(_) => (SECRET, SECRET, NEXT_SECRET, NEXT_SECRET),
        };
        Self {
            signs,
            verifies,
            next_signs,
            next_verifies,
        }
    }
}

fn sign(scheme: Scheme, algorithm: Algorithm, secrets: &Secrets, signed_s: i64) -> Case {
    let at = Timestamp::from_millis(signed_s * 1000);
    let mut headers = Headers::new();
    let signer = Signer::new(&[scheme], algorithm, secrets);
    signer.headers("evt_0123456789abc", signed_s, at, BODY, &mut headers);
    let written = |(name, value): (std::borrow::Cow<'_, str>, String)| (name.into_owned(), value);
    Case {
        why: "what is signed is accepted".to_owned(),
        secret: secrets.current.expose().to_owned(),
        now_s: Some(signed_s),
        headers: headers.into_iter().map(written).collect(),
        body: BODY.to_vec(),
        accepted: true,
    }
}

fn secret(text: &str) -> Secret {
    Secret::trusted(text.to_owned())
}

fn signed(scheme: Scheme, algorithm: Algorithm, keys: &Keys) -> Vec<Case> {
    let good = Case {
        secret: keys.verifies.to_owned(),
        ..sign(
            scheme,
            algorithm,
            &Secrets::new(secret(keys.signs)),
            SIGNED_S,
        )
    };
    let until = Timestamp::from_millis(i64::MAX);
    let rotated = Secrets::new(secret(keys.signs)).rotated(secret(keys.next_signs), until);
    let rotated = sign(scheme, algorithm, &rotated, SIGNED_S);
    let next = good.refused("another secret", |c| {
        c.secret = keys.next_verifies.to_owned();
    });
    let altered = good.refused("an altered body", |c| c.body[10] ^= 1);
    let longer = good.refused("a longer body", |c| c.body.push(b'\n'));
    let bare = good.refused("no headers", |c| c.headers.clear());
    let junk = good.refused("junk for headers", |c| {
        c.headers
            .iter_mut()
            .for_each(|(_, value)| *value = "v1,=t,\u{e9} ".to_owned());
    });
    let mut cases = vec![good, next, altered, longer, bare, junk];
    for key in [keys.verifies, keys.next_verifies] {
        cases.push(rotated.accepted("either secret while it is rotated", |c| {
            c.secret = key.to_owned();
        }));
    }
    if algorithm != Algorithm::Ed25519 {
        cases.push(cases[0].refused("an empty secret", |c| c.secret.clear()));
    }
    cases
}

fn timed(scheme: Scheme, good: &Case) -> Vec<Case> {
    if scheme == Scheme::XWebhook {
        return Vec::new();
    }
    let at = |offset_s: i64| move |case: &mut Case| case.now_s = Some(SIGNED_S + offset_s);
    vec![
        good.accepted("300 s old", at(300)),
        good.accepted("300 s ahead", at(-300)),
        good.refused("301 s old", at(301)),
        good.refused("301 s ahead", at(-301)),
        good.refused("a day old", at(86_400)),
    ]
}

/// As the receiver calls it: its own clock, its own environment.
fn by_the_clock(scheme: Scheme, algorithm: Algorithm, keys: &Keys) -> Vec<Case> {
    let now_s = SystemClock::new().wall().unix_seconds();
    let secrets = Secrets::new(secret(keys.signs));
    let signed_at = |at_s| {
        let case = sign(scheme, algorithm, &secrets, at_s);
        case.accepted("by the clock and the environment", |c| c.now_s = None)
    };
    let altered = signed_at(now_s).refused("altered, by the clock", |c| c.body[0] ^= 1);
    let mut cases = vec![signed_at(now_s), altered];
    if scheme != Scheme::XWebhook {
        cases.push(signed_at(now_s - 600).refused("old, by the clock", |_| {}));
    }
    cases
}

fn vectors(scheme: Scheme, algorithm: Algorithm) -> Vec<Case> {
    let all: Value = serde_json::from_str(include_str!(
        "../../../posthaste/tests/data/signature_vectors.json"
    ))
    .expect("JSON");
    let cases = match (scheme, algorithm) {
        (Scheme::Standard, Algorithm::Hmac(_)) => standard(&all),
        (Scheme::Standard, Algorithm::Ed25519) => list(&all["standard_webhooks_v1a"]["cases"])
            .map(|case| standard_case(case, "whpk"))
            .collect(),
        (Scheme::Pt, _) => pt(&all["x_pt_signature"]),
        (Scheme::XWebhook, Algorithm::Hmac(XWebhookHash::Sha512)) => Vec::new(),
        (Scheme::XWebhook, _) => x_webhook(&all["x_webhook_signature"]),
    };
    let judge = |mut case: Case| {
        let now = Timestamp::from_millis(case.now_s.unwrap_or_default() * 1000);
        let (hash, headers) = (algorithm.hash(), &case.headers);
        case.accepted = verify(scheme, hash, &case.secret, headers, &case.body, now).is_ok();
        case
    };
    cases.into_iter().map(judge).collect()
}

fn standard(all: &Value) -> Vec<Case> {
    let good = list(&all["standard_webhooks_v1"]["cases"]);
    let mut cases: Vec<Case> = good.map(|case| standard_case(case, "secret")).collect();
    let negative = &all["standard_webhooks_negative"];
    let mut baseline = negative.clone();
    baseline["signature"] = negative["baseline_signature"].clone();
    let baseline = standard_case(&baseline, "secret");
    for row in list(&negative["cases"]) {
        cases.push(baseline.refused(text(&row["why"]), |case| {
            case.now_s = row["now"].as_i64();
            let named = |(name, _): &&mut (String, String)| name == text(&row["replace"]);
            if let Some(header) = case.headers.iter_mut().find(named) {
                header.1 = text(&row["with"]).to_owned();
            }
        }));
    }
    cases
}

fn standard_case(case: &Value, key: &str) -> Case {
    let timestamp = case["timestamp"].as_i64().expect("seconds");
    let headers = [
        ("webhook-id", text(&case["id"]).to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", text(&case["signature"]).to_owned()),
    ];
    vector(case, text(&case[key]), timestamp, &headers)
}

fn pt(group: &Value) -> Vec<Case> {
    let named = |case: &Value| {
        let header = [("x-pt-signature", text(&case["X-PT-Signature"]).to_owned())];
        let at_s = case["timestamp"].as_i64().expect("seconds");
        vector(case, text(&case["secret_utf8"]), at_s, &header)
    };
    let mut cases: Vec<Case> = list(&group["cases"]).map(named).collect();
    let ascii = cases[0].clone();
    // We send lower case alone, which is all that a receiver has to read.
    let rows = list(&group["header_parsing"]).filter(|row| !text(&row["header"]).contains("=A5F9"));
    cases.extend(rows.map(|row| {
        ascii.refused(text(&row["why"]), |case| {
            case.now_s = row["now"].as_i64();
            case.headers[0].1 = text(&row["header"]).to_owned();
        })
    }));
    cases
}

fn x_webhook(group: &Value) -> Vec<Case> {
    let sorted = |case: &Value| {
        let mut sent = case.clone();
        if let Some(canonical) = case.get("sorted-compact") {
            sent["body_b64"] = canonical["canonical_b64"].clone();
            sent["X-Webhook-Signature"] = canonical["X-Webhook-Signature"].clone();
        }
        let header = text(&sent["X-Webhook-Signature"]).to_owned();
        vector(
            &sent,
            text(&case["secret_utf8"]),
            SIGNED_S,
            &[("x-webhook-signature", header)],
        )
    };
    list(&group["cases"]).map(sorted).collect()
}

fn vector(case: &Value, secret: &str, at_s: i64, headers: &[(&str, String)]) -> Case {
    let body = match case["body_b64"].as_str() {
        Some(base64) => BASE64.decode(base64.as_bytes()).expect("base64"),
        None => [b"{\"pad\":\"", "x".repeat(65_526).as_bytes(), b"\"}"].concat(),
    };
    let owned = |(name, value): &(&str, String)| ((*name).to_owned(), value.clone());
    Case {
        why: format!("vector {}", case["name"]),
        secret: secret.to_owned(),
        now_s: Some(at_s),
        headers: headers.iter().map(owned).collect(),
        body,
        accepted: true,
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
