//! Secrets at rest: a master key wraps a data key for each tenant, and a data key seals values.
//!
//! Whoever has a store's files alone reads no secret; whoever has a row's right to write cannot
//! make one secret another's, since a value opens only as what it is, in the tenant and the row
//! that it was sealed for. Without its data key a tenant's secrets are gone for good. What is no
//! secret (events, attempts, settings) is not sealed. Which rows keep the keys is a store's affair.

mod cipher;
mod master;
mod file;
mod source;

pub use cipher::{Fingerprint, SealError, sealed_by};
pub use file::MasterKeyFile;
pub use master::{DataKey, KeyFormatError, MasterKey};
pub use source::{MasterKeyError, MasterKeySource};

use posthaste::event::TenantId;

/// What a sealed value is, and where it stands: sealed in as associated data.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub what: What,
    /// None: the server's own.
    pub tenant: Option<&'a TenantId>,
    pub row: u64,
}

/// The kinds of sealed values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// All that is secret of a subscription.
    Subscription,
    /// All that is secret of an inbox.
    Inbox,
    /// What came to an inbox, less its body.
    Arrival,
    /// What authenticates page cursors.
    CursorKey,
    /// A data key, sealed by the master key.
    DataKey,
    /// Nothing, sealed by the master key: it opens under that key alone.
    Check,
}

impl Context<'_> {
    /// No two contexts have the same bytes: neither a kind nor a tenant's id holds a zero.
    fn to_bytes(self) -> Vec<u8> {
        let what: &[u8] = match self.what {
            What::Subscription => b"subscription",
            What::Inbox => b"inbox",
            What::Arrival => b"arrival",
            What::CursorKey => b"cursor key",
            What::DataKey => b"data key",
            What::Check => b"check",
        };
        let tenant = self.tenant.map_or("", TenantId::as_str).as_bytes();
        [what, b"\0", tenant, b"\0", &self.row.to_be_bytes()].concat()
    }
}
