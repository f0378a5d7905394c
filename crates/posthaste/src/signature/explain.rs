//! Why a request does not verify, told to a developer: the fault that [`verify`] names, and what can
//! be found out about where it comes from. For tools; a receiver refuses and says nothing.

use std::fmt;

use super::{
    Scheme, VerifyFault, XWebhookHash,
    guess::{self, Parts},
    header::{
        WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, X_PT_SIGNATURE, X_WEBHOOK_SIGNATURE,
        X_WEBHOOK_SIGNATURE_NEXT, of_version, unix_seconds,
    },
    verify,
};
use crate::clock::Timestamp;

/// Why a request does not verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What [`verify`] says.
    pub fault: VerifyFault,
    /// What else could be told, a clause each, the most telling first; often nothing.
    pub hints: Vec<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.fault, f)?;
        self.hints.iter().try_for_each(|hint| write!(f, "; {hint}"))
    }
}

impl std::error::Error for Explanation {}

/// As [`verify`](fn@verify), and says why not as well as can be told. It takes longer, and tells
/// more than a sender should hear.
///
/// # Errors
/// The first fault, with hints.
pub fn explain<N: AsRef<str>, V: AsRef<str>>(
    scheme: Scheme,
    hash: XWebhookHash,
    secret: &str,
    headers: &[(N, V)],
    body: &[u8],
    now: Timestamp,
) -> Result<(), Explanation> {
    let read = |(name, value): &'_ (N, V)| (name.as_ref().to_owned(), value.as_ref().to_owned());
    Request {
        scheme,
        hash,
        secret,
        headers: &headers.iter().map(read).collect::<Vec<_>>(),
        body,
        now,
    }
    .explain()
}

#[derive(Clone, Copy)]
struct Request<'a> {
    scheme: Scheme,
    hash: XWebhookHash,
    secret: &'a str,
    headers: &'a [(String, String)],
    body: &'a [u8],
    now: Timestamp,
}

impl Request<'_> {
    fn verify(&self) -> Result<(), VerifyFault> {
        let (scheme, hash) = (self.scheme, self.hash);
        verify(scheme, hash, self.secret, self.headers, self.body, self.now)
    }

    fn explain(self) -> Result<(), Explanation> {
        let Err(fault) = self.verify() else {
            return Ok(());
        };
        let hints = match fault {
            VerifyFault::MissingHeader(_) => self.what_it_carries(),
            VerifyFault::TooOld(_) | VerifyFault::TooNew(_) => self.but_for_its_time(),
            VerifyFault::Timestamp => self.milliseconds().into_iter().collect(),
            VerifyFault::NoSignature { .. } | VerifyFault::Mismatch => self.near_misses(),
            VerifyFault::Secret(_) | VerifyFault::Key(_) => {
                self.kind_of_key().into_iter().collect()
            }
            VerifyFault::RepeatedHeader(_) | VerifyFault::WebhookId | VerifyFault::EmptySecret => {
                Vec::new()
            }
        };
        Err(Explanation { fault, hints })
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter();
        let found = named.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// As the scheme carries it, else as another one does.
    fn timestamp(&self) -> Option<&str> {
        let pairs = self.header(X_PT_SIGNATURE).into_iter();
        let mut pairs = pairs.flat_map(|header| header.split(','));
        let of_pt = pairs.find_map(|pair| pair.trim().strip_prefix("t="));
        let of_standard = self.header(WEBHOOK_TIMESTAMP);
        match self.scheme {
            Scheme::Pt => of_pt.or(of_standard),
            Scheme::Standard | Scheme::XWebhook => of_standard.or(of_pt),
        }
    }

    /// Which signatures there are instead of the one that was asked for.
    fn what_it_carries(&self) -> Vec<String> {
        let others = Scheme::ALL.iter().filter(|scheme| **scheme != self.scheme);
        let carried = others.filter_map(|&scheme| {
            self.header(scheme.carrier())?;
            let verified = Self { scheme, ..*self }.verify().is_ok();
            let (carrier, name) = (scheme.carrier(), scheme.as_str());
            let verifies = if verified {
                "verifies"
            } else {
                "does not verify either"
            };
            Some(format!(
                "it carries {carrier}, which is the scheme {name} and {verifies}"
            ))
        });
        let hints: Vec<String> = carried.collect();
        let any = !hints.is_empty() || self.header(self.scheme.carrier()).is_some();
        let names = self.headers.iter().map(|(name, _)| name.to_lowercase());
        let foreign = names.filter(|name| !any && name.contains("signature"));
        let foreign =
            foreign.map(|name| format!("it carries {name}, which is none of our schemes"));
        hints.into_iter().chain(foreign).collect()
    }

    /// What it would be if it were judged when it was signed.
    fn but_for_its_time(self) -> Vec<String> {
        if let Some(hint) = self.milliseconds() {
            return vec![hint];
        }
        let signed_s = self.timestamp().and_then(unix_seconds).unwrap_or_default();
        let now = Timestamp::from_millis(signed_s.saturating_mul(1000));
        let at_its_time = Self { now, ..self }.explain();
        vec![match at_its_time {
            Ok(()) => "the signature itself is right: the request came late or once more, or a \
                       clock is wrong"
                .to_owned(),
            Err(explanation) => format!("the signature is not right either: {explanation}"),
        }]
    }

    fn milliseconds(&self) -> Option<String> {
        let timestamp = self.timestamp()?;
        let digits = timestamp.len() == 13 && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| "the timestamp counts milliseconds, and seconds are expected".to_owned())
    }

    fn near_misses(&self) -> Vec<String> {
        if let Some(hint) = self.kind_of_key() {
            return vec![hint];
        }
        let parts = Parts {
            scheme: self.scheme,
            hash: self.hash,
            secret: self.secret,
            id: self.header(WEBHOOK_ID),
            timestamp: self.timestamp(),
            body: self.body,
        };
        let carriers: &[&str] = match self.scheme {
            Scheme::Standard => &[WEBHOOK_SIGNATURE],
            Scheme::Pt => &[X_PT_SIGNATURE],
            Scheme::XWebhook => &[X_WEBHOOK_SIGNATURE, X_WEBHOOK_SIGNATURE_NEXT],
        };
        let values = carriers.iter().filter_map(|name| self.header(name));
        let signatures = values.flat_map(|value| guess::signatures(self.scheme, self.hash, value));
        match parts.found(&signatures.collect::<Vec<_>>()) {
            Some(found) => vec![format!("it verifies {}", found.join(" and "))],
            None => self.length().into_iter().collect(),
        }
    }

    /// A key that belongs to something else.
    fn kind_of_key(&self) -> Option<String> {
        let versions = self
            .header(WEBHOOK_SIGNATURE)
            .filter(|_| self.scheme == Scheme::Standard);
        let has =
            |version| versions.is_some_and(|found| of_version(found, version).next().is_some());
        let secret = self.secret.trim();
        let pair = secret.starts_with("whpk_") || secret.starts_with("whsk_");
        let hint = if secret.starts_with("pst_") {
            "pst_ is an API key; a subscription's secret is shown by `posthaste subscriptions secret`"
        } else if pair && self.scheme != Scheme::Standard {
            "an Ed25519 key verifies v1a signatures of the scheme standard alone"
        } else if pair && has("v1") && !has("v1a") {
            "the header carries v1, which is verified with the shared whsec_ secret"
        } else if !pair && has("v1a") && !has("v1") {
            "the header carries v1a, which is verified with the sender's public key, whpk_…"
        } else {
            return None;
        };
        Some(hint.to_owned())
    }

    /// Whether the body has the length that was sent.
    fn length(&self) -> Option<String> {
        let found = self.body.len();
        if found == 0 {
            return Some("the body is empty: was it read before?".to_owned());
        }
        let sent: usize = self.header("content-length")?.trim().parse().ok()?;
        Some(match sent == found {
            true => format!(
                "the body has the {sent} bytes of content-length: if nothing in it was replaced, \
                 it is the secret"
            ),
            false => {
                format!("the body has {found} bytes and content-length says {sent}: it was changed")
            }
        })
    }
}

#[cfg(test)]
mod tests;
