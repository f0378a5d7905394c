//! Inboxes: made, with a subscription that leads to them where that is wanted, changed and deleted.

use std::sync::Arc;

use posthaste::{
    egress::TargetUrl,
    event::TenantId,
    id::{InboxId, SubscriptionId},
    signature::Secret,
    subscription::{EventPattern, Subscription},
};
use posthaste_store::{
    Page, StoreError,
    audit::Action,
    change::Change,
    inbox::{AnswerType, Bin, Check, Inbox, InboxAnswer, InboxRequest},
    query::Stretch,
};

use super::{NewSubscription, OperationError};
use crate::{
    Engine,
    inboxes::{INBOXES_MAX, NotReceived, Place, new_token},
    trail::{self, Details},
};

/// An inbox to be made.
#[derive(Clone)]
pub struct NewInbox {
    pub name: String,
    pub bin: NewBin,
    /// Makes a subscription to it, of these events.
    pub subscribe: Option<Vec<EventPattern>>,
}

#[derive(Clone)]
pub enum NewBin {
    Own {
        answer: InboxAnswer,
        check: NewCheck,
    },
    /// A fresh URL at webhook.site.
    WebhookSite,
}

/// What an inbox is to verify with.
#[derive(Clone)]
pub enum NewCheck {
    Nothing,
    Subscription(SubscriptionId),
    Secret(Secret),
}

/// Changes to an inbox; absent members stay as they are.
#[derive(Clone, Default)]
pub struct InboxPatch {
    pub name: Option<String>,
    pub answer: AnswerPatch,
    pub check: Option<NewCheck>,
    /// Makes a subscription to it, of these events.
    pub subscribe: Option<Vec<EventPattern>>,
}

/// Changes to what it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerPatch {
    pub status: Option<u16>,
    pub delay_ms: Option<u32>,
    pub retry_after_s: Option<Option<u32>>,
    pub content_type: Option<AnswerType>,
    pub body: Option<String>,
}

impl AnswerPatch {
    #[must_use]
    pub fn applied(self, to: InboxAnswer) -> InboxAnswer {
        InboxAnswer {
            status: self.status.unwrap_or(to.status),
            delay_ms: self.delay_ms.unwrap_or(to.delay_ms),
            retry_after_s: self.retry_after_s.unwrap_or(to.retry_after_s),
            content_type: self.content_type.unwrap_or(to.content_type),
            body: self.body.unwrap_or(to.body),
        }
    }
}

impl Engine {
    /// Makes an inbox. With `subscribe` it verifies what comes with the secret of the subscription
    /// that is made with it.
    ///
    /// # Errors
    /// [`OperationError::Quota`]; [`OperationError::UnknownTarget`] where there is no such
    /// subscription; [`OperationError::WebhookSiteOff`] and [`OperationError::Upstream`] where
    /// webhook.site gives no URL; those of [`Engine::subscribe`].
    pub async fn create_inbox(
        &self,
        tenant: &TenantId,
        new: NewInbox,
    ) -> Result<Arc<Inbox>, OperationError> {
        let room = self.inboxes(tenant).len() < INBOXES_MAX;
        room.then_some(()).ok_or_else(too_many)?;
        let (bin, check) = match new.bin {
            NewBin::Own { answer, check } => {
                let token = new_token();
                (Bin::Own { token, answer }, self.checked(tenant, check)?)
            }
            NewBin::WebhookSite => (self.webhook_site(tenant).await?, Check::Nothing),
        };
        let inbox = Inbox {
            id: InboxId::at(self.new_place(self.now())),
            tenant: tenant.clone(),
            name: new.name,
            bin,
            check,
            made: None,
            revision: 1,
        };
        let engine = self.clone();
        let made = async move { engine.make_inbox(inbox, new.subscribe).await };
        self.to_the_end(made).await
    }

    /// The subscription first: what it needs may be refused, and then nothing was made.
    async fn make_inbox(
        &self,
        mut inbox: Inbox,
        subscribe: Option<Vec<EventPattern>>,
    ) -> Result<Arc<Inbox>, OperationError> {
        if let Some(events) = subscribe {
            self.lead_to(&mut inbox, events).await?;
        }
        let kept = self.keep_inbox(inbox.clone()).await;
        if let (Err(_), Some(id)) = (&kept, inbox.made) {
            self.unsubscribe(&inbox.tenant, id).await.ok();
        }
        kept
    }

    async fn keep_inbox(&self, inbox: Inbox) -> Result<Arc<Inbox>, OperationError> {
        let _changing = self.0.changing.lock().await;
        if self.inboxes(&inbox.tenant).len() >= INBOXES_MAX {
            return Err(too_many());
        }
        let details = with_secret(Details::given(&trail::inbox(&inbox)), &inbox);
        let object = Some(inbox.id.to_string());
        let entry = self.entry(Some(&inbox.tenant), Action::CreateInbox, object, details);
        let insert = Change::InsertInbox(Box::new(inbox.clone()));
        self.0.store.change(insert, entry).await.map_err(gone)?;
        self.0.reception.inboxes.put(inbox.clone());
        Ok(Arc::new(inbox))
    }

    /// A subscription that leads there, and is verified with there.
    async fn lead_to(
        &self,
        inbox: &mut Inbox,
        events: Vec<EventPattern>,
    ) -> Result<(), OperationError> {
        let new = NewSubscription {
            events,
            description: format!("to the inbox {} {}", inbox.id, inbox.name)
                .trim_end()
                .to_owned(),
            ..NewSubscription::to(self.inbox_url(inbox))
        };
        let id = self.subscribe(&inbox.tenant, new).await?.id;
        (inbox.check, inbox.made) = (Check::Subscription(id), Some(id));
        Ok(())
    }

    fn checked(&self, tenant: &TenantId, check: NewCheck) -> Result<Check, OperationError> {
        Ok(match check {
            NewCheck::Nothing => Check::Nothing,
            NewCheck::Secret(secret) => Check::Secret(secret),
            NewCheck::Subscription(id) => {
                let found = self.subscription(tenant, id);
                found.ok_or(OperationError::UnknownTarget(id))?;
                Check::Subscription(id)
            }
        })
    }

    /// Where requests to it go.
    ///
    /// # Panics
    /// Never: a URL of this server's and a token are a URL.
    #[must_use]
    pub fn inbox_url(&self, inbox: &Inbox) -> TargetUrl {
        match &inbox.bin {
            Bin::WebhookSite { url, .. } => url.clone(),
            Bin::Own { token, .. } => {
                let url = self.0.reception.url(token.expose());
                url.parse().expect("an origin, a path and a token")
            }
        }
    }

    /// A tenant's, newest first.
    #[must_use]
    pub fn inboxes(&self, tenant: &TenantId) -> Vec<Arc<Inbox>> {
        self.0.reception.inboxes.of(tenant)
    }

    #[must_use]
    pub fn inbox(&self, tenant: &TenantId, id: InboxId) -> Option<Arc<Inbox>> {
        let known = self.0.reception.inboxes.get(tenant, id)?;
        Some(known.inbox.clone())
    }

    /// The subscription that leads to it: the one that was made with it, or that it verifies with.
    #[must_use]
    pub fn leading_to(&self, inbox: &Inbox) -> Option<Arc<Subscription>> {
        let known = inbox.made.into_iter().chain(inbox.subscription());
        let mut alive = known.filter_map(|id| self.subscription(&inbox.tenant, id));
        alive.next()
    }

    fn known_inbox(&self, tenant: &TenantId, id: InboxId) -> Result<Arc<Inbox>, OperationError> {
        let known = self.inbox(tenant, id);
        known.ok_or(OperationError::NotFound("inbox"))
    }

    /// What came to it, newest first, by number.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn inbox_requests(
        &self,
        tenant: &TenantId,
        id: InboxId,
        stretch: Stretch,
    ) -> Result<Page<InboxRequest>, OperationError> {
        self.known_inbox(tenant, id)?;
        Ok(self.0.store.inbox_requests(tenant, id, stretch).await?)
    }

    /// One of them.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn inbox_request(
        &self,
        tenant: &TenantId,
        id: InboxId,
        number: u64,
    ) -> Result<InboxRequest, OperationError> {
        self.known_inbox(tenant, id)?;
        let before = number.saturating_sub(1);
        let found = self.0.store.inbox_requests_after(tenant, id, before, 1);
        let found = found.await?.pop();
        let found = found.filter(|request| request.number == number);
        found.ok_or(OperationError::NotFound("request"))
    }

    /// Changes an inbox.
    ///
    /// # Errors
    /// [`OperationError::Stale`] where its revision is not `if_revision`;
    /// [`OperationError::AnsweredElsewhere`] where webhook.site keeps what is to be changed;
    /// [`OperationError::Exists`] where a subscription leads to it already; those of
    /// [`Self::create_inbox`]; `NotFound`.
    pub async fn change_inbox(
        &self,
        tenant: &TenantId,
        id: InboxId,
        patch: InboxPatch,
        if_revision: Option<u64>,
    ) -> Result<Arc<Inbox>, OperationError> {
        let (engine, tenant) = (self.clone(), tenant.clone());
        let changed = async move {
            let now = engine.known_inbox(&tenant, id)?;
            if if_revision.is_some_and(|expected| expected != now.revision) {
                return Err(OperationError::Stale);
            }
            let after = engine.patched(&now, patch).await?;
            let kept = engine.keep_changed(&now, after.clone()).await;
            if let (Err(_), Some(id)) = (&kept, after.made.filter(|_| now.made != after.made)) {
                engine.unsubscribe(&tenant, id).await.ok();
            }
            kept
        };
        self.to_the_end(changed).await
    }

    /// As it would be; where a subscription is asked for, that is made.
    async fn patched(&self, now: &Inbox, patch: InboxPatch) -> Result<Inbox, OperationError> {
        let elsewhere = matches!(now.bin, Bin::WebhookSite { .. });
        let mut after = now.clone();
        after.name = patch.name.unwrap_or(after.name);
        if elsewhere && patch.answer != AnswerPatch::default() {
            return Err(OperationError::AnsweredElsewhere("answer"));
        }
        if let Bin::Own { answer, .. } = &mut after.bin {
            *answer = patch.answer.applied(answer.clone());
        }
        if let Some(check) = patch.check {
            if elsewhere && matches!(check, NewCheck::Secret(_)) {
                return Err(OperationError::AnsweredElsewhere("secret"));
            }
            // As it was shown, also where that subscription is gone.
            let same =
                matches!(check, NewCheck::Subscription(id) if now.subscription() == Some(id));
            if !same {
                after.check = self.checked(&now.tenant, check)?;
            }
        }
        if let Some(events) = patch.subscribe {
            if self.leading_to(now).is_some() {
                let what = "place of the inbox's subscription";
                return Err(OperationError::Exists { what });
            }
            self.lead_to(&mut after, events).await?;
        }
        after.revision += 1;
        Ok(after)
    }

    async fn keep_changed(&self, now: &Inbox, after: Inbox) -> Result<Arc<Inbox>, OperationError> {
        let _changing = self.0.changing.lock().await;
        let details = Details::changed(&trail::inbox(now), &trail::inbox(&after));
        let details = match now.check == after.check {
            true => details,
            false => with_secret(details, &after),
        };
        let object = Some(now.id.to_string());
        let entry = self.entry(Some(&now.tenant), Action::UpdateInbox, object, details);
        let update = Change::UpdateInbox(Box::new(after.clone()));
        self.0.store.change(update, entry).await.map_err(gone)?;
        self.0.reception.inboxes.put(after.clone());
        Ok(Arc::new(after))
    }

    /// Deletes it with all that came to it, and with the subscription that was made with it, where
    /// that still leads here.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn delete_inbox(&self, tenant: &TenantId, id: InboxId) -> Result<(), OperationError> {
        let (engine, tenant) = (self.clone(), tenant.clone());
        let deleted = async move {
            let inbox = engine.known_inbox(&tenant, id)?;
            let made = inbox.made.and_then(|id| engine.subscription(&tenant, id));
            let url = engine.inbox_url(&inbox);
            if let Some(made) = made.filter(|made| made.url == url) {
                engine.unsubscribe(&tenant, made.id).await?;
            }
            let _changing = engine.0.changing.lock().await;
            let details = Details::given(&trail::inbox(&inbox));
            let (action, object) = (Action::DeleteInbox, Some(id.to_string()));
            let entry = engine.entry(Some(&tenant), action, object, details);
            let delete = Change::DeleteInbox { tenant, id };
            engine.0.store.change(delete, entry).await.map_err(gone)?;
            engine.0.reception.inboxes.remove(id);
            Ok(())
        };
        self.to_the_end(deleted).await
    }

    /// A place for a request that came to this token, before its body is read.
    ///
    /// # Errors
    /// [`NotReceived::NoInbox`]; [`NotReceived::TooMany`].
    pub fn enter_inbox(&self, token: &str) -> Result<Place, NotReceived> {
        self.0.reception.enter(token)
    }
}

fn with_secret(details: Details, inbox: &Inbox) -> Details {
    match inbox.check {
        Check::Secret(_) => details.secret("secret"),
        Check::Nothing | Check::Subscription(_) => details,
    }
}

fn too_many() -> OperationError {
    OperationError::Quota {
        what: "inboxes",
        limit: INBOXES_MAX,
    }
}

fn gone(error: StoreError) -> OperationError {
    match error {
        StoreError::Missing => OperationError::NotFound("inbox"),
        other => other.into(),
    }
}
