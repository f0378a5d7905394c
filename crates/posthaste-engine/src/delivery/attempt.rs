//! One attempt: sign the stored body, POST it, and say what came of it.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use posthaste::{
    body::body,
    chance::Chance,
    clock::{Clock, Timestamp},
    delivery::{FailureClass, Outcome},
    transport::{Answer, Headers, TransportError, WebhookTransport},
};
use posthaste_store::record::Attempt;

use super::mailbox::Dispatch;
use crate::scheduler::{Assignment, Finished, Input};

/// What every delivery says it was sent by.
pub const USER_AGENT: &str = concat!("Posthaste/", env!("CARGO_PKG_VERSION"));

/// Makes attempts.
pub struct Sender {
    pub transport: Arc<dyn WebhookTransport>,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<Chance>,
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
            let attempt = AssertUnwindSafe(self.attempt(&assignment, started)).catch_unwind();
            let (outcome, attempt) = match attempt.await {
                Ok(ended) => ended,
                Err(_) => self.panicked(started),
            };
            self.dispatch.tell(Input::Finished(Box::new(Finished {
                delivery,
                outcome,
                attempt: Box::new(attempt),
                draw: self.chance.draw(),
            })));
        });
    }

    async fn attempt(&self, assignment: &Assignment, started: Started) -> (Outcome, Attempt) {
        let subscription = &assignment.subscriber.subscription;
        let format = assignment.waiting.format.unwrap_or(subscription.format);
        let payload = Bytes::from(body(format, &assignment.waiting.event));
        let headers = self.headers(assignment, &payload, started.at);
        let sent = self
            .transport
            .send(&subscription.url, payload, &headers, subscription.timeout);
        let result = sent.await;
        let latency = self.clock.elapsed().saturating_sub(started.stopwatch);
        let outcome = Outcome::from(&result);
        let attempt = record(started, latency, &headers, result);
        (outcome, attempt)
    }

    fn headers(&self, assignment: &Assignment, payload: &[u8], now: Timestamp) -> Headers {
        let waiting = &assignment.waiting;
        let (event, details) = (&waiting.event, &waiting.event.details);
        let mut headers = Headers::with_capacity(12);
        headers.push(("content-type".into(), "application/json".to_owned()));
        headers.push(("user-agent".into(), USER_AGENT.to_owned()));
        headers.push(("x-webhook-id".into(), waiting.id.to_string()));
        headers.push(("x-event-type".into(), event.event_type.to_string()));
        if let Some(id) = details
            .correlation_id
            .as_ref()
            .filter(|id| is_header_value(id))
        {
            headers.push(("x-correlation-id".into(), id.clone()));
        }
        if let Some(parent) = &details.traceparent {
            headers.push(("traceparent".into(), parent.clone()));
        }
        let hop = format!("{};{}", self.server, details.hops + 1);
        headers.push(("posthaste-hop".into(), hop));
        let signer = &assignment.subscriber.signer;
        let wall = self.clock.wall();
        signer.headers(
            &event.id.to_string(),
            wall.unix_seconds(),
            now,
            payload,
            &mut headers,
        );
        headers
    }

    fn panicked(&self, started: Started) -> (Outcome, Attempt) {
        let latency = self.clock.elapsed().saturating_sub(started.stopwatch);
        let result = Err(TransportError {
            class: FailureClass::Internal,
            detail: "the attempt's task panicked".to_owned(),
        });
        let outcome = Outcome::from(&result);
        (outcome, record(started, latency, &Headers::new(), result))
    }
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
        request_headers: lines(headers),
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

fn lines(headers: &Headers) -> String {
    let bytes = headers
        .iter()
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
