//! Secrets and key pairs as text: which are taken, what they sign, and that none shows itself.

use data_encoding::BASE64;
use posthaste::{
    clock::Timestamp,
    signature::{
        PublicKey, Scheme, Secret, SigningKey, XWebhookHash,
        header::{WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP},
        verify,
    },
};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_999);

pub fn judge(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    shared(text);
    if let Ok(key) = text.parse::<SigningKey>() {
        pair(text, &key);
    }
    if let Ok(key) = text.parse::<PublicKey>() {
        assert_eq!(key.to_string().parse(), Ok(key));
        assert!(key.to_string().starts_with("whpk_") && text.starts_with("whpk_"));
    }
}

fn shared(text: &str) {
    let trusted = Secret::trusted(text.to_owned());
    let decoded = trusted.standard_key();
    let own_bytes = decoded
        .as_ref()
        .is_ok_and(|key| key.as_slice() == text.as_bytes());
    assert_eq!(own_bytes, !text.starts_with("whsec_"), "{text:?}");
    let Ok(secret) = text.parse::<Secret>() else {
        return;
    };
    assert_eq!(secret.expose(), text);
    assert!((16..=512).contains(&text.len()) && !text.starts_with("whsk_"));
    assert!(!text.chars().any(char::is_control), "{text:?}");
    if let Some(base64) = text.strip_prefix("whsec_") {
        let key = decoded.expect("it was taken");
        assert!((24..=64).contains(&key.len()));
        let again = BASE64.encode(&key);
        assert_eq!(again.trim_end_matches('='), base64.trim_end_matches('='));
    }
}

fn pair(text: &str, key: &SigningKey) {
    let whole = key.expose();
    assert!(text.starts_with("whsk_") && !format!("{key:?}").contains(&whole[5..]));
    let read: SigningKey = whole.parse().expect("it reads what it wrote");
    assert_eq!(read.public_key(), key.public_key());
    let (body, seconds) = (text.as_bytes(), NOW.unix_seconds());
    let judged = |signature: String, body: &[u8]| {
        let headers = [
            (WEBHOOK_ID, "evt_1".to_owned()),
            (WEBHOOK_TIMESTAMP, seconds.to_string()),
            (WEBHOOK_SIGNATURE, signature),
        ];
        let public = key.public_key().to_string();
        verify(
            Scheme::Standard,
            XWebhookHash::Sha256,
            &public,
            &headers,
            body,
            NOW,
        )
        .is_ok()
    };
    assert!(judged(key.sign("evt_1", seconds, body), body));
    assert!(!judged(key.sign("evt_2", seconds, body), body));
    assert!(!judged(key.sign("evt_1", seconds, body), &body[1..]));
}
