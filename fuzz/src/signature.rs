//! Signatures of all three schemes: what is signed verifies, a bit elsewhere does not, and a header
//! that a stranger wrote says nothing that the secret has not said.

use posthaste::{
    clock::Timestamp,
    signature::{Scheme, Secret, Secrets, Signer, XWebhookHash, explain, header, verify},
    transport::Headers,
};

use super::parts;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_999);
const HASHES: [XWebhookHash; 2] = [XWebhookHash::Sha256, XWebhookHash::Sha512];

/// A secret, then headers, one a line, then an empty line and the body.
pub fn judge(input: &[u8]) {
    let Some((secret, mut rest)) = parts::text_line(input) else {
        return;
    };
    let mut headers = Vec::new();
    while let Some((line, below)) = parts::text_line(rest) {
        rest = below;
        match line.split_once(": ") {
            Some(header) => headers.push(header),
            None => break,
        }
    }
    for hash in HASHES {
        strangers(hash, secret, &headers, rest);
        if let Ok(secret) = secret.parse() {
            own(hash, &secret, rest);
        }
    }
}

fn signed(hash: XWebhookHash, secret: &Secret, body: &[u8]) -> Headers {
    let mut headers = Headers::new();
    let signer = Signer::new(Scheme::ALL, hash, &Secrets::new(secret.clone()));
    signer.headers("evt_1", NOW.unix_seconds(), NOW, body, &mut headers);
    headers
}

fn own(hash: XWebhookHash, secret: &Secret, body: &[u8]) {
    let headers = signed(hash, secret, body);
    let text = secret.expose();
    let mut flipped = body.to_vec();
    let at = flipped.len() / 2;
    match flipped.get_mut(at) {
        Some(byte) => *byte ^= 1 << (body.len() % 8),
        None => flipped.push(0),
    }
    for &scheme in Scheme::ALL {
        assert_eq!(verify(scheme, hash, text, &headers, body, NOW), Ok(()));
        assert!(verify(scheme, hash, text, &headers, &flipped, NOW).is_err());
        assert!(verify(scheme, hash, &format!("{text}x"), &headers, body, NOW).is_err());
        let late = Timestamp::from_millis(NOW.as_millis() + 301_000);
        let judged = verify(scheme, hash, text, &headers, body, late);
        assert_eq!(judged.is_ok(), scheme == Scheme::XWebhook, "{scheme:?}");
    }
}

/// Whatever verifies carries the very signature that the secret makes.
fn strangers(hash: XWebhookHash, secret: &str, headers: &[(&str, &str)], body: &[u8]) {
    for &scheme in Scheme::ALL {
        let found = verify(scheme, hash, secret, headers, body, NOW);
        let explained = explain(scheme, hash, secret, headers, body, NOW);
        assert_eq!(explained.map_err(|why| why.fault), found);
        let named = |name: &str| headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        let is_pair = secret.starts_with("whpk_") || secret.starts_with("whsk_");
        if found.is_ok() && !is_pair {
            let right = made_for(scheme, hash, secret, &named, body);
            let carriers = [scheme.carrier(), header::X_WEBHOOK_SIGNATURE_NEXT];
            let carried = carriers.into_iter().filter_map(named);
            let mut carried = carried.map(|(_, value)| value.to_ascii_lowercase());
            assert!(
                carried.any(|value| value.contains(&right)),
                "{scheme:?} {right}"
            );
        }
    }
}

/// The signature of these parts as the product's own signer makes it, in lower case.
fn made_for<'h>(
    scheme: Scheme,
    hash: XWebhookHash,
    secret: &str,
    named: &dyn Fn(&str) -> Option<&'h (&'h str, &'h str)>,
    body: &[u8],
) -> String {
    let text = |name| named(name).map_or("", |(_, value)| value);
    let timestamp = match scheme {
        Scheme::Pt => text(header::X_PT_SIGNATURE)
            .split(',')
            .find_map(|part| part.trim().strip_prefix("t=")),
        _ => Some(text(header::WEBHOOK_TIMESTAMP)),
    };
    let timestamp_s = timestamp
        .and_then(|seconds| seconds.trim().parse().ok())
        .unwrap_or(0);
    let secrets = Secrets::new(Secret::trusted(secret.to_owned()));
    let mut headers = Headers::new();
    let signer = Signer::new(&[scheme], hash, &secrets);
    let id = text(header::WEBHOOK_ID);
    signer.headers(id, timestamp_s, NOW, body, &mut headers);
    let made = headers.pop().expect("it is signed").1;
    let value = made.rsplit(['=', ',']).find(|part| part.len() > 1);
    value.expect("a signature has a value").to_ascii_lowercase()
}
