//! The code that we hand to receivers, run: on the vectors, on what our own signer signs, and on what
//! must be refused. Python and Node run always, the others where their tools are installed, and Rust
//! as part of this program.

mod cases;
mod receivers;
mod rust;

use posthaste::signature::{Algorithm, Scheme, XWebhookHash};
use posthaste_dashboard::verification_code::Language;

/// Every kind of code that there is.
const KINDS: [(Scheme, Algorithm); 5] = [
    (Scheme::Standard, Algorithm::Hmac(XWebhookHash::Sha256)),
    (Scheme::Standard, Algorithm::Ed25519),
    (Scheme::Pt, Algorithm::Hmac(XWebhookHash::Sha256)),
    (Scheme::XWebhook, Algorithm::Hmac(XWebhookHash::Sha256)),
    (Scheme::XWebhook, Algorithm::Hmac(XWebhookHash::Sha512)),
];

#[track_caller]
fn check(language: Language) {
    for (scheme, algorithm) in KINDS {
        let cases = cases::of(scheme, algorithm);
        let Some(answers) = receivers::answers(language, scheme, algorithm, &cases) else {
            eprintln!("{}: no tools for {scheme:?} {algorithm}", language.title());
            continue;
        };
        assert_eq!(
            answers.len(),
            cases.len(),
            "{language:?} {scheme:?} {algorithm}"
        );
        for (case, accepted) in cases.iter().zip(answers) {
            let (why, expected) = (&case.why, case.accepted);
            assert_eq!(
                accepted, expected,
                "{language:?} {scheme:?} {algorithm}: {why}"
            );
        }
    }
}

#[test]
fn python_accepts_what_is_signed_and_nothing_else() {
    check(Language::Python);
}

#[test]
fn javascript_accepts_what_is_signed_and_nothing_else() {
    check(Language::JavaScript);
}

#[test]
fn go_accepts_what_is_signed_and_nothing_else() {
    check(Language::Go);
}

#[test]
fn rust_accepts_what_is_signed_and_nothing_else() {
    check(Language::Rust);
}

#[test]
fn ruby_accepts_what_is_signed_and_nothing_else() {
    check(Language::Ruby);
}

#[test]
fn php_accepts_what_is_signed_and_nothing_else() {
    check(Language::Php);
}

#[test]
fn java_accepts_what_is_signed_and_nothing_else() {
    check(Language::Java);
}

#[test]
fn csharp_accepts_what_is_signed_and_nothing_else() {
    check(Language::CSharp);
}
