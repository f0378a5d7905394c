//! Signing a request under every scheme of a subscription, with keys that are worked in once.

use std::fmt;

use data_encoding::{BASE64, HEXLOWER};

use super::{
    Algorithm, Scheme, Secret, Secrets, SigningKey, XWebhookHash,
    header::{
        WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, X_PT_SIGNATURE, X_WEBHOOK_SIGNATURE,
        X_WEBHOOK_SIGNATURE_NEXT,
    },
    mac::Keyed,
};
use crate::{clock::Timestamp, transport::Headers};

/// Signs the requests of one subscription. Made when the subscription changes, used for every
/// attempt; it holds keys, so its Debug shows nothing.
#[derive(Clone)]
pub struct Signer {
    hash: XWebhookHash,
    current: Keys,
    /// The keys before, and until when they sign too.
    previous: Option<(Keys, Timestamp)>,
}

/// One secret, as each scheme in use wants it.
#[derive(Clone)]
struct Keys {
    standard: Option<StandardKey>,
    pt: Option<Keyed>,
    x_webhook: Option<Keyed>,
}

/// What Standard Webhooks signs with, by the kind of the secret.
#[derive(Clone)]
enum StandardKey {
    Shared(Keyed),
    Private(SigningKey),
}

impl StandardKey {
    /// One entry of `webhook-signature`.
    fn sign(&self, request: &Request<'_>) -> String {
        let parts = request.standard_parts();
        match self {
            Self::Shared(keyed) => format!("v1,{}", BASE64.encode(&keyed.tag(&parts))),
            Self::Private(key) => key.sign_content(&parts.concat()),
        }
    }
}

impl Keys {
    fn new(schemes: &[Scheme], hash: XWebhookHash, secret: &Secret) -> Self {
        if let Some(key) = secret.signing_key() {
            return Self::private(schemes, key);
        }
        let text = secret.expose().as_bytes();
        let key =
            |scheme, hash, key: &[u8]| schemes.contains(&scheme).then(|| Keyed::new(hash, key));
        // Without a key there is no signature, rather than one that nobody can verify.
        let decoded = secret.standard_key().ok();
        let standard = decoded.and_then(|k| key(Scheme::Standard, XWebhookHash::Sha256, &k));
        Self {
            standard: standard.map(StandardKey::Shared),
            pt: key(Scheme::Pt, XWebhookHash::Sha256, text),
            x_webhook: key(Scheme::XWebhook, hash, text),
        }
    }

    /// A private key signs the one scheme that knows public ones.
    fn private(schemes: &[Scheme], key: SigningKey) -> Self {
        let standard = schemes.contains(&Scheme::Standard);
        Self {
            standard: standard.then(|| StandardKey::Private(key)),
            pt: None,
            x_webhook: None,
        }
    }
}

impl Signer {
    /// For a subscription's schemes and secrets. Each secret signs as its own kind does, so that a
    /// rotation may lead from one kind to the other.
    ///
    /// A `whsec_` secret without base64 behind it, which no [`Secret`] that was parsed can be,
    /// leaves the standard scheme's signature out.
    #[must_use]
    pub fn new(schemes: &[Scheme], algorithm: impl Into<Algorithm>, secrets: &Secrets) -> Self {
        let hash = algorithm.into().hash();
        let keys = |secret| Keys::new(schemes, hash, secret);
        let previous = secrets.previous.as_ref();
        Self {
            hash,
            current: keys(&secrets.current),
            previous: previous.map(|(secret, until)| (keys(secret), *until)),
        }
    }

    /// Adds `webhook-id` and `webhook-timestamp`, which every request has, and the signatures.
    ///
    /// `timestamp_s` is the attempt's, in Unix seconds by the wall clock; `now` decides whether a
    /// rotation still overlaps. `webhook_id` holds no full stop.
    pub fn headers(
        &self,
        webhook_id: &str,
        timestamp_s: i64,
        now: Timestamp,
        body: &[u8],
        out: &mut Headers,
    ) {
        let overlaps = |(_, until): &&(Keys, Timestamp)| now < *until;
        let previous = self
            .previous
            .as_ref()
            .filter(overlaps)
            .map(|(keys, _)| keys);
        let keys = [Some(&self.current), previous];
        let request = Request {
            webhook_id,
            timestamp: &timestamp_s.to_string(),
            body,
        };
        out.push((WEBHOOK_ID.into(), webhook_id.to_owned()));
        out.push((WEBHOOK_TIMESTAMP.into(), request.timestamp.to_owned()));
        let standard = keys.map(|keys| keys?.standard.as_ref());
        out.extend(
            request
                .standard(standard)
                .map(|v| (WEBHOOK_SIGNATURE.into(), v)),
        );
        let pt = keys.map(|keys| keys?.pt.as_ref());
        out.extend(request.pt(pt).map(|v| (X_PT_SIGNATURE.into(), v)));
        self.x_webhook(keys.map(|keys| keys?.x_webhook.as_ref()), body, out);
    }

    /// The scheme has room for one value: the old secret keeps it until the overlap ends.
    fn x_webhook(&self, [current, previous]: [Option<&Keyed>; 2], body: &[u8], out: &mut Headers) {
        let named = match previous {
            Some(previous) => [
                (X_WEBHOOK_SIGNATURE, Some(previous)),
                (X_WEBHOOK_SIGNATURE_NEXT, current),
            ],
            None => [
                (X_WEBHOOK_SIGNATURE, current),
                (X_WEBHOOK_SIGNATURE_NEXT, None),
            ],
        };
        for (name, keyed) in named {
            if let Some(keyed) = keyed {
                let hex = HEXLOWER.encode(&keyed.tag(&[body]));
                out.push((name.into(), format!("{}={hex}", self.hash.prefix())));
            }
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(***)")
    }
}

/// What is signed.
struct Request<'a> {
    webhook_id: &'a str,
    timestamp: &'a str,
    body: &'a [u8],
}

impl Request<'_> {
    /// What Standard Webhooks signs.
    fn standard_parts(&self) -> [&[u8]; 5] {
        let (id, timestamp) = (self.webhook_id.as_bytes(), self.timestamp.as_bytes());
        [id, b".", timestamp, b".", self.body]
    }

    /// `v1,<base64>` or `v1a,<base64>` for each key, the newest first.
    fn standard(&self, keys: [Option<&StandardKey>; 2]) -> Option<String> {
        let entries = keys.into_iter().flatten().map(|key| key.sign(self));
        entries.reduce(|before, entry| before + " " + &entry)
    }

    /// `t=<timestamp>`, then `,v1=<hex>` for each key.
    fn pt(&self, keys: [Option<&Keyed>; 2]) -> Option<String> {
        let mut value = format!("t={}", self.timestamp);
        let before = value.len();
        for keyed in keys.into_iter().flatten() {
            value.push_str(",v1=");
            let tag = keyed.tag(&[self.timestamp.as_bytes(), self.body]);
            HEXLOWER.encode_append(&tag, &mut value);
        }
        (value.len() > before).then_some(value)
    }
}
