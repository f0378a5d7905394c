//! What a receiver checks our signatures with, in the languages that receivers are written in, to be
//! copied whole: each is complete, compares in constant time, and looks at the time where the scheme
//! signs one. The suite runs them on real signatures. A secret never stands in one: they read it
//! from the environment.

use std::str::FromStr;

use askama::Template;
use posthaste::signature::{Algorithm, Scheme, XWebhookHash};

/// A language that a receiver is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// 3.9 or newer.
    Python,
    /// Node 16 or newer.
    JavaScript,
    /// 1.18 or newer.
    Go,
    /// With the crates that it names.
    Rust,
    /// 3.0 or newer.
    Ruby,
    /// 8.0 or newer.
    Php,
    /// 17 or newer.
    Java,
    /// .NET Core 3.1 or newer.
    CSharp,
}

/// Not a [`Language`] that we have code for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLanguage;

impl Language {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 8] = [
        Self::Python,
        Self::JavaScript,
        Self::Go,
        Self::Rust,
        Self::Ruby,
        Self::Php,
        Self::Java,
        Self::CSharp,
    ];

    /// As it stands in an address.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::Go => "go",
            Self::Rust => "rust",
            Self::Ruby => "ruby",
            Self::Php => "php",
            Self::Java => "java",
            Self::CSharp => "csharp",
        }
    }

    /// As people write it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
            Self::Go => "Go",
            Self::Rust => "Rust",
            Self::Ruby => "Ruby",
            Self::Php => "PHP",
            Self::Java => "Java",
            Self::CSharp => "C#",
        }
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        let found = Self::ALL.into_iter().find(|known| known.as_str() == text);
        found.ok_or(UnknownLanguage)
    }
}

/// What is verified: a scheme, with all that its code depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Standard Webhooks with a shared secret, `v1`.
    Standard,
    /// Standard Webhooks with a public key, `v1a`.
    Ed25519,
    /// `X-PT-Signature`.
    Pt,
    /// `X-Webhook-Signature` with this hash.
    XWebhook(XWebhookHash),
}

impl Kind {
    /// Of a subscription's scheme. Ed25519 goes with `standard` alone.
    #[must_use]
    pub fn of(scheme: Scheme, algorithm: Algorithm) -> Self {
        match (scheme, algorithm) {
            (Scheme::Standard, Algorithm::Hmac(_)) => Self::Standard,
            (Scheme::Standard, Algorithm::Ed25519) => Self::Ed25519,
            (Scheme::Pt, _) => Self::Pt,
            (Scheme::XWebhook, algorithm) => Self::XWebhook(algorithm.hash()),
        }
    }

    /// The variable of the environment that the code reads.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Ed25519 => "WEBHOOK_PUBLIC_KEY",
            Self::Standard | Self::Pt | Self::XWebhook(_) => "WEBHOOK_SECRET",
        }
    }

    /// Whether a time is signed, so that an old request can be told.
    const fn is_timed(self) -> bool {
        !matches!(self, Self::XWebhook(_))
    }

    /// Whether both sides have the same key, so that comparing must not give it away.
    const fn is_shared(self) -> bool {
        !matches!(self, Self::Ed25519)
    }

    /// Whether a signature is written in hex.
    const fn is_hex(self) -> bool {
        matches!(self, Self::Pt | Self::XWebhook(_))
    }

    /// What the code says of itself, a line each.
    const fn notes(self) -> &'static [&'static str] {
        match self {
            Self::Standard => &[
                "Posthaste, scheme standard (Standard Webhooks 1.0), HMAC-SHA-256: webhook-signature",
                "signs webhook-id, webhook-timestamp and the body. Key: the bytes behind whsec_.",
            ],
            Self::Ed25519 => &[
                "Posthaste, scheme standard (Standard Webhooks 1.0), Ed25519: webhook-signature signs",
                "webhook-id, webhook-timestamp and the body. Key: the public one, whpk_.",
            ],
            Self::Pt => &[
                "Posthaste, scheme pt, HMAC-SHA-256: X-PT-Signature carries a timestamp and signs it",
                "together with the body. Key: the secret's text as it is shown.",
            ],
            Self::XWebhook(XWebhookHash::Sha256) => &[
                "Posthaste, scheme x-webhook, HMAC-SHA-256: X-Webhook-Signature signs the body alone, so",
                "that a copy of a request, sent again by someone else, verifies too: where that matters,",
                "take the scheme standard. Key: the secret's text as it is shown.",
            ],
            Self::XWebhook(XWebhookHash::Sha512) => &[
                "Posthaste, scheme x-webhook, HMAC-SHA-512: X-Webhook-Signature signs the body alone, so",
                "that a copy of a request, sent again by someone else, verifies too: where that matters,",
                "take the scheme standard. Key: the secret's text as it is shown.",
            ],
        }
    }
}

/// The code that verifies a scheme of a subscription.
#[must_use]
pub fn code(language: Language, scheme: Scheme, algorithm: Algorithm) -> String {
    let kind = Kind::of(scheme, algorithm);
    let rendered = match language {
        Language::Python => Python { kind }.render(),
        Language::JavaScript => JavaScript { kind }.render(),
        Language::Go => Go { kind }.render(),
        Language::Rust => Rust { kind }.render(),
        Language::Ruby => Ruby { kind }.render(),
        Language::Php => Php { kind }.render(),
        Language::Java => Java { kind }.render(),
        Language::CSharp => CSharp { kind }.render(),
    };
    rendered.expect("a template without I/O writes into a string") + "\n"
}

/// A template of code for each language.
macro_rules! templates {
    ($($language:ident $path:literal)*) => {$(
        #[derive(Template)]
        #[template(path = $path, escape = "none")]
        struct $language {
            kind: Kind,
        }
    )*};
}

templates! {
    Python "verify/python.txt"
    JavaScript "verify/javascript.txt"
    Go "verify/go.txt"
    Rust "verify/rust.txt"
    Ruby "verify/ruby.txt"
    Php "verify/php.txt"
    Java "verify/java.txt"
    CSharp "verify/csharp.txt"
}
