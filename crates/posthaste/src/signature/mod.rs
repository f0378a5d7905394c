//! Signatures: making and checking them, in every scheme of the contract.

mod mac;
mod ed25519;
mod secret;
mod algorithm;
pub mod header;
mod sign;
mod verify;
mod guess;
mod explain;
mod plain;

use serde::{Deserialize, Serialize};

pub use algorithm::Algorithm;
pub use ed25519::{KeyError, PublicKey, SigningKey};
pub use explain::{Explanation, explain};
pub use plain::WebhookSignature;
pub use secret::{Secret, SecretError, Secrets};
pub use sign::Signer;
pub use verify::{
    TOLERANCE_S, VerifyFault, verify, verify_any, verify_pt, verify_standard, verify_x_webhook,
};

/// How requests are signed; a subscription may carry several at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scheme {
    /// Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    #[serde(rename = "standard")]
    Standard,
    /// `X-PT-Signature`.
    #[serde(rename = "pt")]
    Pt,
    /// `X-Webhook-Signature`.
    #[serde(rename = "x-webhook")]
    XWebhook,
}

impl Scheme {
    /// All of them, in the order in which a request carries them.
    pub const ALL: &[Self] = &[Self::Standard, Self::Pt, Self::XWebhook];

    /// As it is written in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Pt => "pt",
            Self::XWebhook => "x-webhook",
        }
    }

    /// The header by which a request carries it.
    #[must_use]
    pub const fn carrier(self) -> &'static str {
        match self {
            Self::Standard => header::WEBHOOK_SIGNATURE,
            Self::Pt => header::X_PT_SIGNATURE,
            Self::XWebhook => header::X_WEBHOOK_SIGNATURE,
        }
    }
}

/// The hash of the `x-webhook` scheme; the other schemes have SHA-256 always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum XWebhookHash {
    /// HMAC-SHA-256, the default.
    #[default]
    #[serde(rename = "hmac-sha256")]
    Sha256,
    /// HMAC-SHA-512.
    #[serde(rename = "hmac-sha512")]
    Sha512,
}

/// The name that those who embed know it by.
pub type SignatureAlgorithm = XWebhookHash;

impl XWebhookHash {
    /// HMAC-SHA-256, the default.
    pub const HMAC_SHA256: Self = Self::Sha256;
    /// HMAC-SHA-512.
    pub const HMAC_SHA512: Self = Self::Sha512;

    /// What stands before `=` in the header: `sha256` or `sha512`.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

#[cfg(test)]
mod properties;
