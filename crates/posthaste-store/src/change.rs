//! Changes of the configuration, as values: what an entry of the audit log is kept with, whichever
//! it is.

use posthaste::{
    clock::Timestamp,
    event::{EventType, TenantId},
    id::{InboxId, KeyId, PortalLinkId, SubscriptionId},
    subscription::Subscription,
};

use crate::{
    event_type::EventTypeEntry,
    inbox::Inbox,
    pass::{Pass, TokenDigest},
    settings::{ApiKey, Tenant},
};

/// One change; what each does and refuses stands at the verb of [`Store`](crate::Store) that has its
/// name.
#[derive(Clone, Debug)]
pub enum Change {
    InsertTenant(Tenant),
    UpdateTenant(Tenant),
    DeleteTenant {
        tenant: TenantId,
        now: Timestamp,
    },
    PutEventType(EventTypeEntry),
    DeleteEventType {
        tenant: TenantId,
        name: EventType,
    },
    InsertSubscription(Box<Subscription>),
    UpdateSubscription {
        subscription: Box<Subscription>,
        forgive: bool,
    },
    DeleteSubscription {
        tenant: TenantId,
        id: SubscriptionId,
        now: Timestamp,
    },
    InsertKey(ApiKey),
    DeleteKey {
        tenant: Option<TenantId>,
        id: KeyId,
    },
    InsertPass(Box<Pass>),
    DeletePass(TokenDigest),
    DeletePortalLink {
        tenant: TenantId,
        id: PortalLinkId,
    },
    InsertInbox(Box<Inbox>),
    UpdateInbox(Box<Inbox>),
    DeleteInbox {
        tenant: TenantId,
        id: InboxId,
    },
}
