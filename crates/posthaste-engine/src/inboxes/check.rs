//! Whether what came to an inbox verifies, scheme by scheme, and why not. Pure.

use posthaste::{
    clock::Timestamp,
    signature::{Scheme, Secret, XWebhookHash, explain, header::X_WEBHOOK_SIGNATURE},
    subscription::Subscription,
};
use posthaste_store::inbox::{Verdict, Verification};

/// What an inbox verifies with.
pub struct Keys {
    /// Schemes that a request has to carry, beside those that it does.
    expected: Vec<Scheme>,
    /// The hash of `x-webhook`; none takes the one that the signature names.
    hash: Option<XWebhookHash>,
    /// Any of them will do; the first is the one that a fault is told of.
    secrets: Vec<Secret>,
}

impl Keys {
    /// A secret that says nothing about schemes.
    #[must_use]
    pub fn secret(secret: &Secret) -> Self {
        Self {
            expected: Vec::new(),
            hash: None,
            secrets: vec![secret.clone()],
        }
    }

    /// What a subscription signs with by now.
    #[must_use]
    pub fn of(subscription: &Subscription, now: Timestamp) -> Self {
        let secrets = &subscription.secrets;
        let previous = secrets.previous.iter();
        let previous = previous.filter(|(_, until)| now < *until);
        let previous = previous.map(|(secret, _)| secret.clone());
        Self {
            expected: subscription.schemes.clone(),
            hash: Some(subscription.algorithm.hash()),
            secrets: std::iter::once(secrets.current.clone())
                .chain(previous)
                .collect(),
        }
    }

    /// What is wrong with a request under a scheme; nothing where one of the secrets verifies it.
    fn fault(
        &self,
        scheme: Scheme,
        headers: &[(String, String)],
        body: &[u8],
        now: Timestamp,
    ) -> Option<String> {
        let hash = self.hash.unwrap_or_else(|| named(headers));
        let mut first = None;
        for secret in &self.secrets {
            match explain(scheme, hash, secret.expose(), headers, body, now) {
                Ok(()) => return None,
                Err(why) => first = first.or(Some(why.to_string())),
            }
        }
        first
    }
}

/// A verdict for each scheme that is expected or that the request carries, and for the standard one
/// where there is neither.
#[must_use]
pub fn verification(
    keys: &Keys,
    headers: &[(String, String)],
    body: &[u8],
    now: Timestamp,
) -> Verification {
    let carries = |scheme: &Scheme| {
        let mut names = headers.iter().map(|(name, _)| name);
        names.any(|name| name.eq_ignore_ascii_case(scheme.carrier()))
    };
    let wanted = |scheme: &Scheme| keys.expected.contains(scheme) || carries(scheme);
    let all = Scheme::ALL.iter().copied();
    let mut schemes: Vec<Scheme> = all.filter(wanted).collect();
    if schemes.is_empty() {
        schemes.push(Scheme::Standard);
    }
    let verdict = |scheme| Verdict {
        scheme,
        fault: keys.fault(scheme, headers, body, now),
    };
    Verification(schemes.into_iter().map(verdict).collect())
}

/// The hash that the signature itself names.
fn named(headers: &[(String, String)]) -> XWebhookHash {
    let sha512 = |(name, value): &(String, String)| {
        name.eq_ignore_ascii_case(X_WEBHOOK_SIGNATURE) && value.starts_with("sha512=")
    };
    match headers.iter().any(sha512) {
        true => XWebhookHash::Sha512,
        false => XWebhookHash::Sha256,
    }
}

#[cfg(test)]
mod tests {
    use posthaste::signature::{Algorithm, Secrets, Signer};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_293_360_000);
    const BODY: &[u8] = b"{\"id\":1}";

    fn secret(letter: &str) -> Secret {
        Secret::trusted(letter.repeat(20))
    }

    fn signed(algorithm: Algorithm, secret: &Secret, at_s: i64) -> Vec<(String, String)> {
        let signer = Signer::new(Scheme::ALL, algorithm, &Secrets::new(secret.clone()));
        let mut headers = Vec::new();
        signer.headers("evt_1", at_s, NOW, BODY, &mut headers);
        let headers = headers.into_iter();
        let headers = headers.map(|(name, value)| (name.into_owned(), value));
        headers.collect()
    }

    /// The verdicts: a scheme alone verifies, behind a `!` is why not.
    #[track_caller]
    fn check(keys: &Keys, headers: &[(String, String)], expected: &[&str]) {
        let found = verification(keys, headers, BODY, NOW);
        let told: Vec<String> = found
            .0
            .iter()
            .map(|verdict| match &verdict.fault {
                None => verdict.scheme.as_str().to_owned(),
                Some(why) => format!("{}! {why}", verdict.scheme.as_str()),
            })
            .collect();
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told} is not {expected}");
        }
        let all = expected.iter().all(|one| !one.contains('!'));
        assert_eq!(found.is_valid(), all);
    }

    #[test]
    fn every_scheme_that_a_request_carries_has_its_verdict() {
        let keys = Keys::secret(&secret("a"));
        let now_s = NOW.unix_seconds();
        for algorithm in ["hmac-sha256", "hmac-sha512"] {
            let headers = signed(algorithm.parse().unwrap(), &secret("a"), now_s);
            check(&keys, &headers, &["standard", "pt", "x-webhook"]);
            let only: Vec<_> = headers
                .into_iter()
                .filter(|(name, _)| name.contains("x-webhook-sig"))
                .collect();
            check(&keys, &only, &["x-webhook"]);
        }
    }

    #[test]
    fn a_wrong_secret_an_old_time_and_no_signature_are_told_apart() {
        let keys = Keys::secret(&secret("a"));
        let now_s = NOW.unix_seconds();
        let other = signed(Algorithm::default(), &secret("b"), now_s);
        let wrong = "no signature matches";
        let wrong = ["standard! ", "pt! ", "x-webhook! "].map(|scheme| format!("{scheme}{wrong}"));
        check(&keys, &other, &[&wrong[0], &wrong[1], &wrong[2]]);
        let old = signed(Algorithm::default(), &secret("a"), now_s - 400);
        let age = "the timestamp is 400 s old";
        let age = ["standard! ", "pt! "].map(|scheme| format!("{scheme}{age}"));
        check(&keys, &old, &[&age[0], &age[1], "x-webhook"]);
        check(&keys, &[], &["standard! the header webhook-id is missing"]);
    }
}
