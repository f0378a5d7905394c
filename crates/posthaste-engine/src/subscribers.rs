//! Who wants what: an immutable snapshot of tenants, subscriptions, catalogues and keys, in memory, swapped on
//! change. Publishing and authenticating read it and never the store.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use posthaste::{
    delivery::Health,
    egress::DenyList,
    event::{EventType, TenantId},
    filter::{EventDocument, Filter},
    id::{KeyId, SubscriptionId},
    signature::Signer,
    subscription::{EventPattern, OwnHeader, Subscription, SubscriptionStatus},
    transport::http::{TlsFault, TlsIdentity},
};
use posthaste_store::{
    EventTypeEntry,
    record::StoredEvent,
    settings::{ApiKey, Tenant},
};
use tokio::sync::watch;

use crate::{
    allowance::Allowance,
    catalogue::{CatalogueView, Known},
    key_table::KeyTable,
};

/// A subscription, ready to be sent to.
#[derive(Debug)]
pub struct Subscriber {
    pub subscription: Subscription,
    pub signer: Signer,
    /// Headers of its own, with its credentials, as they are sent.
    pub own_headers: Vec<OwnHeader>,
    /// Its TLS settings, read. Where they cannot be, nothing is sent.
    pub tls: Result<Option<TlsIdentity>, TlsFault>,
    /// Shared by all versions of the subscription; the scheduler writes it.
    health: Arc<Mutex<Health>>,
}

impl Subscriber {
    #[must_use]
    pub fn new(subscription: Subscription) -> Self {
        let health = Arc::new(Mutex::new(subscription.health));
        Self::with_health(subscription, health)
    }

    fn with_health(subscription: Subscription, health: Arc<Mutex<Health>>) -> Self {
        let signer = Signer::new(
            &subscription.schemes,
            subscription.algorithm,
            &subscription.secrets,
        );
        let access = &subscription.access;
        Self {
            own_headers: access.own_headers(),
            tls: access.tls.as_ref().map(TlsIdentity::new).transpose(),
            subscription,
            signer,
            health,
        }
    }

    #[must_use]
    pub fn health(&self) -> Health {
        *self
            .health
            .lock()
            .expect("nothing panics while it holds a health")
    }

    pub fn set_health(&self, health: Health) {
        *self
            .health
            .lock()
            .expect("nothing panics while it holds a health") = health;
    }

    /// The subscription with its health as it is now.
    #[must_use]
    pub fn shown(&self) -> Subscription {
        Subscription {
            health: self.health(),
            ..self.subscription.clone()
        }
    }
}

/// One tenant, its subscriptions, and which of them take which types.
#[derive(Debug)]
pub struct TenantView {
    pub tenant: Tenant,
    pub subscribers: BTreeMap<SubscriptionId, Arc<Subscriber>>,
    pub catalogue: Arc<CatalogueView>,
    /// Shared by all versions of the tenant that have one and the same limit.
    allowance: Arc<Mutex<Allowance>>,
    exact: HashMap<EventType, Vec<SubscriptionId>>,
    /// Those with a prefix or everything.
    patterned: Vec<Arc<Subscriber>>,
    /// Of these, the ones that may want the platform's own types: most tenants have none.
    platforms: Vec<Arc<Subscriber>>,
    /// Whether any of them has a filter.
    filters: bool,
    /// Whether any of them has pinned a version.
    pins: bool,
}

impl TenantView {
    fn new(
        tenant: Tenant,
        subscribers: BTreeMap<SubscriptionId, Arc<Subscriber>>,
        catalogue: Arc<CatalogueView>,
        allowance: Arc<Mutex<Allowance>>,
    ) -> Self {
        let mut exact: HashMap<EventType, Vec<SubscriptionId>> = HashMap::new();
        let mut patterned = Vec::new();
        for subscriber in subscribers.values() {
            let subscription = &subscriber.subscription;
            if subscription.status == SubscriptionStatus::Disabled {
                continue;
            }
            let Some(types) = exact_types(&subscription.events) else {
                patterned.push(subscriber.clone());
                continue;
            };
            for event_type in types {
                exact
                    .entry(event_type.clone())
                    .or_default()
                    .push(subscription.id);
            }
        }
        let platforms = patterned.iter().filter(|s| wants_platforms(s));
        let any = |has: fn(&Subscription) -> bool| {
            let mut all = subscribers.values();
            all.any(|subscriber| has(&subscriber.subscription))
        };
        Self {
            platforms: platforms.cloned().collect(),
            filters: any(|subscription| subscription.filter.is_some()),
            pins: any(|subscription| !subscription.versions.is_empty()),
            tenant,
            subscribers,
            catalogue,
            allowance,
            exact,
            patterned,
        }
    }

    fn with_subscribers(&self, subscribers: BTreeMap<SubscriptionId, Arc<Subscriber>>) -> Self {
        let catalogue = self.catalogue.clone();
        Self::new(
            self.tenant.clone(),
            subscribers,
            catalogue,
            self.allowance.clone(),
        )
    }

    /// What the tenant has published of late.
    pub fn allowance(&self) -> MutexGuard<'_, Allowance> {
        self.allowance
            .lock()
            .expect("nothing panics while it holds an allowance")
    }

    /// The subscriptions that take events of this type and version (absent: 1), in the order of
    /// their ids.
    #[must_use]
    pub fn takers(&self, event_type: &EventType, version: Option<u32>) -> Vec<SubscriptionId> {
        let mut takers = self.takers_of_any_version(event_type);
        if self.pins {
            takers.retain(|id| self.takes_version(*id, event_type, version));
        }
        takers
    }

    /// The subscriptions that take events of this type in some version, in the order of their ids.
    #[must_use]
    pub fn takers_of_any_version(&self, event_type: &EventType) -> Vec<SubscriptionId> {
        let exact = self.exact.get(event_type).map_or(&[][..], Vec::as_slice);
        let patterned = match event_type.is_platforms() {
            true => &self.platforms,
            false => &self.patterned,
        };
        let patterned = patterned.iter().map(|s| &s.subscription);
        let patterned = patterned.filter(|s| s.wants(event_type)).map(|s| s.id);
        let mut takers: Vec<SubscriptionId> = exact.iter().copied().chain(patterned).collect();
        takers.sort_unstable();
        takers.dedup();
        takers
    }

    /// The subscriptions that want a stored event today, by types and filters, in the order of their
    /// ids; of a test, those that it was made for.
    #[must_use]
    pub fn wanting(&self, stored: &StoredEvent) -> Vec<SubscriptionId> {
        let event = &stored.event;
        if event.details.test {
            let made_for = stored.subscriptions.iter().copied();
            return made_for.filter(|id| self.is_open(*id)).collect();
        }
        let mut takers = self.takers(&event.event_type, event.details.version);
        if self.have_filters(&takers) {
            let document = EventDocument::of(event);
            takers.retain(|id| self.filter(*id).is_none_or(|f| f.matches(&document)));
        }
        takers
    }

    /// Whether there is such a subscription, and it is not disabled.
    #[must_use]
    pub fn is_open(&self, id: SubscriptionId) -> bool {
        let subscriber = self.subscribers.get(&id);
        subscriber.is_some_and(|s| s.subscription.status != SubscriptionStatus::Disabled)
    }

    /// Whether there is such a subscription, and what is sent to it is held.
    #[must_use]
    pub fn is_paused(&self, id: SubscriptionId) -> bool {
        let status = self.subscribers.get(&id).map(|s| s.subscription.status);
        matches!(status, Some(SubscriptionStatus::Paused(_)))
    }

    fn takes_version(
        &self,
        id: SubscriptionId,
        event_type: &EventType,
        version: Option<u32>,
    ) -> bool {
        let subscriber = self.subscribers.get(&id);
        subscriber.is_none_or(|one| one.subscription.takes_version(event_type, version))
    }

    /// Whether any of these has a filter; costs nothing where nobody has one.
    #[must_use]
    pub fn have_filters(&self, takers: &[SubscriptionId]) -> bool {
        self.filters && takers.iter().any(|id| self.filter(*id).is_some())
    }

    #[must_use]
    pub fn filter(&self, id: SubscriptionId) -> Option<&Filter> {
        self.subscribers.get(&id)?.subscription.filter.as_ref()
    }
}

fn wants_platforms(subscriber: &Arc<Subscriber>) -> bool {
    let mut patterns = subscriber.subscription.events.iter();
    patterns.any(|pattern| match pattern {
        EventPattern::Exact(event_type) => event_type.is_platforms(),
        EventPattern::Prefix(prefix) => prefix.starts_with("posthaste."),
        EventPattern::All => false,
    })
}

/// The types of a list of patterns, if all of them are exact.
fn exact_types(patterns: &[EventPattern]) -> Option<Vec<&EventType>> {
    if patterns.is_empty() {
        return None;
    }
    let exact = patterns.iter().map(|pattern| match pattern {
        EventPattern::Exact(event_type) => Some(event_type),
        EventPattern::Prefix(_) | EventPattern::All => None,
    });
    exact.collect()
}

/// Everything that is configured, at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub tenants: HashMap<TenantId, Arc<TenantView>>,
    pub keys: KeyTable,
}

impl Snapshot {
    #[must_use]
    pub fn subscriber(&self, tenant: &TenantId, id: SubscriptionId) -> Option<&Arc<Subscriber>> {
        self.tenants.get(tenant)?.subscribers.get(&id)
    }

    /// Where a tenant does not want to send; an unknown one has nothing against anything.
    #[must_use]
    pub fn denied(&self, tenant: &TenantId) -> DenyList {
        let view = self.tenants.get(tenant);
        view.map(|view| view.tenant.denied.clone())
            .unwrap_or_default()
    }

    pub fn all_subscribers(&self) -> impl Iterator<Item = Arc<Subscriber>> + '_ {
        self.tenants
            .values()
            .flat_map(|view| view.subscribers.values().cloned())
    }

    #[must_use]
    pub fn has_subscription(&self, id: SubscriptionId) -> bool {
        self.tenants
            .values()
            .any(|view| view.subscribers.contains_key(&id))
    }

    fn with_tenant(&self, view: TenantView) -> Self {
        let mut tenants = self.tenants.clone();
        tenants.insert(view.tenant.id.clone(), Arc::new(view));
        Self {
            tenants,
            keys: self.keys.clone(),
        }
    }

    fn with_keys(&self, keys: KeyTable) -> Self {
        Self {
            tenants: self.tenants.clone(),
            keys,
        }
    }
}

/// Holds the current snapshot. Changes are made one at a time, by whoever holds the engine's
/// configuration lock.
#[derive(Debug, Default)]
pub struct Subscribers(watch::Sender<Arc<Snapshot>>);

impl Subscribers {
    #[must_use]
    pub fn load(
        tenants: Vec<Tenant>,
        subscriptions: Vec<Subscription>,
        keys: Vec<ApiKey>,
        event_types: Vec<EventTypeEntry>,
    ) -> Self {
        let mut by_tenant: HashMap<TenantId, BTreeMap<_, _>> = HashMap::new();
        for subscription in subscriptions {
            let of_tenant = by_tenant.entry(subscription.tenant.clone()).or_default();
            of_tenant.insert(subscription.id, Arc::new(Subscriber::new(subscription)));
        }
        let mut catalogues: HashMap<TenantId, CatalogueView> = HashMap::new();
        for entry in event_types {
            let of_tenant = catalogues.entry(entry.tenant.clone()).or_default();
            of_tenant.put(Arc::new(Known::stored(entry)));
        }
        let views = tenants.into_iter().map(|tenant| {
            let subscribers = by_tenant.remove(&tenant.id).unwrap_or_default();
            let catalogue = Arc::new(catalogues.remove(&tenant.id).unwrap_or_default());
            (
                tenant.id.clone(),
                Arc::new(TenantView::new(
                    tenant,
                    subscribers,
                    catalogue,
                    Arc::default(),
                )),
            )
        });
        let snapshot = Snapshot {
            tenants: views.collect(),
            keys: keys.into_iter().collect(),
        };
        Self(watch::Sender::new(Arc::new(snapshot)))
    }

    #[must_use]
    pub fn now(&self) -> Arc<Snapshot> {
        self.0.borrow().clone()
    }

    /// Tells of every change from now on.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.0.subscribe()
    }

    fn change(&self, change: impl FnOnce(&Snapshot) -> Option<Snapshot>) {
        self.0.send_if_modified(|current| {
            let next = change(current).map(Arc::new);
            let changed = next.is_some();
            next.into_iter().for_each(|next| *current = next);
            changed
        });
    }

    /// Adds a tenant, or changes what is set for it.
    pub fn put_tenant(&self, tenant: Tenant) {
        self.change(|now| {
            let before = now.tenants.get(&tenant.id);
            let subscribers = before.map_or_else(BTreeMap::new, |view| view.subscribers.clone());
            let catalogue = before.map_or_else(Arc::default, |view| view.catalogue.clone());
            // What was published by another limit is not held against the new one.
            let rate = tenant.limits.events_per_s;
            let same = before.filter(|view| view.tenant.limits.events_per_s == rate);
            let allowance = same.map_or_else(Arc::default, |view| view.allowance.clone());
            let view = TenantView::new(tenant, subscribers, catalogue, allowance);
            Some(now.with_tenant(view))
        });
    }

    /// Takes out a tenant with all it has; the subscriptions that it had.
    pub fn remove_tenant(&self, tenant: &TenantId) -> Vec<SubscriptionId> {
        let mut had = Vec::new();
        self.change(|now| {
            let mut tenants = now.tenants.clone();
            let view = tenants.remove(tenant)?;
            had.extend(view.subscribers.keys());
            let keys = now.keys.without_those_of(tenant);
            Some(Snapshot { tenants, keys })
        });
        had
    }

    /// Adds or replaces an event type of its tenant's catalogue.
    pub fn put_event_type(&self, known: Arc<Known>) {
        let tenant = known.entry.tenant.clone();
        self.change_catalogue(&tenant, |catalogue| catalogue.put(known));
    }

    pub fn remove_event_type(&self, tenant: &TenantId, name: &EventType) {
        self.change_catalogue(tenant, |catalogue| drop(catalogue.remove(name)));
    }

    fn change_catalogue(&self, tenant: &TenantId, change: impl FnOnce(&mut CatalogueView)) {
        self.change(|now| {
            let view = now.tenants.get(tenant)?;
            let mut catalogue = CatalogueView::clone(&view.catalogue);
            change(&mut catalogue);
            let view = TenantView::new(
                view.tenant.clone(),
                view.subscribers.clone(),
                Arc::new(catalogue),
                view.allowance.clone(),
            );
            Some(now.with_tenant(view))
        });
    }

    /// Adds or replaces a subscription; its health goes on where it was, or begins as stored.
    /// `tell` hears of it before any publisher can match it, so that the scheduler knows it first.
    pub fn put(&self, subscription: Subscription, tell: impl FnOnce(Arc<Subscriber>)) {
        self.change(|now| {
            let view = now.tenants.get(&subscription.tenant)?;
            let mut subscribers = view.subscribers.clone();
            let id = subscription.id;
            let subscriber = Arc::new(match subscribers.get(&id) {
                Some(old) => Subscriber::with_health(subscription, old.health.clone()),
                None => Subscriber::new(subscription),
            });
            tell(subscriber.clone());
            subscribers.insert(id, subscriber);
            Some(now.with_tenant(view.with_subscribers(subscribers)))
        });
    }

    pub fn remove(&self, tenant: &TenantId, id: SubscriptionId) {
        self.change(|now| {
            let view = now.tenants.get(tenant)?;
            let mut subscribers = view.subscribers.clone();
            subscribers.remove(&id)?;
            Some(now.with_tenant(view.with_subscribers(subscribers)))
        });
    }

    pub fn put_key(&self, key: ApiKey) {
        self.change(|now| Some(now.with_keys(now.keys.with(key))));
    }

    pub fn remove_key(&self, id: KeyId) {
        self.change(|now| Some(now.with_keys(now.keys.without(id)?)));
    }
}
