//! The simple front: an HMAC over a body, in hex, and nothing else.

use data_encoding::HEXLOWER;

use super::{SignatureAlgorithm, header::hex, mac::Keyed};

/// Signs and verifies a body with a shared secret: what `X-Webhook-Signature` carries behind
/// `sha256=`.
///
/// ```
/// use posthaste::{SignatureAlgorithm, WebhookSignature};
///
/// let secret = "It's a Secret to Everybody";
/// let signature = WebhookSignature::sign(b"Hello, World!", secret, SignatureAlgorithm::HMAC_SHA256);
/// assert!(signature.starts_with("757107ea0eb2509f"));
/// assert!(WebhookSignature::verify(
///     b"Hello, World!",
///     &signature,
///     secret,
///     SignatureAlgorithm::HMAC_SHA256,
/// ));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WebhookSignature;

impl WebhookSignature {
    /// The HMAC of the payload under the secret's UTF-8 bytes, in lower-case hex.
    #[must_use]
    pub fn sign(payload: &[u8], secret: &str, algorithm: SignatureAlgorithm) -> String {
        let keyed = Keyed::new(algorithm, secret.as_bytes());
        HEXLOWER.encode(&keyed.tag(&[payload]))
    }

    /// Whether the signature is the payload's, compared in constant time. It may be bare hex or the
    /// header's whole value (`sha256=…`). An empty secret verifies nothing.
    #[must_use]
    pub fn verify(
        payload: &[u8],
        signature: &str,
        secret: &str,
        algorithm: SignatureAlgorithm,
    ) -> bool {
        let prefixed = signature.strip_prefix(algorithm.prefix());
        let bare = prefixed.and_then(|rest| rest.strip_prefix('='));
        let keyed = Keyed::new(algorithm, secret.as_bytes());
        let given = hex(bare.unwrap_or(signature));
        !secret.is_empty() && given.is_some_and(|given| keyed.tag(&[payload]).is(&given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [SignatureAlgorithm; 2] = [
        SignatureAlgorithm::HMAC_SHA256,
        SignatureAlgorithm::HMAC_SHA512,
    ];

    #[test]
    fn what_is_signed_verifies_bare_or_as_a_header() {
        for algorithm in ALL {
            let signature = WebhookSignature::sign(b"body", "secret", algorithm);
            let header = format!("{}={signature}", algorithm.prefix());
            for given in [&signature, &header, &signature.to_uppercase()] {
                assert!(WebhookSignature::verify(
                    b"body", given, "secret", algorithm
                ));
            }
        }
    }

    #[test]
    fn another_body_secret_algorithm_or_length_does_not() {
        let [one, two] = ALL;
        let signature = WebhookSignature::sign(b"body", "secret", one);
        let refuse = |payload: &[u8], signature: &str, secret, algorithm| {
            assert!(!WebhookSignature::verify(
                payload, signature, secret, algorithm
            ));
        };
        refuse(b"bodx", &signature, "secret", one);
        refuse(b"body", &signature, "Secret", one);
        refuse(b"body", &signature, "secret", two);
        refuse(b"body", &signature[..62], "secret", one);
        refuse(b"body", &format!("sha512={signature}"), "secret", one);
        refuse(b"body", "", "secret", one);
        refuse(b"body", "é", "secret", one);
        let empty = WebhookSignature::sign(b"body", "", one);
        refuse(b"body", &empty, "", one);
    }
}
