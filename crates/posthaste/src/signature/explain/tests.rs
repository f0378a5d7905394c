//! Each way of missing it, and what a developer reads then.

use super::*;
use crate::{
    signature::{Secret, Secrets, Signer, WebhookSignature},
    transport::Headers,
};

const NOW: Timestamp = Timestamp::from_millis(1_795_293_360_123);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const BODY: &[u8] = br#"{"id":42,"name":"Ada \" Lovelace"}"#;

/// The headers of an honest request, under every scheme.
fn signed(secret: &str, body: &[u8], at: Timestamp) -> Headers {
    let secrets = Secrets::new(Secret::trusted(secret.to_owned()));
    let signer = Signer::new(Scheme::ALL, XWebhookHash::Sha256, &secrets);
    let mut headers = Headers::new();
    signer.headers("evt_1", at.unix_seconds(), at, body, &mut headers);
    headers
}

fn explained(
    scheme: Scheme,
    secret: &str,
    headers: &[(impl AsRef<str>, impl AsRef<str>)],
    body: &[u8],
) -> String {
    let explained = explain(scheme, XWebhookHash::Sha256, secret, headers, body, NOW);
    explained.map_or_else(|why| why.to_string(), |()| "valid".to_owned())
}

/// Under every scheme, of what was signed with the secret and `sent`.
#[track_caller]
fn check(sent: &[u8], secret: &str, received: &[u8], expected: &str) {
    let headers = signed(SECRET, sent, NOW);
    for &scheme in Scheme::ALL {
        let found = explained(scheme, secret, &headers, received);
        assert!(found.ends_with(expected), "{scheme:?}: {found}");
    }
}

#[test]
fn a_body_that_something_touched_is_recognised() {
    let with = |end: &[u8]| [BODY, end].concat();
    check(BODY, SECRET, BODY, "valid");
    let taken_off = "it verifies without the newline at the body's end";
    check(BODY, SECRET, &with(b"\n"), taken_off);
    check(BODY, SECRET, &with(b"\r\n"), taken_off);
    check(
        &with(b"\n"),
        SECRET,
        BODY,
        "with a newline at the body's end",
    );
    let pretty = b"{\n  \"id\": 42,\n  \"name\": \"Ada \\\" Lovelace\"\n}\n";
    let again = "(it was parsed and written again: verify the bytes as they came)";
    check(
        BODY,
        SECRET,
        pretty,
        &format!("JSON in compact form {again}"),
    );
    let turned = br#"{"name": "Ada \" Lovelace", "id": 42}"#;
    check(BODY, SECRET, turned, &format!("its keys sorted {again}"));
    check(
        b"a\nb",
        SECRET,
        b"a\r\nb",
        "with the body's line ends as LF",
    );
    check(
        b"a\r\nb",
        SECRET,
        b"a\nb",
        "with the body's line ends as CRLF",
    );
    let marked = b"\xef\xbb\xbf{}";
    check(
        b"{}",
        SECRET,
        marked,
        "without the byte order mark before the body",
    );
    check(BODY, SECRET, b"", "the body is empty: was it read before?");
    check(BODY, SECRET, b"{}", "or what was signed was changed");
}

#[test]
fn a_body_and_a_secret_are_told_apart_by_the_length_that_was_sent() {
    let mut headers = signed(SECRET, BODY, NOW);
    headers.push(("content-length".into(), BODY.len().to_string()));
    let other = SECRET.replace("MfKQ", "NfKQ");
    let found = explained(Scheme::XWebhook, &other, &headers, BODY);
    assert!(
        found.ends_with("if nothing in it was replaced, it is the secret"),
        "{found}"
    );
    let found = explained(Scheme::XWebhook, SECRET, &headers, b"{}");
    assert!(
        found.ends_with("the body has 2 bytes and content-length says 34: it was changed"),
        "{found}"
    );
}

#[test]
fn another_reading_of_the_secret_is_recognised() {
    let spaced = format!(" {SECRET}\n");
    let trimmed = "it verifies with the white space around the secret taken off";
    check(BODY, &spaced, BODY, trimmed);
    let bare = SECRET.strip_prefix("whsec_").unwrap();
    check(
        BODY,
        bare,
        BODY,
        "it verifies with whsec_ before the secret",
    );
    let both = format!("{}\n", String::from_utf8_lossy(BODY));
    let two = "with whsec_ before the secret and without the newline at the body's end";
    check(BODY, bare, both.as_bytes(), two);
    check(
        BODY,
        "pst_0123",
        BODY,
        "shown by `posthaste subscriptions secret`",
    );
}

/// A signature by hand, as a sender of one's own may get it wrong.
fn by_hand(key: &[u8], content: &[u8]) -> Vec<u8> {
    super::super::mac::Keyed::new(XWebhookHash::Sha256, key)
        .tag(&[content])
        .to_vec()
}

#[track_caller]
fn check_sent(scheme: Scheme, headers: &[(&str, String)], expected: &str) {
    let mut all = vec![
        ("webhook-id", "evt_1".to_owned()),
        ("webhook-timestamp", NOW.unix_seconds().to_string()),
    ];
    all.extend_from_slice(headers);
    let found = explained(scheme, SECRET, &all, BODY);
    assert!(found.contains(expected), "{found}");
}

#[test]
fn a_sender_that_signs_otherwise_is_recognised() {
    use data_encoding::{BASE64, HEXLOWER};
    let time = NOW.unix_seconds().to_string();
    let content = |with: &str| [with.as_bytes(), BODY].concat();
    let key = BASE64.decode(&SECRET.as_bytes()[6..]).unwrap();
    let standard = content(&format!("evt_1.{time}."));
    let v1 = |key: &[u8], content: &[u8]| {
        [(
            "webhook-signature",
            format!("v1,{}", BASE64.encode(&by_hand(key, content))),
        )]
    };
    let text = SECRET.as_bytes();
    let undecoded = "with the secret's text as the key (standard takes the base64-decoded";
    check_sent(Scheme::Standard, &v1(text, &standard), undecoded);
    let behind = "with the text behind whsec_ as the key";
    check_sent(Scheme::Standard, &v1(&text[6..], &standard), behind);
    check_sent(
        Scheme::Standard,
        &v1(&key, BODY),
        "as a signature of {body} alone",
    );
    let hex = format!("v1,{}", HEXLOWER.encode(&by_hand(&key, &standard)));
    let as_hex = "with its header read as hex (standard writes base64)";
    check_sent(Scheme::Standard, &[("webhook-signature", hex)], as_hex);

    let pt = |value: String| [("x-pt-signature", format!("t={time},v1={value}"))];
    let dotted = pt(HEXLOWER.encode(&by_hand(text, &content(&format!("{time}.")))));
    let separator = "as a signature of {timestamp}.{body} (pt signs {timestamp}{body}, without";
    check_sent(Scheme::Pt, &dotted, separator);
    let decoded = pt(HEXLOWER.encode(&by_hand(&key, &content(&time))));
    let decoded_key =
        "with the base64-decoded bytes behind whsec_ as the key (this scheme takes the whole";
    check_sent(Scheme::Pt, &decoded, decoded_key);
    let base64 = pt(BASE64.encode(&by_hand(text, &content(&time))));
    check_sent(
        Scheme::Pt,
        &base64,
        "with its header read as base64 (pt writes hex",
    );

    let bare = WebhookSignature::sign(BODY, SECRET, XWebhookHash::Sha256);
    let bare = [("x-webhook-signature", bare)];
    let prefix = "it verifies with sha256= before the signature";
    check_sent(Scheme::XWebhook, &bare, prefix);
    let longer = WebhookSignature::sign(BODY, SECRET, XWebhookHash::Sha512);
    let longer = [("x-webhook-signature", format!("sha256={longer}"))];
    check_sent(Scheme::XWebhook, &longer, "with SHA-512 instead of SHA-256");
}

#[test]
fn a_timestamp_is_judged_apart_from_its_signature() {
    let late = Timestamp::from_millis(NOW.as_millis() - 400_000);
    let headers = signed(SECRET, BODY, late);
    let found = explained(Scheme::Standard, SECRET, &headers, BODY);
    assert!(found.starts_with("the timestamp is 400 s old"), "{found}");
    assert!(found.contains("the signature itself is right"), "{found}");
    let found = explained(Scheme::Pt, SECRET, &headers, b"{}");
    assert!(
        found.contains("the signature is not right either: no signature"),
        "{found}"
    );
    let ahead = Timestamp::from_millis(NOW.as_millis() + 400_000);
    let found = explained(Scheme::Pt, SECRET, &signed(SECRET, BODY, ahead), BODY);
    assert!(
        found.starts_with("the timestamp is 400 s in the future"),
        "{found}"
    );
    let ms = NOW.as_millis().to_string();
    let headers = [
        ("webhook-id", "evt_1"),
        ("webhook-timestamp", &ms),
        ("webhook-signature", "v1,AAAA"),
    ];
    let found = explained(Scheme::Standard, SECRET, &headers, BODY);
    assert!(
        found.ends_with("milliseconds, and seconds are expected"),
        "{found}"
    );
}

#[test]
fn what_a_request_carries_instead_is_named() {
    let mut headers = signed(SECRET, BODY, NOW);
    headers.retain(|(name, _)| *name == *"x-pt-signature");
    let found = explained(Scheme::XWebhook, SECRET, &headers, BODY);
    let pt = "it carries x-pt-signature, which is the scheme pt and verifies";
    assert_eq!(
        found,
        format!("the header x-webhook-signature is missing; {pt}")
    );
    let foreign = [("X-Hub-Signature-256", "sha256=00")];
    let found = explained(Scheme::XWebhook, SECRET, &foreign, BODY);
    assert!(
        found.ends_with("x-hub-signature-256, which is none of our schemes"),
        "{found}"
    );
    let v1a = [("webhook-signature", "v1a,AAAA".to_owned())];
    check_sent(Scheme::Standard, &v1a, "the sender's public key, whpk_…");
}
