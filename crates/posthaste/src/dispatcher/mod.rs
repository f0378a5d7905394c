//! The dispatcher to embed: events out of a program to its webhooks, without a server or a store.
//!
//! It is the simple front of the parts that the server runs on: one signer, one retry policy, one
//! transport, one rule of who wants what. What it does not do is remember: an event that is under
//! way when the program ends is lost. The engine with a store is for those who cannot have that.

mod result;
mod timer;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, future::join_all};

pub use result::{DeliveryResult, WebhookStatus};
pub use timer::Timer;
#[cfg(feature = "http")]
pub use timer::TokioTimer;

use crate::{
    chance::Chance,
    clock::{Clock, SystemClock},
    delivery::{Outcome, Transition, Tries, plan},
    registry::{Webhook, WebhookConfig, WebhookRegistry},
    retry::{Preset, RetryPolicy},
    transport::{Answer, Headers, TransportError, WebhookTransport, callback::CallbackTransport},
    webhook_event::WebhookEvent,
};

/// Events of a stream that [`WebhookDispatcher::listen`] has under way at once.
const LISTEN_MAX: usize = 64;

const USER_AGENT: &str = concat!("Posthaste/", env!("CARGO_PKG_VERSION"));

type Observer = dyn Fn(&DeliveryResult) + Send + Sync;

/// Sends events to the webhooks that want them.
#[derive(Clone)]
pub struct WebhookDispatcher {
    registry: Arc<WebhookRegistry>,
    transport: Arc<dyn WebhookTransport>,
    timer: Arc<dyn Timer>,
    clock: Arc<dyn Clock>,
    chance: Arc<Chance>,
    observer: Option<Arc<Observer>>,
}

/// A dispatcher for the webhooks of a registry.
///
/// Without a transport nothing is sent and every attempt is answered with 200, so that a program
/// can be tried before its receivers exist.
#[must_use]
pub fn create_webhook_dispatcher(
    registry: Arc<WebhookRegistry>,
    transport: Option<Arc<dyn WebhookTransport>>,
) -> WebhookDispatcher {
    WebhookDispatcher {
        registry,
        transport: transport.unwrap_or_else(|| Arc::new(CallbackTransport::no_op())),
        timer: default_timer(),
        clock: Arc::new(SystemClock::new()),
        chance: Arc::new(Chance::from_system()),
        observer: None,
    }
}

#[cfg(feature = "http")]
fn default_timer() -> Arc<dyn Timer> {
    Arc::new(TokioTimer)
}

#[cfg(not(feature = "http"))]
fn default_timer() -> Arc<dyn Timer> {
    Arc::new(crate::park::ParkTimer)
}

impl WebhookDispatcher {
    /// Waits for retries on another timer. The default is tokio's; without the feature `http` it is
    /// one that works inside [`crate::blocking`] alone.
    #[must_use]
    pub fn with_timer(self, timer: Arc<dyn Timer>) -> Self {
        Self { timer, ..self }
    }

    /// Reads another clock, and draws jitter from another source: for tests.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>, chance: Arc<Chance>) -> Self {
        Self {
            clock,
            chance,
            ..self
        }
    }

    /// Shows every step of every delivery to a function: `pending` before the first attempt, then
    /// what each attempt came to. It is called between attempts, so it must not block.
    #[must_use]
    pub fn with_observer(self, see: impl Fn(&DeliveryResult) + Send + Sync + 'static) -> Self {
        let observer: Arc<Observer> = Arc::new(see);
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// One attempt for each webhook that wants the event, all at once. Results stand in the order
    /// of registration; without such a webhook there are none.
    pub async fn dispatch(&self, event: &WebhookEvent) -> Vec<DeliveryResult> {
        self.to_each(event, |_| RetryPolicy::preset(Preset::None))
            .await
    }

    /// The same, and each webhook's own retries where an attempt fails. Comes back when the last
    /// webhook has the event or has spent its attempts.
    pub async fn dispatch_with_retry(&self, event: &WebhookEvent) -> Vec<DeliveryResult> {
        self.to_each(event, |webhook| webhook.policy().clone())
            .await
    }

    /// Dispatches a program's own events, with retries, until their stream ends; comes back when
    /// the last one is done. Up to 64 events are under way at once, so that a receiver that fails
    /// holds up nobody; [`Self::with_observer`] tells what becomes of them.
    pub async fn listen(&self, events: impl Stream<Item = WebhookEvent>) {
        let dispatch = |event: WebhookEvent| async move {
            self.dispatch_with_retry(&event).await;
        };
        events.for_each_concurrent(LISTEN_MAX, dispatch).await;
    }

    async fn to_each(
        &self,
        event: &WebhookEvent,
        policy: impl Fn(&Webhook) -> RetryPolicy,
    ) -> Vec<DeliveryResult> {
        let body = Bytes::from(event.to_json());
        let webhooks = self.registry.list_for_event(event.event_type());
        let deliveries = webhooks
            .iter()
            .map(|webhook| self.deliver(webhook, policy(webhook), event, &body));
        join_all(deliveries).await
    }

    /// Attempts until one succeeds or the policy has no more of them.
    async fn deliver(
        &self,
        webhook: &Webhook,
        policy: RetryPolicy,
        event: &WebhookEvent,
        body: &Bytes,
    ) -> DeliveryResult {
        let mut result = DeliveryResult::pending(webhook.id(), event.event_id());
        let mut tries = Tries::default();
        loop {
            self.show(&result);
            tries = tries.one_more();
            let answered = self.attempt(webhook, event, body.clone()).await;
            let (now, draw) = (self.clock.now(), self.chance.draw());
            let transition = plan(tries, &Outcome::from(&answered), &policy, now, draw);
            let status = status(transition);
            result = result.after(status, tries, &answered);
            if let Transition::RetryAt(at) = transition {
                self.timer.wait(at.since(now)).await;
            } else {
                self.show(&result);
                return result;
            }
        }
    }

    /// One signed request. A retry is signed anew, with its own timestamp.
    async fn attempt(
        &self,
        webhook: &Webhook,
        event: &WebhookEvent,
        body: Bytes,
    ) -> Result<Answer, TransportError> {
        let wall = self.clock.wall();
        let mut headers: Headers = vec![
            ("content-type".into(), "application/json".into()),
            ("user-agent".into(), USER_AGENT.into()),
            ("x-event-type".into(), event.event_type().to_string()),
        ];
        let (id, seconds) = (event.event_id(), wall.unix_seconds());
        let signer = webhook.signer();
        signer.headers(id, seconds, wall, &body, &mut headers);
        let WebhookConfig { url, timeout, .. } = webhook.config();
        self.transport.send(url, body, &headers, *timeout).await
    }

    fn show(&self, result: &DeliveryResult) {
        if let Some(observer) = &self.observer {
            observer(result);
        }
    }
}

fn status(transition: Transition) -> WebhookStatus {
    match transition {
        Transition::Deliver => WebhookStatus::Delivered,
        Transition::RetryAt(_) => WebhookStatus::Retrying,
        Transition::DeadLetter => WebhookStatus::Failed,
    }
}

impl fmt::Debug for WebhookDispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("WebhookDispatcher");
        shown
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
