use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use futures_util::stream;
use serde_json::json;
use tokio::sync::Barrier;

use super::*;
use crate::{
    clock::{ManualClock, Timestamp},
    delivery::FailureClass,
    egress::TargetUrl,
    registry::create_webhook_registry,
    retry::Exponential,
    signature::{Scheme, Secret, XWebhookHash, verify},
    webhook_event::WebhookEventType,
};

const SECRET: &str = "a secret of some length";
const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A timer that comes back at once, moves the clock, and remembers what it was asked for.
struct FakeTimer {
    clock: Arc<ManualClock>,
    waits: Mutex<Vec<Duration>>,
}

#[async_trait]
impl Timer for FakeTimer {
    async fn wait(&self, duration: Duration) {
        self.waits.lock().unwrap().push(duration);
        self.clock.advance(duration);
    }
}

type Request = (String, Bytes, Headers);

/// A dispatcher whose receivers answer what a function says, and everything that it did.
struct Bench {
    registry: Arc<WebhookRegistry>,
    dispatcher: WebhookDispatcher,
    timer: Arc<FakeTimer>,
    requests: Arc<Mutex<Vec<Request>>>,
    seen: Arc<Mutex<Vec<(u32, WebhookStatus)>>>,
}

impl Bench {
    fn new(
        answer: impl Fn(usize) -> Result<Answer, TransportError> + Send + Sync + 'static,
    ) -> Self {
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let sent = requests.clone();
        let transport = CallbackTransport::fallible(move |url, payload, headers| {
            let mut sent = sent.lock().unwrap();
            sent.push((url.to_string(), payload.clone(), headers.clone()));
            answer(sent.len())
        });
        let clock = Arc::new(ManualClock::at(START));
        let timer = Arc::new(FakeTimer {
            clock: clock.clone(),
            waits: Mutex::default(),
        });
        let registry = create_webhook_registry();
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let seeing = seen.clone();
        let dispatcher = create_webhook_dispatcher(registry.clone(), Some(Arc::new(transport)))
            .with_clock(clock, Arc::new(Chance::seeded(1)))
            .with_timer(timer.clone())
            .with_observer(move |result| {
                seeing.lock().unwrap().push((result.attempt, result.status));
            });
        Self {
            registry,
            dispatcher,
            timer,
            requests,
            seen,
        }
    }

    fn register(&self, id: &str, change: impl FnOnce(&mut WebhookConfig)) {
        let url = format!("https://example.com/{id}").parse().unwrap();
        let mut config = WebhookConfig::new(url, Secret::trusted(SECRET.into()));
        change(&mut config);
        self.registry.register(id, config).unwrap();
    }

    fn waits_s(&self) -> Vec<f64> {
        let waits = self.timer.waits.lock().unwrap();
        waits.iter().map(Duration::as_secs_f64).collect()
    }
}

fn event() -> WebhookEvent {
    WebhookEvent::new(WebhookEventType::CREATED, json!({"b": 1, "a": 2})).at(START)
}

fn answers(status: u16) -> Result<Answer, TransportError> {
    Ok(status.into())
}

#[tokio::test]
async fn dispatch_attempts_once_at_every_webhook_that_wants_the_event() {
    let bench = Bench::new(|n| answers(if n == 1 { 204 } else { 500 }));
    bench.register("z", |_| {});
    bench.register("other", |config| {
        config.events = vec!["deleted".parse().unwrap()];
    });
    bench.register("off", |config| config.active = false);
    bench.register("a", |config| {
        config.events = vec!["created".parse().unwrap()];
    });
    let event = event();
    let results = bench.dispatcher.dispatch(&event).await;
    let expected = |webhook_id: &str, status, status_code, error: Option<&str>| DeliveryResult {
        webhook_id: webhook_id.into(),
        event_id: event.event_id().into(),
        status,
        status_code: Some(status_code),
        attempt: 1,
        error: error.map(Into::into),
    };
    let why = Some("http: the receiver answered 500");
    assert_eq!(
        results,
        [
            expected("z", WebhookStatus::Delivered, 204, None),
            expected("a", WebhookStatus::Failed, 500, why),
        ]
    );
    assert!(bench.waits_s().is_empty());
}

#[tokio::test]
async fn a_retry_waits_n_times_the_delay_until_one_succeeds() {
    let bench = Bench::new(|n| answers(if n < 4 { 503 } else { 200 }));
    bench.register("a", |_| {});
    let results = bench.dispatcher.dispatch_with_retry(&event()).await;
    assert_eq!(results[0].status, WebhookStatus::Delivered);
    assert_eq!(results[0].attempt, 4);
    assert_eq!(bench.waits_s(), [1.0, 2.0, 3.0]);
    let seen = bench.seen.lock().unwrap();
    assert_eq!(
        *seen,
        [
            (0, WebhookStatus::Pending),
            (1, WebhookStatus::Retrying),
            (2, WebhookStatus::Retrying),
            (3, WebhookStatus::Retrying),
            (4, WebhookStatus::Delivered),
        ]
    );
}

#[tokio::test]
async fn spent_attempts_and_a_410_fail() {
    let bench = Bench::new(|_| answers(500));
    bench.register("a", |config| {
        config.retry_delay = Duration::from_millis(500);
    });
    let results = bench.dispatcher.dispatch_with_retry(&event()).await;
    assert_eq!(
        (results[0].attempt, results[0].status),
        (4, WebhookStatus::Failed)
    );
    assert_eq!(bench.waits_s(), [0.5, 1.0, 1.5]);

    let bench = Bench::new(|_| answers(410));
    bench.register("a", |_| {});
    let results = bench.dispatcher.dispatch_with_retry(&event()).await;
    assert_eq!(
        (results[0].attempt, results[0].status),
        (1, WebhookStatus::Failed)
    );
}

#[tokio::test]
async fn a_policy_of_ones_own_and_retry_after_set_the_waits() {
    let bench = Bench::new(|n| {
        Ok(Answer {
            retry_after: (n == 1).then_some(Duration::from_secs(60)),
            ..Answer::from(429)
        })
    });
    let form = Exponential {
        base_s: 1.0,
        factor: 3.0,
        max_s: 5.0,
        retries: 3,
    };
    let policy = RetryPolicy::exponential(form, 0.0).unwrap();
    bench.register("a", |config| config.retry = Some(policy));
    bench.dispatcher.dispatch_with_retry(&event()).await;
    assert_eq!(bench.waits_s(), [60.0, 3.0, 5.0]);
}

#[tokio::test]
async fn without_an_answer_there_is_an_error_and_no_status() {
    let bench = Bench::new(|_| {
        Err(TransportError {
            class: FailureClass::Connect,
            detail: "refused".into(),
        })
    });
    bench.register("a", |_| {});
    let result = &bench.dispatcher.dispatch(&event()).await[0];
    assert_eq!(result.status_code, None);
    assert_eq!(result.error.as_deref(), Some("connect: refused"));
}

#[tokio::test]
async fn every_attempt_is_signed_anew_and_verifies() {
    let bench = Bench::new(|_| answers(500));
    bench.register("a", |config| {
        config.signature_algorithm = XWebhookHash::Sha512;
    });
    let event = event();
    bench.dispatcher.dispatch_with_retry(&event).await;
    let requests = bench.requests.lock().unwrap();
    let mut now = START;
    for (n, (url, body, headers)) in (1..).zip(requests.iter()) {
        assert_eq!(url, "https://example.com/a");
        assert_eq!(body, event.to_json().as_bytes());
        for scheme in [Scheme::Standard, Scheme::XWebhook] {
            let found = verify(scheme, XWebhookHash::Sha512, SECRET, headers, body, now);
            assert_eq!(found, Ok(()));
        }
        let value = |name: &str| headers.iter().find(|(n, _)| n == name).unwrap().1.as_str();
        assert_eq!(value("webhook-id"), event.event_id());
        assert_eq!(value("webhook-timestamp"), now.unix_seconds().to_string());
        assert_eq!(value("x-event-type"), "created");
        assert_eq!(value("content-type"), "application/json");
        now = now + Duration::from_secs(n);
    }
    assert_eq!(requests.len(), 4);
}

/// Answers nobody before all have asked.
struct Together(Barrier);

#[async_trait]
impl WebhookTransport for Together {
    async fn send(
        &self,
        _: &TargetUrl,
        _: Bytes,
        _: &Headers,
        _: Duration,
    ) -> Result<Answer, TransportError> {
        self.0.wait().await;
        answers(200)
    }
}

#[tokio::test]
async fn all_webhooks_are_attempted_at_once() {
    let bench = Bench::new(|_| answers(500));
    for n in 0..50 {
        bench.register(&n.to_string(), |_| {});
    }
    let together = Arc::new(Together(Barrier::new(50)));
    let dispatcher = create_webhook_dispatcher(bench.registry.clone(), Some(together));
    let results = dispatcher.dispatch(&event()).await;
    let ids: Vec<String> = results.into_iter().map(|r| r.webhook_id).collect();
    assert_eq!(ids, (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn listen_dispatches_a_stream_until_it_ends() {
    let bench = Bench::new(|n| answers(if n % 2 == 0 { 200 } else { 500 }));
    bench.register("a", |_| {});
    let events: Vec<WebhookEvent> = (0..100).map(|_| event()).collect();
    bench.dispatcher.listen(stream::iter(events)).await;
    let seen = bench.seen.lock().unwrap();
    let delivered = seen.iter().filter(|(_, s)| *s == WebhookStatus::Delivered);
    assert_eq!(delivered.count(), 100);
}

#[tokio::test]
async fn without_a_transport_nothing_is_sent_and_all_is_well() {
    let bench = Bench::new(|_| answers(500));
    bench.register("a", |_| {});
    let dispatcher = create_webhook_dispatcher(bench.registry.clone(), None);
    let results = dispatcher.dispatch_with_retry(&event()).await;
    assert_eq!(results[0].status_code, Some(200));
    assert!(bench.requests.lock().unwrap().is_empty());
}

#[cfg(feature = "http")]
#[tokio::test(start_paused = true)]
async fn tokios_timer_waits_in_tokios_time() {
    let hour = Duration::from_secs(3600);
    let sooner = tokio::time::timeout(hour - Duration::from_secs(1), TokioTimer.wait(hour));
    assert!(sooner.await.is_err(), "not before the hour");
    let later = tokio::time::timeout(hour + Duration::from_secs(1), TokioTimer.wait(hour));
    assert!(later.await.is_ok(), "and not after it");
}
