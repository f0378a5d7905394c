//! What someone asks for, a verb or a few per file. API, dashboard, portal and command line call
//! the same ones; decisions are made here and nowhere above.

mod access;
mod sessions;
mod portal;
mod removal;
mod audit;
pub mod batching;
pub mod credentials;
mod catalogue;
mod deliveries;
mod waiting;
mod matches;
mod again;
mod provenance;
mod publish;
mod search;
mod stats;
mod by_subscription;
mod replays;
pub mod signing;
mod subscriptions;
mod node;
mod webhook_site;
mod inboxes;

use posthaste::{clock::Timestamp, id::SubscriptionId};
use posthaste_store::{StoreError, settings::Scope};

use crate::catalogue::Misfit;

pub use access::{NewKey, Principal, TenantChange, new_key_value};
pub use again::Redelivered;
pub use audit::{Audit, Mismatch};
pub use by_subscription::{SPARK_POINTS, Spark};
pub use catalogue::{Expected, NewEventType};
pub use deliveries::Trial;
pub use inboxes::{AnswerPatch, InboxPatch, NewBin, NewCheck, NewInbox};
pub use matches::{Match, MatchReason};
pub use node::Node;
pub use portal::{NewPortalLink, PORTAL_PREFIX, Portal};
pub use publish::{IdempotencyClaim, NewEvent, PublishError, Published, Refusal};
pub use replays::Started;
pub use search::{Counted, Searched};
pub use sessions::{Given, SESSION, SIGN_IN_LINK};
pub use stats::{POINTS_MAX, Stats, WINDOW_MAX, finest_step, usual_step};
pub use subscriptions::{NewSubscription, RequestedStatus, SubscriptionPatch};
pub use waiting::Wait;

/// Why an operation was not carried out. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    #[error("no such {0}")]
    NotFound(&'static str),
    #[error("the {what} is taken")]
    Exists { what: &'static str },
    /// A tenant of this id was deleted, and something of it is left.
    #[error("a tenant of this id is being deleted")]
    BeingDeleted,
    #[error("the tenant default cannot be deleted")]
    DefaultTenant,
    #[error("changed meanwhile")]
    Stale,
    #[error("the subscription is disabled")]
    Disabled,
    /// The one at this place of those that were named.
    #[error("there is no subscription {id}")]
    UnknownSubscription { index: usize, id: SubscriptionId },
    #[error("the window is empty: since is not before until, or not before now")]
    EmptyWindow,
    #[error("the idempotency key was used for another body")]
    IdempotencyConflict,
    #[error("a rotation is under way until {until}")]
    RotationUnderWay { until: Timestamp },
    #[error(transparent)]
    Unfit(batching::Unfit),
    #[error(transparent)]
    Unsendable(credentials::Unsendable),
    #[error(transparent)]
    Unsignable(signing::Unsignable),
    /// Exact types that a strict catalogue does not have, by their places in what was asked for.
    #[error("some event types are not in the catalogue")]
    UnsupportedTypes(Vec<usize>),
    /// Of an event type of the catalogue, by JSON Pointers into it.
    #[error("the event type is not valid")]
    Misfits(Vec<Misfit>),
    #[error("the key lacks the scope {0}")]
    ScopeNotHeld(Scope),
    /// There is no such subscription to verify with.
    #[error("there is no subscription {0}")]
    UnknownTarget(SubscriptionId),
    /// A member of an inbox that webhook.site keeps.
    #[error("the {0} of an inbox at webhook.site is set there")]
    AnsweredElsewhere(&'static str),
    #[error("this server asks nothing of webhook.site")]
    WebhookSiteOff,
    /// Another server that had to be asked; without the address that it has.
    #[error("webhook.site gave no URL: {0}")]
    Upstream(String),
    #[error("at most {limit} {what} are allowed")]
    Quota { what: &'static str, limit: usize },
    #[error(transparent)]
    Storage(StoreError),
}

impl From<batching::Unfit> for OperationError {
    fn from(unfit: batching::Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

impl From<credentials::Unsendable> for OperationError {
    fn from(unsendable: credentials::Unsendable) -> Self {
        Self::Unsendable(unsendable)
    }
}

impl From<signing::Unsignable> for OperationError {
    fn from(unsignable: signing::Unsignable) -> Self {
        Self::Unsignable(unsignable)
    }
}

impl From<StoreError> for OperationError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale => Self::Stale,
            StoreError::Missing => Self::NotFound("object"),
            StoreError::Exists(_) => Self::Exists { what: "name" },
            StoreError::Unavailable(_) | StoreError::Corrupt(_) => Self::Storage(error),
        }
    }
}
