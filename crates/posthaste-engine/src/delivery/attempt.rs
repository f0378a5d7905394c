//! One attempt: sign the stored body, POST it, and say what came of it.

use std::{borrow::Cow, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use posthaste::{
    body::batch_body,
    chance::Chance,
    clock::{Clock, Timestamp},
    delivery::{FailureClass, Outcome},
    event::Event,
    id::BatchId,
    subscription::OwnHeader,
    transport::{Answer, Headers, Post, Stopwatch, TransportError, WebhookTransport},
};
use posthaste_store::record::Attempt;

use super::{
    chain::{self, Chains},
    mailbox::Dispatch,
    redaction::Unsaid,
};
use crate::{
    inboxes::Reception,
    scheduler::{Assignment, Finished, Input},
    subscribers::{Subscriber, Subscribers},
};

/// What every delivery says it was sent by.
pub const USER_AGENT: &str = concat!("Posthaste/", env!("CARGO_PKG_VERSION"));

/// Makes attempts.
pub struct Sender {
    pub transport: Arc<dyn WebhookTransport>,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<Chance>,
    /// Where each tenant does not want to send, by now.
    pub subscribers: Arc<Subscribers>,
    /// Where deliveries to this server's own inboxes end.
    pub(crate) reception: Arc<Reception>,
    pub dispatch: Dispatch,
    /// This server's name to itself, in `posthaste-hop`.
    pub server: String,
}

impl Sender {
    /// Makes the attempt in a task of its own and tells the scheduler how it ended. A panic in it
    /// is a failed attempt, not an outage.
    pub fn spawn(self: Arc<Self>, assignment: Assignment) {
        tokio::spawn(async move {
            let delivery = assignment.waiting.id;
            let started = Started {
                at: self.clock.now(),
                stopwatch: self.clock.elapsed(),
                number: assignment.waiting.tries.made + 1,
            };
            let bodies = chain::bodies(&assignment);
            let chains = Chains::before(&assignment, &bodies);
            let attempt = AssertUnwindSafe(self.attempt(&assignment, bodies, started));
            let (outcome, attempt) = match attempt.catch_unwind().await {
                Ok(ended) => ended,
                Err(_) => {
                    let detail = "the attempt's task panicked";
                    self.broken(started, FailureClass::Internal, detail)
                }
            };
            self.dispatch.tell(Input::Finished(Box::new(Finished {
                delivery,
                outcome,
                links: chains.after(&attempt),
                attempt: Box::new(attempt),
                draw: self.chance.draw(),
            })));
        });
    }

    async fn attempt(
        &self,
        assignment: &Assignment,
        bodies: Vec<Option<Vec<u8>>>,
        started: Started,
    ) -> (Outcome, Attempt) {
        // A payload that brings our own code down is its own failure, and no one else's.
        let request = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let payload = payload(assignment, bodies)?;
            let headers = self.headers(assignment, &payload, started.at);
            Some((payload, headers))
        }));
        let Ok(Some((payload, headers))) = request else {
            return self.broken(started, FailureClass::Poison, "the request cannot be made");
        };
        let stopwatch = Stopwatch::new();
        let sent = self.post(&assignment.subscriber, &payload, &headers, &stopwatch);
        let result = sent.await;
        let latency = self.clock.elapsed().saturating_sub(started.stopwatch);
        let outcome = Outcome::from(&result);
        let mut attempt = record(started, latency, &headers, result);
        attempt.timings = stopwatch.timings();
        add_own(&assignment.subscriber, &mut attempt);
        (outcome, attempt)
    }

    async fn post(
        &self,
        subscriber: &Subscriber,
        payload: &Bytes,
        headers: &Headers,
        stopwatch: &Stopwatch,
    ) -> Result<Answer, TransportError> {
        let subscription = &subscriber.subscription;
        let tls = subscriber.tls.as_ref().map_err(|fault| TransportError {
            class: FailureClass::Tls,
            detail: format!("the subscription's TLS settings cannot be used: {fault}"),
        })?;
        let denied = self.subscribers.now().denied(&subscription.tenant);
        let post = Post::new(&subscription.url, payload, headers, subscription.timeout)
            .with_own(&subscriber.own_headers)
            .without(&denied)
            .timed(stopwatch)
            .secured(tls.as_ref());
        let own = self.reception.take_in(&subscription.tenant, &post).await;
        match own {
            Some(answered) => answered,
            None => self.transport.post(post).await,
        }
    }

    fn headers(&self, assignment: &Assignment, payload: &[u8], now: Timestamp) -> Headers {
        let mut headers = first_headers();
        let webhook_id = match assignment.waiting.batch {
            Some(batch) => name_batch(batch, &mut headers),
            None => {
                let (event, own_id) = (&assignment.waiting.event, assignment.waiting.id);
                name_event(event, &own_id.to_string(), &mut headers)
            }
        };
        let all = chain::deliveries(assignment);
        let hops = all.map(|waiting| waiting.event.details.hops).max();
        headers.push(hop(&self.server, hops.unwrap_or(0)));
        let signer = &assignment.subscriber.signer;
        let wall = self.clock.wall();
        signer.headers(&webhook_id, wall.unix_seconds(), now, payload, &mut headers);
        headers
    }

    /// An attempt that came to nothing by our own fault.
    fn broken(&self, started: Started, class: FailureClass, detail: &str) -> (Outcome, Attempt) {
        let latency = self.clock.elapsed().saturating_sub(started.stopwatch);
        let result = Err(TransportError {
            class,
            detail: detail.to_owned(),
        });
        let outcome = Outcome::from(&result);
        (outcome, record(started, latency, &Headers::new(), result))
    }
}

/// The body of the delivery, or of its batch; none where one of the bodies cannot be made.
fn payload(assignment: &Assignment, bodies: Vec<Option<Vec<u8>>>) -> Option<Bytes> {
    let mut bodies: Vec<Vec<u8>> = bodies.into_iter().collect::<Option<_>>()?;
    match assignment.waiting.batch {
        Some(_) => Some(Bytes::from(batch_body(&bodies))),
        None => bodies.pop().map(Bytes::from),
    }
}

/// The headers that name a batch; and its `webhook-id`.
fn name_batch(batch: BatchId, headers: &mut Headers) -> String {
    headers.push(("x-webhook-id".into(), batch.to_string()));
    batch.to_string()
}

/// The headers of a request of one event, all but its signatures: `own_id` stands for the delivery,
/// `server` for who sends it.
#[must_use]
pub fn event_headers(event: &Event, own_id: &str, server: &str) -> Headers {
    let mut headers = first_headers();
    name_event(event, own_id, &mut headers);
    headers.push(hop(server, event.details.hops));
    headers
}

fn first_headers() -> Headers {
    let mut headers = Headers::with_capacity(12);
    headers.push(("content-type".into(), "application/json".to_owned()));
    headers.push(("user-agent".into(), USER_AGENT.to_owned()));
    headers
}

/// By which this server knows an event that comes back to it as a publish.
fn hop(server: &str, hops: u8) -> (Cow<'static, str>, String) {
    ("posthaste-hop".into(), format!("{server};{}", hops + 1))
}

/// The headers that name a delivery and its event; and its `webhook-id`.
fn name_event(event: &Event, own_id: &str, headers: &mut Headers) -> String {
    let details = &event.details;
    headers.push(("x-webhook-id".into(), own_id.to_owned()));
    headers.push(("x-event-type".into(), event.event_type.to_string()));
    let correlation_id = details.correlation_id.as_ref();
    if let Some(id) = correlation_id.filter(|id| is_header_value(id)) {
        headers.push(("x-correlation-id".into(), id.clone()));
    }
    if let Some(parent) = &details.traceparent {
        headers.push(("traceparent".into(), parent.clone()));
    }
    event.id.to_string()
}

#[derive(Clone, Copy)]
struct Started {
    at: Timestamp,
    stopwatch: Duration,
    number: u32,
}

/// A control character would break the head; all else may stand in it, in UTF-8.
fn is_header_value(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn record(
    started: Started,
    latency: Duration,
    headers: &Headers,
    result: Result<Answer, TransportError>,
) -> Attempt {
    let mut attempt = Attempt {
        number: started.number,
        started_at: started.at,
        latency_us: u64::try_from(latency.as_micros()).unwrap_or(u64::MAX),
        request_headers: lines(
            headers
                .iter()
                .map(|(name, value)| (&**name, value.as_str())),
        ),
        ..Attempt::default()
    };
    match result {
        Ok(answer) => {
            let success = (200..300).contains(&answer.status);
            attempt.error = (!success).then(|| format!("http {}", answer.status));
            attempt.status_code = Some(answer.status);
            attempt.response_headers = answer.headers;
            attempt.response_body = answer.body;
        }
        Err(error) => attempt.error = Some(error.to_string()),
    }
    attempt
}

/// What the subscription's own headers add to the record; a secret shows as that alone, also where
/// the receiver echoed it.
fn add_own(subscriber: &Subscriber, attempt: &mut Attempt) {
    let own = &subscriber.own_headers;
    if own.is_empty() {
        return;
    }
    attempt.request_headers += &lines(own.iter().map(shown));
    let unsaid = Unsaid::of(&subscriber.subscription.access, own);
    attempt.response_headers = unsaid.text(std::mem::take(&mut attempt.response_headers));
    attempt.response_body = unsaid.bytes(std::mem::take(&mut attempt.response_body));
}

fn shown(own: &OwnHeader) -> (&str, &str) {
    (own.name.as_str(), own.value.shown())
}

fn lines<'a>(headers: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> String {
    let bytes = headers
        .clone()
        .map(|(name, value)| name.len() + value.len() + 3);
    let mut lines = String::with_capacity(bytes.sum());
    for (name, value) in headers {
        lines.push_str(name);
        lines.push_str(": ");
        lines.push_str(value);
        lines.push('\n');
    }
    lines
}
