//! What the first pages cost over a store with a past: a month of deliveries of a hundred
//! subscriptions, most delivered, some dead, some waiting, some held. Each page is asked for as a
//! browser asks, without the socket; what is told is the server's time.
//!
//! `cargo run --release -p posthaste-cli --example pages`, with another number of deliveries behind
//! `--` if wanted.

use std::{path::Path, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::{Request, StatusCode, header};
use posthaste::{
    clock::{Clock, SystemClock, Timestamp},
    delivery::PauseReason,
    event::TenantId,
    id::{DeliveryId, EventId, SubscriptionId},
    subscription::SubscriptionStatus,
    transport::callback::CallbackTransport,
};
use posthaste_dashboard::Options;
use posthaste_engine::{Engine, EngineConfig};
use posthaste_sqlite::SqliteStore;
use posthaste_store::{
    Store,
    conformance::fixtures,
    record::{Acceptance, Parking, SettleBatch, Settlement, Waiting},
};
use tower::ServiceExt;

const KEY: &str = "pst_0123456789012345678901234567890123456789";
const BASE: &str = "/dashboard/tenants/default";
/// Deliveries of one transaction.
const GROUP: u32 = 500;
/// Of these, to how many an event goes.
const EACH: u32 = 5;
const SUBSCRIPTIONS: u64 = 100;
/// Of these, what is held.
const PAUSED: [u64; 2] = [51, 100];
const DAYS: u64 = 30;
const ROUNDS: usize = 20;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let given = std::env::args().nth(1);
    let deliveries = given.map_or(1_000_000, |n| n.parse().expect("a number of deliveries"));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.db");
    let clock = Arc::new(SystemClock::new());
    let (event, delivery) = fill(&path, clock.now(), deliveries).await;
    let store = SqliteStore::open(&path, clock.now()).expect("it opens");
    let config = EngineConfig {
        transport: Arc::new(CallbackTransport::no_op()),
        clock: clock.clone(),
        ..EngineConfig::default()
    };
    let engine = Engine::start(store, config).await.expect("started");
    engine.ensure_platform_key(KEY).await.expect("a key");
    let router = posthaste_dashboard::router(engine.clone(), Options::default());
    let cookie = sign_in(&router).await;
    let subscription = subscription(SUBSCRIPTIONS);
    println!("| page | median | at most |\n|---|---|---|");
    for page in pages(event, delivery, subscription) {
        let (median, most) = measure(&router, &cookie, &clock, &page).await;
        println!("| `{page}` | {median:.1} ms | {most:.1} ms |");
    }
    engine.drain(Duration::from_secs(5)).await;
}

fn pages(event: EventId, delivery: DeliveryId, subscription: SubscriptionId) -> Vec<String> {
    let windows = ["1h", "24h", "7d", "30d"];
    let overviews = windows.map(|window| format!("?window={window}"));
    let live = windows.map(|window| format!("/overview/figures?window={window}"));
    let lists = [
        "/overview/series.json?window=30d",
        "/events",
        "/events?type=memory.created",
        "/events?text=nothing+like+it",
        "/deliveries",
        "/deliveries?status=failed",
        "/deliveries?status=pending",
        "/deliveries?status=held",
        "/deliveries?error=http+500",
        "/dead-letters",
        "/subscriptions",
        "/subscriptions/new",
        "/event-types",
        "/replays",
        "/replays/new",
        "/inboxes",
        "/keys",
        "/audit",
        "/settings",
    ];
    let objects = [
        format!("/events/{event}"),
        format!("/deliveries/{delivery}"),
        format!("/subscriptions/{subscription}"),
    ];
    let lists = lists.map(str::to_owned);
    overviews
        .into_iter()
        .chain(live)
        .chain(lists)
        .chain(objects)
        .collect()
}

fn subscription(n: u64) -> SubscriptionId {
    SubscriptionId::from_u64(n << 10)
}

/// So many deliveries, evenly over the last days; says an event and a dead letter of them.
async fn fill(path: &Path, now: Timestamp, deliveries: u32) -> (EventId, DeliveryId) {
    let tenant = TenantId::default_tenant();
    let span = Duration::from_secs(DAYS * 24 * 3600);
    let begin = now.as_millis() - i64::try_from(span.as_millis()).expect("a month");
    let store = SqliteStore::open(path, Timestamp::from_millis(begin)).expect("a new store");
    for n in 1..=SUBSCRIPTIONS {
        let mut new = fixtures::subscription(subscription(n), tenant.clone(), now);
        if PAUSED.contains(&n) {
            new.status = SubscriptionStatus::Paused(PauseReason::Manual);
        }
        store.insert_subscription(new).await.expect("kept");
    }
    let groups = deliveries / GROUP;
    let mut known = None;
    for group in 0..groups {
        let at = Timestamp::from_millis(begin) + span * group / groups;
        let ids = store.reserve(at, &[EACH; (GROUP / EACH) as usize]);
        let items = ids.iter().zip(u64::from(group) * u64::from(GROUP / EACH)..);
        let items: Vec<_> = items.map(|(id, n)| accepted(*id, n, &tenant)).collect();
        let owed: Vec<_> = items.iter().flat_map(Acceptance::owed).collect();
        store.accept(at, vec![items]).await.expect("accepted");
        let settlements = owed.iter().zip(group * GROUP..);
        let settlements = settlements.map(|(waiting, n)| outcome(waiting, n, at, now));
        let batch = SettleBatch {
            settlements: settlements.collect(),
            ..SettleBatch::default()
        };
        store.settle(batch).await.expect("settled");
        known = Some((ids[0], owed[3].id));
    }
    // What fills faster than any clock is folded later than in life: each of these folds a slice.
    for _ in 0..deliveries / 100 {
        store.settle(SettleBatch::default()).await.expect("folded");
    }
    store.close().await.expect("closed");
    known.expect("one group at least")
}

/// An event, to some of the subscriptions in turn.
fn accepted(id: EventId, n: u64, tenant: &TenantId) -> Acceptance {
    let first = n * u64::from(EACH);
    let to = (first..first + u64::from(EACH)).map(|n| subscription(1 + n % SUBSCRIPTIONS));
    Acceptance {
        event: fixtures::event(id, tenant.clone()).into(),
        subscriptions: to.collect::<Vec<_>>().into(),
        idempotency: None,
    }
}

/// Of a hundred: three dead, three that wait for a retry or behind a pause, the rest delivered.
fn outcome(waiting: &Waiting, n: u32, at: Timestamp, now: Timestamp) -> Settlement {
    match n % 100 {
        3 | 33 | 66 => fixtures::failed(waiting, at),
        40 => fixtures::retrying(waiting, at, now + Duration::from_secs(3600)),
        50 | 99 => fixtures::parked(waiting, at, Parking::Shelved),
        _ => fixtures::delivered(waiting, at),
    }
}

async fn sign_in(router: &Router) -> String {
    let form = Request::post("/dashboard/sign-in")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("key={KEY}")))
        .expect("a request");
    let answer = router.clone().oneshot(form).await.expect("an answer");
    let cookie = answer.headers()[header::SET_COOKIE].to_str().expect("text");
    cookie.split(';').next().expect("a cookie").to_owned()
}

/// Median and maximum, in milliseconds, of some rounds after one that is not counted.
async fn measure(router: &Router, cookie: &str, clock: &SystemClock, page: &str) -> (f64, f64) {
    let mut took_ms = Vec::new();
    for _ in 0..=ROUNDS {
        let request = Request::get(format!("{BASE}{page}")).header(header::COOKIE, cookie);
        let request = request.body(Body::empty()).expect("a request");
        let began = clock.elapsed();
        let answer = router.clone().oneshot(request).await.expect("an answer");
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
        took_ms.push((clock.elapsed() - began).as_secs_f64() * 1000.0);
        assert_eq!(status, StatusCode::OK, "{page}: {body:?}");
    }
    took_ms.remove(0);
    took_ms.sort_by(f64::total_cmp);
    (took_ms[ROUNDS / 2], took_ms[ROUNDS - 1])
}
