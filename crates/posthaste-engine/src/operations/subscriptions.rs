//! Subscriptions: making, changing, pausing, deleting them, and their secrets.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use posthaste::{
    body::BodyFormat,
    clock::Timestamp,
    delivery::{Discard, Health, PauseReason},
    egress::{TargetUrl, UrlRefusal},
    event::{EventType, TenantId},
    filter::Filter,
    id::SubscriptionId,
    json::RawJson,
    retry::RetryPolicy,
    signature::{Algorithm, Scheme, Secret, Secrets},
    subscription::{
        Access, BatchLimits, EventPattern, Ordering, RateLimit, Subscription, SubscriptionStatus,
    },
};
use posthaste_store::{StoreError, audit::Action, change::Change};

use super::{
    OperationError,
    batching::{self, Mode},
    credentials::{self, AskedAccess},
    signing,
};
use crate::{
    Engine,
    scheduler::{Alert, Input, News},
    subscribers::TenantView,
    trail::{self, Details},
    upkeep,
};

/// Times a change is tried again when the subscription was paused under it.
const CHANGE_TRIES: usize = 5;

/// A subscription to be made.
#[derive(Clone)]
pub struct NewSubscription {
    pub url: TargetUrl,
    pub external_id: Option<String>,
    pub description: String,
    pub events: Vec<EventPattern>,
    pub filter: Option<Filter>,
    pub schemes: Vec<Scheme>,
    pub algorithm: Algorithm,
    /// What its receiver asks for beside a signature.
    pub access: Access,
    /// One is made where none is given.
    pub secret: Option<Secret>,
    pub retry: RetryPolicy,
    pub timeout: Duration,
    pub max_in_flight: u32,
    pub rate_limit: Option<RateLimit>,
    pub ordering: Ordering,
    /// Mode `batch`; none is mode `single`.
    pub batch: Option<BatchLimits>,
    /// Absent: as the engine is told ([`Limits`](crate::Limits)).
    pub auto_pause_after: Option<u32>,
    pub format: BodyFormat,
    /// Types of which it takes this one version alone.
    pub versions: BTreeMap<EventType, u32>,
    pub metadata: RawJson,
}

impl NewSubscription {
    /// All events to this URL, with every default.
    #[must_use]
    pub fn to(url: TargetUrl) -> Self {
        Self {
            url,
            external_id: None,
            description: String::new(),
            events: Vec::new(),
            filter: None,
            schemes: Scheme::ALL.to_vec(),
            algorithm: Algorithm::default(),
            access: Access::default(),
            secret: None,
            retry: RetryPolicy::default(),
            timeout: Duration::from_secs(10),
            max_in_flight: 32,
            rate_limit: None,
            ordering: Ordering::None,
            batch: None,
            auto_pause_after: None,
            format: BodyFormat::default(),
            versions: BTreeMap::new(),
            metadata: RawJson::empty_object(),
        }
    }
}

impl NewSubscription {
    /// The same with all that is chosen; a status is none of it.
    ///
    /// # Errors
    /// [`OperationError::Unfit`]; [`OperationError::Unsendable`].
    pub fn with(mut self, chosen: SubscriptionPatch) -> Result<Self, OperationError> {
        fn set<T>(member: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *member = value;
            }
        }
        self.batch = batching::limits(self.batch, chosen.mode, chosen.batch)?;
        self.access = chosen.access.applied(&self.access)?;
        self.auto_pause_after = chosen.auto_pause_after.or(self.auto_pause_after);
        set(&mut self.url, chosen.url);
        set(&mut self.external_id, chosen.external_id);
        set(&mut self.description, chosen.description);
        set(&mut self.events, chosen.events);
        set(&mut self.filter, chosen.filter);
        set(&mut self.schemes, chosen.schemes);
        set(&mut self.algorithm, chosen.algorithm);
        set(&mut self.retry, chosen.retry);
        set(&mut self.timeout, chosen.timeout);
        set(&mut self.max_in_flight, chosen.max_in_flight);
        set(&mut self.rate_limit, chosen.rate_limit);
        set(&mut self.ordering, chosen.ordering);
        set(&mut self.format, chosen.format);
        set(&mut self.versions, chosen.versions);
        set(&mut self.metadata, chosen.metadata);
        Ok(self)
    }
}

/// A status that someone asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedStatus {
    Active,
    Paused,
    Disabled,
}

impl RequestedStatus {
    pub const ALL: [Self; 3] = [Self::Active, Self::Paused, Self::Disabled];

    /// As it is written in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

/// Changes to a subscription; absent members stay as they are.
#[derive(Clone, Debug, Default)]
pub struct SubscriptionPatch {
    pub url: Option<TargetUrl>,
    pub external_id: Option<Option<String>>,
    pub description: Option<String>,
    pub events: Option<Vec<EventPattern>>,
    pub filter: Option<Option<Filter>>,
    pub status: Option<RequestedStatus>,
    pub schemes: Option<Vec<Scheme>>,
    /// One of the other kind makes a new secret.
    pub algorithm: Option<Algorithm>,
    pub access: AskedAccess,
    pub retry: Option<RetryPolicy>,
    pub timeout: Option<Duration>,
    pub max_in_flight: Option<u32>,
    pub rate_limit: Option<Option<RateLimit>>,
    pub ordering: Option<Ordering>,
    pub mode: Option<Mode>,
    /// Of mode `batch`; none asks for its defaults.
    pub batch: Option<Option<BatchLimits>>,
    pub auto_pause_after: Option<u32>,
    pub format: Option<BodyFormat>,
    pub versions: Option<BTreeMap<EventType, u32>>,
    pub metadata: Option<RawJson>,
}

impl SubscriptionPatch {
    fn apply(mut self, to: &mut Subscription, now: Timestamp) -> Result<(), OperationError> {
        let (before, asked) = (to.algorithm, Asked::by(&self));
        to.batch = batching::limits(to.batch, self.mode, self.batch)?;
        to.status = asked_for(self.status, to.status);
        let access = std::mem::take(&mut self.access);
        to.access = Arc::new(access.applied(&to.access)?);
        self.replace_in(to);
        asked.judge(to, now)?;
        signing::follow(to, before, now)
    }

    /// The members that depend on no other.
    fn replace_in(self, to: &mut Subscription) {
        fn set<T>(member: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *member = value;
            }
        }
        set(&mut to.url, self.url);
        set(&mut to.external_id, self.external_id);
        set(&mut to.description, self.description);
        set(&mut to.events, self.events);
        set(&mut to.filter, self.filter);
        set(&mut to.schemes, self.schemes);
        set(&mut to.algorithm, self.algorithm);
        set(&mut to.retry, self.retry);
        set(&mut to.timeout, self.timeout);
        set(&mut to.max_in_flight, self.max_in_flight);
        set(&mut to.rate_limit, self.rate_limit);
        set(&mut to.ordering, self.ordering);
        set(&mut to.auto_pause_after, self.auto_pause_after);
        set(&mut to.format, self.format);
        set(&mut to.versions, self.versions);
        set(&mut to.metadata, self.metadata);
    }
}

/// Which members a change names, of those that have to go together with others.
#[derive(Clone, Copy)]
struct Asked {
    format: bool,
    schemes: bool,
    tls: bool,
}

impl Asked {
    fn by(patch: &SubscriptionPatch) -> Self {
        Self {
            format: patch.format.is_some(),
            schemes: patch.schemes.is_some(),
            tls: patch.access.tls.is_some(),
        }
    }

    /// Whether a subscription can be as it would be. A certificate that has expired meanwhile stands
    /// in the way of nothing else.
    fn judge(self, subscription: &Subscription, now: Timestamp) -> Result<(), OperationError> {
        let tls = subscription.access.tls.as_ref();
        credentials::fits(tls, &subscription.url)?;
        credentials::check(tls.filter(|_| self.tls), now)?;
        signing::fits(subscription.algorithm, &subscription.schemes, self.schemes)?;
        let batch = subscription.batch.as_ref();
        Ok(batching::fits(batch, subscription.format, self.format)?)
    }
}

/// One that is paused already keeps its reason.
fn asked_for(status: Option<RequestedStatus>, now: SubscriptionStatus) -> SubscriptionStatus {
    match (status, now) {
        (None, now) => now,
        (Some(RequestedStatus::Active), _) => SubscriptionStatus::Active,
        (Some(RequestedStatus::Disabled), _) => SubscriptionStatus::Disabled,
        (Some(RequestedStatus::Paused), SubscriptionStatus::Paused(reason)) => {
            SubscriptionStatus::Paused(reason)
        }
        (Some(RequestedStatus::Paused), _) => SubscriptionStatus::Paused(PauseReason::Manual),
    }
}

impl Engine {
    /// Whether a tenant may ask for deliveries to this URL. Judges the URL alone and resolves
    /// nothing. To its own inboxes on this server nothing is dialled, so they may stand anywhere.
    ///
    /// # Errors
    /// Why not.
    pub fn judge_url(&self, tenant: &TenantId, url: &TargetUrl) -> Result<(), UrlRefusal> {
        if self.0.reception.is_own(tenant, url) {
            return Ok(());
        }
        self.0.config.egress.judge(url)?;
        self.snapshot().denied(tenant).judge(url)
    }

    /// # Errors
    /// [`OperationError::Exists`] where the external id is taken; [`OperationError::Unfit`];
    /// [`OperationError::Unsendable`]; [`OperationError::Unsignable`];
    /// [`OperationError::UnsupportedTypes`]; [`OperationError::Quota`].
    pub async fn subscribe(
        &self,
        tenant: &TenantId,
        new: NewSubscription,
    ) -> Result<Arc<Subscription>, OperationError> {
        batching::fits(new.batch.as_ref(), new.format, true)?;
        let tls = new.access.tls.as_ref();
        credentials::fits(tls, &new.url)?;
        credentials::check(tls, self.now())?;
        signing::fits(new.algorithm, &new.schemes, true)?;
        let secret = new.secret.as_ref();
        secret.map_or(Ok(()), |secret| signing::takes(new.algorithm, secret))?;
        let (engine, tenant) = (self.clone(), tenant.clone());
        let made = async move { engine.make(&tenant, new).await };
        self.to_the_end(made).await
    }

    async fn make(
        &self,
        tenant: &TenantId,
        new: NewSubscription,
    ) -> Result<Arc<Subscription>, OperationError> {
        let _changing = self.0.changing.lock().await;
        let snapshot = self.snapshot();
        let view = snapshot
            .tenants
            .get(tenant)
            .ok_or(OperationError::NotFound("tenant"))?;
        supported(view, &new.events)?;
        let limit = self.limits().subscriptions(&view.tenant.limits);
        if view.subscribers.len() >= limit {
            let what = "subscriptions";
            return Err(OperationError::Quota { what, limit });
        }
        let now = self.now();
        let id = SubscriptionId::at(self.new_place(now));
        let usual = self.0.config.limits.auto_pause_after;
        let subscription = made(id, tenant, new, usual, now);
        let details = Details::given(&trail::subscription(&subscription)).secret("secret");
        let action = Action::CreateSubscription;
        let entry = self.entry(Some(tenant), action, Some(id.to_string()), details);
        let insert = Change::InsertSubscription(Box::new(subscription.clone()));
        self.0.store.change(insert, entry).await.map_err(taken)?;
        self.publish_change(subscription.clone(), false);
        Ok(Arc::new(subscription))
    }

    /// A tenant's, newest first, with their health as it is now.
    #[must_use]
    pub fn subscriptions(&self, tenant: &TenantId) -> Vec<Arc<Subscription>> {
        let snapshot = self.snapshot();
        let view = snapshot.tenants.get(tenant);
        let subscribers = view
            .into_iter()
            .flat_map(|view| view.subscribers.values().rev());
        subscribers
            .map(|subscriber| Arc::new(subscriber.shown()))
            .collect()
    }

    #[must_use]
    pub fn subscription(&self, tenant: &TenantId, id: SubscriptionId) -> Option<Arc<Subscription>> {
        let snapshot = self.snapshot();
        let subscriber = snapshot.subscriber(tenant, id)?;
        Some(Arc::new(subscriber.shown()))
    }

    /// Changes a subscription. One that becomes disabled has what waits discarded; one that
    /// becomes active again has its failures forgiven.
    ///
    /// # Errors
    /// [`OperationError::Stale`] where its revision is not `if_revision`; `NotFound`; `Exists`;
    /// [`OperationError::Unfit`], [`OperationError::Unsendable`] and [`OperationError::Unsignable`],
    /// judged by what the subscription would be; [`OperationError::RotationUnderWay`] where it would
    /// have a new secret;
    /// [`OperationError::UnsupportedTypes`], of the types that are asked for.
    pub async fn change_subscription(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        patch: SubscriptionPatch,
        if_revision: Option<u64>,
    ) -> Result<Arc<Subscription>, OperationError> {
        let act = Action::UpdateSubscription;
        self.patch(tenant, id, patch, if_revision, act).await
    }

    async fn patch(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        patch: SubscriptionPatch,
        if_revision: Option<u64>,
        action: Action,
    ) -> Result<Arc<Subscription>, OperationError> {
        if let (Some(view), Some(events)) = (self.snapshot().tenants.get(tenant), &patch.events) {
            supported(view, events)?;
        }
        let now = self.now();
        let change = move |mut subscription: Subscription| {
            if if_revision.is_some_and(|expected| expected != subscription.revision) {
                return Err(OperationError::Stale);
            }
            patch.clone().apply(&mut subscription, now)?;
            Ok(subscription)
        };
        let changed = self.change(tenant, id, (action, false), change).await?;
        if changed.status == SubscriptionStatus::Disabled {
            let (store, clock) = (&self.0.store, &self.0.config.clock);
            upkeep::discard::all_parked(store, clock, id, Discard::Disabled).await?;
        }
        Ok(changed)
    }

    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn pause(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
    ) -> Result<Arc<Subscription>, OperationError> {
        let patch = SubscriptionPatch {
            status: Some(RequestedStatus::Paused),
            ..SubscriptionPatch::default()
        };
        let action = Action::PauseSubscription;
        self.patch(tenant, id, patch, None, action).await
    }

    /// What was held goes out, and the endpoint's failures are forgiven, also where it was active
    /// all along: its circuit may be open.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn resume(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
    ) -> Result<Arc<Subscription>, OperationError> {
        let status = SubscriptionStatus::Active;
        let activate = move |now| Ok(Subscription { status, ..now });
        let action = Action::ResumeSubscription;
        self.change(tenant, id, (action, true), activate).await
    }

    /// Deletes it; what it was owed becomes discarded.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn unsubscribe(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
    ) -> Result<(), OperationError> {
        let (engine, tenant) = (self.clone(), tenant.clone());
        let deleted = async move { engine.delete(&tenant, id).await };
        self.to_the_end(deleted).await
    }

    async fn delete(&self, tenant: &TenantId, id: SubscriptionId) -> Result<(), OperationError> {
        let _changing = self.0.changing.lock().await;
        let before = self.subscription(tenant, id);
        let before = before.ok_or(OperationError::NotFound("subscription"))?;
        let details = Details::given(&trail::subscription(&before));
        let action = Action::DeleteSubscription;
        let entry = self.entry(Some(tenant), action, Some(id.to_string()), details);
        let delete = Change::DeleteSubscription {
            tenant: tenant.clone(),
            id,
            now: self.now(),
        };
        let deleted = self.0.store.change(delete, entry).await;
        deleted.map_err(|error| match error {
            StoreError::Missing => OperationError::NotFound("subscription"),
            other => other.into(),
        })?;
        self.0.subscribers.remove(tenant, id);
        self.0.dispatch.tell(Input::Removed(id));
        tokio::spawn(self.clone().discard_parked(id, Discard::Deleted));
        Ok(())
    }

    /// Makes the alert of what someone did to a subscription.
    async fn tell(&self, tenant: &TenantId, id: SubscriptionId, news: Option<News>) {
        let snapshot = self.snapshot();
        let (Some(news), Some(subscriber)) = (news, snapshot.subscriber(tenant, id)) else {
            return;
        };
        let subscriber = subscriber.clone();
        let Ok(slot) = self.0.intake.slot().await else {
            return;
        };
        if let Some(event) = self.0.alerts.event(&Alert { subscriber, news })
            && let Err(error) = slot.accept(vec![event]).await
        {
            tracing::error!(%error, subscription = %id, "subscription.alert");
        }
    }

    /// Reads, changes and writes a subscription, again if attempts paused it meanwhile; what changes
    /// nothing is neither written nor told. `forgive`: its failures, which becoming active does
    /// anyway; `action`: what is done to it.
    pub(super) async fn change(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        (action, forgive): (Action, bool),
        change: impl Fn(Subscription) -> Result<Subscription, OperationError> + Send + Sync + 'static,
    ) -> Result<Arc<Subscription>, OperationError> {
        let (engine, tenant) = (self.clone(), tenant.clone());
        let how = (action, forgive);
        let changed = async move { engine.change_now(&tenant, id, how, change).await };
        self.to_the_end(changed).await
    }

    async fn change_now(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        (action, forgive): (Action, bool),
        change: impl Fn(Subscription) -> Result<Subscription, OperationError> + Send + Sync,
    ) -> Result<Arc<Subscription>, OperationError> {
        let _changing = self.0.changing.lock().await;
        for _ in 0..CHANGE_TRIES {
            let stored = self.0.store.subscription(tenant, id).await?;
            let before = stored.ok_or(OperationError::NotFound("subscription"))?;
            let was = before.status;
            let mut after = change(before.clone())?;
            if !forgive && after == before {
                let found = self.subscription(tenant, id);
                return found.ok_or(OperationError::NotFound("subscription"));
            }
            after.revision += 1;
            after.updated_at = self.now();
            let resumed = forgive || is_resumed(was, after.status);
            let entry = self.entry_of_change(action, &before, &after);
            let update = Change::UpdateSubscription {
                subscription: Box::new(after.clone()),
                forgive: resumed,
            };
            match self.0.store.change(update, entry).await {
                Err(StoreError::Stale) => {}
                Err(error) => return Err(taken(error)),
                Ok(()) => {
                    let news = news(was, after.status);
                    self.publish_change(after, resumed);
                    self.tell(tenant, id, news).await;
                    return self.subscription(tenant, id).ok_or(OperationError::Stale);
                }
            }
        }
        Err(OperationError::Stale)
    }
}

/// Whether the tenant's catalogue has the exact types among these patterns; the platform's own are in
/// every one.
fn supported(view: &TenantView, events: &[EventPattern]) -> Result<(), OperationError> {
    let unsupported = |pattern: &EventPattern| match pattern {
        EventPattern::Exact(name) => {
            !name.is_platforms() && !view.catalogue.takes(view.tenant.catalogue, name)
        }
        EventPattern::Prefix(_) | EventPattern::All => false,
    };
    let events = events.iter().enumerate();
    let places: Vec<usize> = events
        .filter_map(|(place, pattern)| unsupported(pattern).then_some(place))
        .collect();
    match places.is_empty() {
        true => Ok(()),
        false => Err(OperationError::UnsupportedTypes(places)),
    }
}

fn is_resumed(was: SubscriptionStatus, is: SubscriptionStatus) -> bool {
    was != SubscriptionStatus::Active && is == SubscriptionStatus::Active
}

/// What there is to tell of a change of status.
fn news(was: SubscriptionStatus, is: SubscriptionStatus) -> Option<News> {
    match (was, is) {
        (SubscriptionStatus::Paused(_), SubscriptionStatus::Active) => Some(News::Resumed),
        (SubscriptionStatus::Active, SubscriptionStatus::Paused(why)) => Some(News::Paused(why)),
        _ => None,
    }
}

fn made(
    id: SubscriptionId,
    tenant: &TenantId,
    new: NewSubscription,
    auto_pause_after: u32,
    now: Timestamp,
) -> Subscription {
    Subscription {
        id,
        tenant: tenant.clone(),
        external_id: new.external_id,
        url: new.url,
        description: new.description,
        events: new.events,
        filter: new.filter,
        status: SubscriptionStatus::Active,
        schemes: new.schemes,
        algorithm: new.algorithm,
        secrets: Secrets::new(new.secret.unwrap_or_else(|| new.algorithm.new_secret())),
        access: Arc::new(new.access),
        retry: new.retry,
        timeout: new.timeout,
        max_in_flight: new.max_in_flight,
        rate_limit: new.rate_limit,
        ordering: new.ordering,
        batch: new.batch,
        auto_pause_after: new.auto_pause_after.unwrap_or(auto_pause_after),
        format: new.format,
        versions: new.versions,
        metadata: new.metadata,
        health: Health::default(),
        created_at: now,
        updated_at: now,
        revision: 1,
    }
}

fn taken(error: StoreError) -> OperationError {
    match error {
        StoreError::Exists(_) => OperationError::Exists {
            what: "external_id",
        },
        StoreError::Missing => OperationError::NotFound("subscription"),
        other => other.into(),
    }
}
