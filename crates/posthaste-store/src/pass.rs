//! What a random token opens for a while: an operator's session, the making of one, or the portal of
//! one tenant.
//!
//! A pass is found by the SHA-256 of its token, and the token itself is kept nowhere: whoever reads
//! the store opens nothing with it.

use posthaste::{
    clock::Timestamp,
    event::TenantId,
    id::{KeyId, PortalLinkId},
};

use crate::theme::{Logo, Theme};

/// The SHA-256 of a token.
pub type TokenDigest = [u8; 32];

/// A token that was given to someone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    pub digest: TokenDigest,
    pub opens: Opens,
}

/// What it is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opens {
    /// The dashboard, as the key opens it.
    Session(Holder),
    /// One session, once.
    SignIn(Holder),
    /// One tenant's portal.
    Portal {
        link: PortalLink,
        logo: Option<Logo>,
    },
}

/// The key in whose stead a token is shown: it opens nothing that the key would not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub key: KeyId,
    /// SHA-256 of the key, by which it is found.
    pub hash: [u8; 32],
    /// Whose key it is; none is the platform's.
    pub tenant: Option<TenantId>,
    pub expires_at: Timestamp,
}

/// A link into the portal of a tenant, without its token and its logo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalLink {
    pub id: PortalLinkId,
    pub tenant: TenantId,
    pub expires_at: Timestamp,
    /// Whoever has it may look and not change.
    pub read_only: bool,
    pub theme: Theme,
    /// The key that made it, which may be gone.
    pub created_by: Option<KeyId>,
}

impl Pass {
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        match &self.opens {
            Opens::Session(holder) | Opens::SignIn(holder) => holder.expires_at,
            Opens::Portal { link, .. } => link.expires_at,
        }
    }

    /// Whose it is; none is the platform's.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        match &self.opens {
            Opens::Session(holder) | Opens::SignIn(holder) => holder.tenant.as_ref(),
            Opens::Portal { link, .. } => Some(&link.tenant),
        }
    }
}
