//! Every case of `signature_vectors.json`: what is signed byte for byte, and what a verifier
//! accepts and refuses.

use data_encoding::BASE64;
use posthaste::{
    WebhookSignature,
    clock::Timestamp,
    json::{DEPTH_MAX, check, sorted},
    signature::{
        PublicKey, Scheme, Secret, Secrets, Signer, SigningKey, VerifyFault, XWebhookHash, verify,
        verify_any,
    },
    transport::Headers,
};
use serde_json::Value;

const SHA256: XWebhookHash = XWebhookHash::Sha256;

fn vectors() -> Value {
    serde_json::from_str(include_str!("data/signature_vectors.json")).unwrap()
}

/// What a case signs to. Where the vectors carry another id's signature, it was computed anew by
/// others' code; the day the vectors are put right, this says so.
fn expected(group: &str, case: &Value) -> String {
    let recomputed = include_str!("data/signature_vectors_recomputed.json");
    let recomputed: Value = serde_json::from_str(recomputed).unwrap();
    let given = text(&case["signature"]);
    match recomputed[group].get(text(&case["name"])) {
        None => given.to_owned(),
        Some(anew) => {
            assert_ne!(given, text(anew), "no longer needed: {}", case["name"]);
            text(anew).to_owned()
        }
    }
}

fn list(value: &Value) -> &[Value] {
    let list = value.as_array().expect("a list");
    assert!(!list.is_empty());
    list
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn bytes(base64: &Value) -> Vec<u8> {
    BASE64.decode(text(base64).as_bytes()).unwrap()
}

fn body(case: &Value) -> Vec<u8> {
    let body = match case.get("body_b64") {
        Some(base64) => bytes(base64),
        None => [b"{\"pad\":\"", "x".repeat(65_526).as_bytes(), b"\"}"].concat(),
    };
    assert_eq!(Some(body.len() as u64), case["body_len"].as_u64());
    body
}

fn at(unix_s: &Value) -> Timestamp {
    Timestamp::from_millis(unix_s.as_i64().unwrap() * 1000)
}

fn secrets(newest_first: &[&str]) -> Secrets {
    let secret = |text: &str| Secret::trusted(text.to_owned());
    let until = Timestamp::from_millis(i64::MAX);
    Secrets {
        current: secret(newest_first[0]),
        previous: newest_first.get(1).map(|old| (secret(old), until)),
    }
}

/// What one scheme sends, and the value of its header.
fn sign(scheme: Scheme, secrets: &Secrets, id: &str, time: Timestamp, body: &[u8]) -> Headers {
    let mut headers = Headers::new();
    let signer = Signer::new(&[scheme], SHA256, secrets);
    signer.headers(id, time.unix_seconds(), time, body, &mut headers);
    headers
}

fn standard(id: &str, timestamp: &str, signature: &str) -> Vec<(&'static str, String)> {
    vec![
        ("Webhook-Id", id.to_owned()),
        ("Webhook-Timestamp", timestamp.to_owned()),
        ("Webhook-Signature", signature.to_owned()),
    ]
}

#[test]
fn standard_webhooks_v1() {
    for case in list(&vectors()["standard_webhooks_v1"]["cases"]) {
        let (secret, id, now) = (
            text(&case["secret"]),
            text(&case["id"]),
            at(&case["timestamp"]),
        );
        let headers = sign(Scheme::Standard, &secrets(&[secret]), id, now, &body(case));
        let expected = expected("standard_webhooks_v1", case);
        assert_eq!(headers[2].1, expected, "{}", case["name"]);
        let found = verify(Scheme::Standard, SHA256, secret, &headers, &body(case), now);
        assert_eq!(found, Ok(()), "{}", case["name"]);
    }
}

#[test]
fn standard_webhooks_during_a_rotation() {
    let vectors = vectors();
    let case = &vectors["standard_webhooks_v1"]["rotation"];
    let (id, now, body) = (text(&case["id"]), at(&case["timestamp"]), body(case));
    let both: Vec<&str> = list(&case["secrets_in_signing_order"])
        .iter()
        .map(text)
        .collect();
    let headers = sign(Scheme::Standard, &secrets(&both), id, now, &body);
    assert_eq!(headers[2].1, text(&case["webhook-signature"]));
    let judge = |secret| verify(Scheme::Standard, SHA256, secret, &headers, &body, now);
    for secret in list(&case["must_verify_with_any_of"]) {
        assert_eq!(judge(text(secret)), Ok(()));
    }
    let others: Vec<&str> = list(&case["must_not_verify_with"])
        .iter()
        .map(text)
        .collect();
    for secret in &others {
        assert_eq!(judge(secret), Err(VerifyFault::Mismatch));
    }
    let any =
        |secrets: &[&str]| verify_any(Scheme::Standard, SHA256, secrets, &headers, &body, now);
    assert_eq!(
        any(&[others[0], both[1]]),
        Ok(()),
        "a receiver with several secrets"
    );
    assert_eq!(any(&others), Err(VerifyFault::Mismatch));
    assert_eq!(any(&[]), Err(VerifyFault::EmptySecret));
}

#[test]
fn standard_webhooks_v1a() {
    for case in list(&vectors()["standard_webhooks_v1a"]["cases"]) {
        let (id, now, body) = (text(&case["id"]), at(&case["timestamp"]), body(case));
        let expected = expected("standard_webhooks_v1a", case);
        let whsk = text(&case["whsk_64 (seed||public, as svix emits)"]);
        let public: PublicKey = text(&case["whpk"]).parse().unwrap();
        for given in [whsk, text(&case["whsk_32 (seed only; accept on import)"])] {
            let key: SigningKey = given.parse().unwrap();
            assert_eq!(key.expose().as_str(), whsk);
            assert_eq!(key.public_key(), public);
            let signature = key.sign(id, now.unix_seconds(), &body);
            assert_eq!(signature, expected, "{}", case["name"]);
        }
        let headers = standard(id, &now.unix_seconds().to_string(), &expected);
        let whpk = text(&case["whpk"]);
        assert_eq!(
            verify(Scheme::Standard, SHA256, whpk, &headers, &body, now),
            Ok(())
        );
        let changed = [&body[..], b" "].concat();
        let found = verify(Scheme::Standard, SHA256, whpk, &headers, &changed, now);
        assert_eq!(found, Err(VerifyFault::Mismatch));
    }
}

#[test]
fn v1_and_v1a_stand_side_by_side_and_each_key_reads_its_own() {
    let vectors = vectors();
    let case = &vectors["standard_webhooks_v1a"]["mixed_v1_and_v1a"];
    let (id, now, body) = (text(&case["id"]), at(&case["timestamp"]), body(case));
    let both = text(&case["webhook-signature"]);
    let (v1, v1a) = both.split_once(' ').unwrap();
    let judge = |secret, signature| {
        let headers = standard(id, &now.unix_seconds().to_string(), signature);
        verify(Scheme::Standard, SHA256, secret, &headers, &body, now)
    };
    let (secret, public) = (text(&case["secret"]), text(&case["whpk"]));
    assert_eq!(judge(secret, both), Ok(()));
    assert_eq!(judge(public, both), Ok(()));
    assert!(matches!(
        judge(secret, v1a),
        Err(VerifyFault::NoSignature { .. })
    ));
    assert!(matches!(
        judge(public, v1),
        Err(VerifyFault::NoSignature { .. })
    ));
}

#[test]
fn standard_webhooks_that_must_be_refused() {
    let vectors = vectors();
    let given = &vectors["standard_webhooks_negative"];
    let body = body(given);
    for case in list(&given["cases"]) {
        let mut headers = standard(
            text(&given["id"]),
            &given["timestamp"].to_string(),
            text(&given["baseline_signature"]),
        );
        if let Some(with) = case["with"].as_str() {
            let named =
                |(name, _): &&mut (&str, String)| name.eq_ignore_ascii_case(text(&case["replace"]));
            headers.iter_mut().find(named).expect("a header").1 = with.to_owned();
        }
        let (secret, now) = (text(&given["secret"]), at(&case["now"]));
        let found = verify(Scheme::Standard, SHA256, secret, &headers, &body, now);
        assert_eq!(
            Some(found.is_ok()),
            case["accept"].as_bool(),
            "{}",
            case["why"]
        );
    }
}

#[test]
fn x_pt() {
    for case in list(&vectors()["x_pt_signature"]["cases"]) {
        let (secret, now) = (text(&case["secret_utf8"]), at(&case["timestamp"]));
        let headers = sign(Scheme::Pt, &secrets(&[secret]), "evt_1", now, &body(case));
        assert_eq!(
            headers[2].1,
            text(&case["X-PT-Signature"]),
            "{}",
            case["name"]
        );
        let found = verify(Scheme::Pt, SHA256, secret, &headers, &body(case), now);
        assert_eq!(found, Ok(()), "{}", case["name"]);
        let other = case.as_object().unwrap().iter().find(|(name, _)| {
            name.starts_with("variant_dot") || name.starts_with("same_secret_base64")
        });
        let headers = [("X-PT-Signature", text(other.unwrap().1))];
        let found = verify(Scheme::Pt, SHA256, secret, &headers, &body(case), now);
        assert_eq!(found, Err(VerifyFault::Mismatch), "another sender's habit");
    }
}

#[test]
fn x_pt_headers_are_read_strictly() {
    let vectors = vectors();
    let given = &vectors["x_pt_signature"];
    let ascii = list(&given["cases"])
        .iter()
        .find(|case| case["name"] == "ascii");
    let body = body(ascii.unwrap());
    for case in list(&given["header_parsing"]) {
        assert_eq!(case["body"], "ascii");
        let headers = [("X-PT-Signature", text(&case["header"]))];
        let (secret, now) = (text(&case["secret_utf8"]), at(&case["now"]));
        let found = verify(Scheme::Pt, SHA256, secret, &headers, &body, now);
        assert_eq!(
            Some(found.is_ok()),
            case["accept"].as_bool(),
            "{}",
            case["why"]
        );
    }
}

#[test]
fn x_pt_has_one_reading_although_it_has_no_separator() {
    let vectors = vectors();
    let given = &vectors["x_pt_signature"]["ambiguity"];
    for split in list(&given["splits"]) {
        let header = format!("t={},v1={}", text(&split["t"]), text(&given["mac"]));
        let (secret, body) = (text(&given["secret_utf8"]), text(&split["body"]).as_bytes());
        // Each split is tried at its own time, so that it is the form that refuses and not the age.
        let now = Timestamp::from_millis(text(&split["t"]).parse::<i64>().unwrap() * 1000);
        let found = verify(
            Scheme::Pt,
            SHA256,
            secret,
            &[("x-pt-signature", header)],
            body,
            now,
        );
        assert_eq!(Some(found.is_ok()), split["accept"].as_bool(), "{split}");
    }
}

#[test]
fn x_pt_during_a_rotation() {
    let vectors = vectors();
    let case = &vectors["x_pt_signature"]["rotation"];
    let both: Vec<&str> = list(&case["secrets"]).iter().map(text).collect();
    let now = at(&case["timestamp"]);
    let headers = sign(Scheme::Pt, &secrets(&both), "evt_1", now, &body(case));
    assert_eq!(headers[2].1, text(&case["X-PT-Signature"]));
    for secret in both {
        let found = verify(Scheme::Pt, SHA256, secret, &headers, &body(case), now);
        assert_eq!(found, Ok(()));
    }
}

#[test]
fn x_webhook() {
    let now = Timestamp::from_millis(0);
    for case in list(&vectors()["x_webhook_signature"]["cases"]) {
        let (body, expected) = match case.get("sorted-compact") {
            None => (body(case), &case["X-Webhook-Signature"]),
            Some(form) => {
                let input = bytes(&case["input_b64"]);
                assert_eq!(check(&input, DEPTH_MAX), Ok(()), "{}", case["name"]);
                assert_eq!(
                    sorted(&input),
                    bytes(&form["canonical_b64"]),
                    "{}",
                    case["name"]
                );
                (bytes(&form["canonical_b64"]), &form["X-Webhook-Signature"])
            }
        };
        let secret = text(&case["secret_utf8"]);
        let headers = sign(Scheme::XWebhook, &secrets(&[secret]), "evt_1", now, &body);
        assert_eq!(headers[2].1, text(expected), "{}", case["name"]);
        let found = verify(Scheme::XWebhook, SHA256, secret, &headers, &body, now);
        assert_eq!(found, Ok(()), "{}", case["name"]);
        assert!(WebhookSignature::verify(
            &body,
            text(expected),
            secret,
            SHA256
        ));
    }
}

#[test]
fn what_has_no_one_meaning_is_refused_before_it_is_signed() {
    for case in list(&vectors()["x_webhook_signature"]["must_reject_before_signing"]) {
        let input = bytes(&case["input_b64"]);
        assert!(check(&input, DEPTH_MAX).is_err(), "{}", case["why"]);
    }
}

#[test]
fn githubs_signature_is_x_webhooks_under_another_name() {
    let vectors = vectors();
    let case = &vectors["other_schemes_for_reference"]["github"];
    let (signature, secret) = (
        text(&case["X-Hub-Signature-256"]),
        text(&case["secret_utf8"]),
    );
    assert!(WebhookSignature::verify(
        &body(case),
        signature,
        secret,
        SHA256
    ));
}

#[test]
fn a_fault_says_why() {
    #[track_caller]
    fn says(scheme: Scheme, secret: &str, headers: &[(&str, &str)], why: &str) {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let fault = verify(scheme, SHA256, secret, headers, b"{}", now).unwrap_err();
        assert_eq!(fault.to_string(), why);
    }
    says(
        Scheme::Pt,
        "secret",
        &[],
        "the header x-pt-signature is missing",
    );
    let old = [("X-PT-Signature", "t=1699999000,v1=00")];
    says(
        Scheme::Pt,
        "secret",
        &old,
        "the timestamp is 1000 s old; at most 300 s are allowed",
    );
    let ahead = [("X-PT-Signature", "t=1700000301")];
    says(
        Scheme::Pt,
        "secret",
        &ahead,
        "the timestamp is 301 s in the future; at most 300 s are allowed",
    );
    let form = [("X-Webhook-Signature", "sha512=00")];
    says(
        Scheme::XWebhook,
        "secret",
        &form,
        "no whole sha256 signature in x-webhook-signature",
    );
    says(Scheme::XWebhook, "", &form, "the secret is empty");
}
