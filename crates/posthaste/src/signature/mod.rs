//! Signatures: making and checking them, in every scheme of the contract.

mod secret;

use serde::{Deserialize, Serialize};

pub use secret::{Secret, SecretError, Secrets};

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
    pub const ALL: &[Self] = &[Self::Standard, Self::Pt, Self::XWebhook];
}

/// The hash of the `x-webhook` scheme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum XWebhookHash {
    #[default]
    #[serde(rename = "hmac-sha256")]
    Sha256,
    #[serde(rename = "hmac-sha512")]
    Sha512,
}
