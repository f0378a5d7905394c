//! Whether a recorded request verifies, scheme by scheme.

use posthaste::{
    clock::Timestamp,
    signature::{
        Scheme, VerifyFault, XWebhookHash,
        header::{WEBHOOK_SIGNATURE, X_PT_SIGNATURE, X_WEBHOOK_SIGNATURE},
        verify,
    },
};

use crate::record::Recorded;

/// A scheme that a request carries, and whether it verifies under it.
pub type Verification = (Scheme, Result<(), VerifyFault>);

impl Recorded {
    /// Judges every scheme whose header the request carries. `now` is the receiver's wall clock.
    #[must_use]
    pub fn verify(&self, secret: &str, now: Timestamp) -> Vec<Verification> {
        let headers = self.headers();
        let carried = Scheme::ALL
            .iter()
            .filter(|s| self.header(header(**s)).is_some());
        let judge = |&scheme| {
            (
                scheme,
                verify(scheme, self.hash(), secret, &headers, &self.body, now),
            )
        };
        carried.map(judge).collect()
    }

    /// Whether it carries a signature and every scheme that it carries verifies.
    #[must_use]
    pub fn is_verified(&self, secret: &str, now: Timestamp) -> bool {
        let found = self.verify(secret, now);
        !found.is_empty() && found.iter().all(|(_, verified)| verified.is_ok())
    }

    /// The hash that `x-webhook` names in front of its signature.
    fn hash(&self) -> XWebhookHash {
        let named = self.header(X_WEBHOOK_SIGNATURE).unwrap_or_default();
        match named.starts_with(XWebhookHash::Sha512.prefix()) {
            true => XWebhookHash::Sha512,
            false => XWebhookHash::Sha256,
        }
    }
}

/// The header by which a request carries a scheme.
fn header(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Standard => WEBHOOK_SIGNATURE,
        Scheme::Pt => X_PT_SIGNATURE,
        Scheme::XWebhook => X_WEBHOOK_SIGNATURE,
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write, time::Duration};

    use posthaste::{
        signature::{Secrets, Signer},
        transport::Headers,
    };

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn signed(schemes: &[Scheme], hash: XWebhookHash) -> Recorded {
        let secrets = Secrets {
            current: SECRET.parse().unwrap(),
            previous: None,
        };
        let mut headers = Headers::new();
        let signer = Signer::new(schemes, hash, &secrets);
        signer.headers("evt_1", NOW.unix_seconds(), NOW, b"body", &mut headers);
        let mut head = "POST / HTTP/1.1\r\n".to_owned();
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        Recorded {
            head: head.into(),
            body: "body".into(),
            at: NOW,
            connection: 1,
            at_once: 1,
        }
    }

    #[test]
    fn every_scheme_that_a_request_carries_is_judged() {
        for hash in [XWebhookHash::Sha256, XWebhookHash::Sha512] {
            let request = signed(Scheme::ALL, hash);
            let verified: Vec<_> = Scheme::ALL.iter().map(|s| (*s, Ok(()))).collect();
            assert_eq!(request.verify(SECRET, NOW), verified);
            assert!(request.is_verified(SECRET, NOW));
        }
        let request = signed(&[Scheme::Pt], XWebhookHash::Sha256);
        assert_eq!(request.verify(SECRET, NOW), [(Scheme::Pt, Ok(()))]);
    }

    #[test]
    fn a_wrong_secret_a_late_or_an_unsigned_request_does_not_verify() {
        let request = signed(Scheme::ALL, XWebhookHash::Sha256);
        assert!(!request.is_verified("another secret", NOW));
        assert!(!request.is_verified(SECRET, NOW + Duration::from_secs(301)));
        assert!(!signed(&[], XWebhookHash::Sha256).is_verified(SECRET, NOW));
        let other = Recorded {
            body: "Body".into(),
            ..request
        };
        assert!(!other.is_verified(SECRET, NOW));
    }
}
