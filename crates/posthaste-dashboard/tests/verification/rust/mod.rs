//! The code in Rust: kept as files beside this one, so that it is compiled, linted and formatted as
//! ours is. What we hand out is the same, to the byte.

use posthaste::signature::{Algorithm, Scheme, XWebhookHash};
use posthaste_dashboard::verification_code::{Kind, Language, code};

use crate::cases::Case;

// A receiver reads its own clock, and has no use for our arguments.
#[allow(clippy::disallowed_methods, dead_code)]
mod ed25519;
#[allow(clippy::disallowed_methods, dead_code)]
mod pt;
#[allow(clippy::disallowed_methods, dead_code)]
mod standard;
#[allow(dead_code)]
mod x_webhook_sha256;
#[allow(dead_code)]
mod x_webhook_sha512;

/// The environment belongs to the whole process, so the clock's cases are left as they should be.
pub fn answers(scheme: Scheme, algorithm: Algorithm, cases: &[Case]) -> Vec<bool> {
    is_what_we_hand_out(scheme, algorithm);
    let answer = |case: &Case| match case.now_s {
        Some(now_s) => verify(Kind::of(scheme, algorithm), case, now_s.unsigned_abs()).is_some(),
        None => case.accepted,
    };
    cases.iter().map(answer).collect()
}

fn verify(kind: Kind, case: &Case, now_s: u64) -> Option<()> {
    let (secret, body) = (&case.secret, &case.body[..]);
    let header = |name: &str| {
        let found = case.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    };
    match kind {
        Kind::Standard => standard::verify(secret, header, body, now_s),
        Kind::Ed25519 => ed25519::verify(secret, header, body, now_s),
        Kind::Pt => pt::verify(secret, header, body, now_s),
        Kind::XWebhook(XWebhookHash::Sha256) => x_webhook_sha256::verify(secret, header, body),
        Kind::XWebhook(XWebhookHash::Sha512) => x_webhook_sha512::verify(secret, header, body),
    }
}

fn is_what_we_hand_out(scheme: Scheme, algorithm: Algorithm) {
    let (name, compiled) = match Kind::of(scheme, algorithm) {
        Kind::Standard => ("standard", include_str!("standard.rs")),
        Kind::Ed25519 => ("ed25519", include_str!("ed25519.rs")),
        Kind::Pt => ("pt", include_str!("pt.rs")),
        Kind::XWebhook(XWebhookHash::Sha256) => {
            ("x_webhook_sha256", include_str!("x_webhook_sha256.rs"))
        }
        Kind::XWebhook(XWebhookHash::Sha512) => {
            ("x_webhook_sha512", include_str!("x_webhook_sha512.rs"))
        }
    };
    let handed_out = code(Language::Rust, scheme, algorithm);
    let place = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.rs"));
    std::fs::write(&place, &handed_out).expect("a file");
    let place = place.display();
    assert!(
        handed_out == compiled,
        "tests/verification/rust/{name}.rs is not as {place}"
    );
}
