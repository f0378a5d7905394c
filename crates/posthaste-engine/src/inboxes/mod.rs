//! Inboxes at work: found by the SHA-256 of a token, how much comes to one at once and in a second,
//! and what happens to a request that comes.
//!
//! What comes is on disk before it is answered. A delivery of this server's to one of its own
//! inboxes is taken in here too, without a connection: nothing is dialled, so there is nothing for
//! egress to judge. An inbox of another tenant is nowhere for it.

mod table;
mod check;
mod reception;
mod direct;
mod feed;

use posthaste::{chance, egress::TargetUrl, origin::Origin, signature::Secret};

pub use check::{Keys, verification};
pub use feed::InboxFeed;
pub(crate) use reception::Reception;
pub use reception::{Incoming, Incomplete, NotReceived, Place, Reply};
pub use table::{Inboxes, KnownInbox};

/// Inboxes of a tenant.
pub const INBOXES_MAX: usize = 100;
/// Bytes of a body that are kept.
pub const BODY_KEPT: usize = 256 * 1024;
/// Bytes of a body that are read, so that its signatures can be checked.
pub const BODY_READ: usize = 2 * 1024 * 1024;
/// Where inboxes stand below this server's URL.
pub const PATH: &str = "/inbox/";

/// What inboxes need to know of their surroundings.
#[derive(Clone, Debug)]
pub struct InboxConfig {
    /// Where this server is reached from outside. Default `http://127.0.0.1:8400`.
    pub public_url: Origin,
    /// Where it listens, which leads to its inboxes too: a subscription may be older than the public
    /// URL. Default the same.
    pub listens_on: Origin,
    /// Where webhook.site's own API is; none turns it off. Default none.
    pub webhook_site: Option<TargetUrl>,
}

impl Default for InboxConfig {
    fn default() -> Self {
        let usual: Result<Origin, _> = "http://127.0.0.1:8400".parse();
        let usual = usual.expect("it is an origin");
        Self {
            public_url: usual.clone(),
            listens_on: usual,
            webhook_site: None,
        }
    }
}

/// 160 random bits in lower-case base32.
#[must_use]
pub(crate) fn new_token() -> Secret {
    let bytes = zeroize::Zeroizing::new(chance::secure::<20>());
    Secret::trusted(data_encoding::BASE32_DNSSEC.encode(bytes.as_slice()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_token_is_32_characters_of_lower_case_base32() {
        let token = super::new_token();
        let token = token.expose();
        assert_eq!(token.len(), 32);
        assert!(
            token
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'v'))
        );
        assert_ne!(super::new_token().expose(), token);
    }
}
