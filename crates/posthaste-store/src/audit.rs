//! The audit log: who changed or revealed what, when and from where.
//!
//! An entry is kept with the change that it tells of, in one transaction, and never changed. It names
//! members that are secret and never says what is in them. What the server does by itself, such as
//! pausing an endpoint that keeps failing, is nobody's act and stands in no entry.

use std::{borrow::Cow, fmt, net::IpAddr, str::FromStr};

use posthaste::{
    clock::Timestamp,
    event::TenantId,
    id::{AuditId, KeyId, PortalLinkId},
    json::RawJson,
};

/// One thing that someone did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    pub id: AuditId,
    /// Whose log it stands in; none is the platform's.
    pub tenant: Option<TenantId>,
    pub actor: Actor,
    /// The name of an [`Action`], or what a newer version has written.
    pub action: Cow<'static, str>,
    /// What it was done to: an id, a tenant's id, an event type's name; none where it was many.
    pub object: Option<String>,
    /// An object of a few KiB at most.
    pub details: RawJson,
}

impl AuditEntry {
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.id.time()
    }
}

/// Who acts, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// None where nobody had to show one.
    pub key: Option<ActingKey>,
    /// Whoever came through this link into the portal, and showed no key.
    pub portal_link: Option<PortalLinkId>,
    pub address: Option<IpAddr>,
    pub request_id: Option<String>,
}

/// What names an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorId {
    Key(KeyId),
    PortalLink(PortalLinkId),
}

impl ActorId {
    fn is(self, actor: &Actor) -> bool {
        match self {
            Self::Key(id) => actor.key.as_ref().is_some_and(|key| key.id == id),
            Self::PortalLink(id) => actor.portal_link == Some(id),
        }
    }
}

/// Not the id of a key or of a portal link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected key_… or ptl_…, and 13 characters of lower-case Crockford base32")]
pub struct ActorIdError;

impl FromStr for ActorId {
    type Err = ActorIdError;

    fn from_str(text: &str) -> Result<Self, ActorIdError> {
        let key = text.parse().map(Self::Key);
        let link = |_| text.parse().map(Self::PortalLink);
        key.or_else(link).map_err(|_| ActorIdError)
    }
}

/// A key that acts, by the name that it had then: it may be gone when the log is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActingKey {
    pub id: KeyId,
    pub name: String,
    /// Whether it is one of the platform's.
    pub platform: bool,
}

macro_rules! actions {
    ($($action:ident = $name:literal;)*) => {
        /// What can be done that is worth an entry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action { $($action),* }

        impl Action {
            pub const EVERY: &[Self] = &[$(Self::$action),*];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$action => $name),* }
            }
        }
    };
}

actions! {
    CreateSubscription = "subscription.create";
    UpdateSubscription = "subscription.update";
    DeleteSubscription = "subscription.delete";
    PauseSubscription = "subscription.pause";
    ResumeSubscription = "subscription.resume";
    RotateSecret = "subscription.rotate_secret";
    RevealSecret = "subscription.reveal_secret";
    TestSubscription = "subscription.test";
    CreateEventType = "event_type.create";
    UpdateEventType = "event_type.update";
    DeleteEventType = "event_type.delete";
    StartReplay = "replay.start";
    StopReplay = "replay.stop";
    RedeliverDelivery = "delivery.redeliver";
    RedeliverDeliveries = "deliveries.redeliver";
    DiscardDelivery = "delivery.discard";
    DiscardDeliveries = "deliveries.discard";
    RedeliverEvent = "event.redeliver";
    CreateKey = "key.create";
    DeleteKey = "key.delete";
    CreateInbox = "inbox.create";
    UpdateInbox = "inbox.update";
    DeleteInbox = "inbox.delete";
    CreateTenant = "tenant.create";
    UpdateTenant = "tenant.update";
    DeleteTenant = "tenant.delete";
    CreateSignInLink = "sign_in_link.create";
    CreateSession = "session.create";
    DeleteSession = "session.delete";
    CreatePortalLink = "portal_link.create";
    DeletePortalLink = "portal_link.delete";
}

/// Not the name of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an action such as subscription.create")]
pub struct ActionError;

impl FromStr for Action {
    type Err = ActionError;

    fn from_str(text: &str) -> Result<Self, ActionError> {
        let mut known = Self::EVERY.iter().copied();
        known
            .find(|action| action.as_str() == text)
            .ok_or(ActionError)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which entries; absent is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// The platform's entries too, beside the tenant's.
    pub platforms: bool,
    pub actor: Option<ActorId>,
    pub action: Option<Action>,
    pub object: Option<String>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

impl AuditQuery {
    /// Whether an entry of a log that is read is one of those asked for.
    #[must_use]
    pub fn wants(&self, entry: &AuditEntry) -> bool {
        let at = entry.at();
        self.actor.is_none_or(|actor| actor.is(&entry.actor))
            && self
                .action
                .is_none_or(|action| entry.action == action.as_str())
            && (self.object.is_none() || self.object == entry.object)
            && self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at < until)
    }
}
