//! Full cycles a second: a batch of events accepted while the outcomes of the batch before are
//! settled, durably, beside what the same disk does in bare fsyncs.
//!
//! `cargo run --release -p posthaste-sqlite --example cycle -- [seconds]`

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    sync::Arc,
    time::Duration,
};

use posthaste::{
    chance::Chance,
    clock::{Clock, SystemClock},
    event::{Event, EventDetails, Origin, TenantId},
    id::{EventId, SubscriptionId},
    json::RawJson,
};
use posthaste_sqlite::SqliteStore;
use posthaste_store::{
    Store,
    record::{Acceptance, Attempt, Parking, SettleBatch, Settlement, Standing},
};

const SUBSCRIPTIONS: u64 = 1000;
const BATCH: usize = 500;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let seconds = std::env::args().nth(1).and_then(|arg| arg.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(5));
    println!("fsync of 64 KiB: {:.0}/s", fsyncs(time / 5));
    for (fan_out, batch) in [(1, BATCH), (10, BATCH), (10, 100)] {
        let rate = cycles(fan_out, batch, time).await;
        let deliveries = rate * f64::from(fan_out);
        println!("k={fan_out} batch={batch}: {rate:.0} events/s, {deliveries:.0} deliveries/s");
    }
}

/// Overwrites of a file that does not grow.
fn fsyncs(time: Duration) -> f64 {
    let mut file: File = tempfile::tempfile().expect("a file");
    let (clock, block) = (SystemClock::new(), [7; 64 * 1024]);
    let mut written = 0;
    while clock.elapsed() < time {
        file.seek(SeekFrom::Start(written % 64 * 64 * 1024))
            .expect("a seek");
        file.write_all(&block).expect("a write");
        file.sync_data().expect("an fsync");
        written += 1;
    }
    written as f64 / clock.elapsed().as_secs_f64()
}

async fn cycles(fan_out: u32, batch: usize, time: Duration) -> f64 {
    let directory = tempfile::tempdir().expect("a directory");
    let clock = SystemClock::new();
    let path = directory.path().join("cycle.db");
    let store = SqliteStore::open(path, clock.now()).expect("a store");
    let chance = Chance::seeded(7);
    let (mut events, mut outcomes) = (0, SettleBatch::default());
    let begun = clock.elapsed();
    while clock.elapsed() - begun < time {
        let ids = store.reserve(clock.now(), &vec![fan_out; batch]);
        let request: Vec<Acceptance> = ids
            .iter()
            .map(|&id| acceptance(id, fan_out, &chance))
            .collect();
        let next = settlements(&request, clock.now(), &chance);
        let settled = std::mem::replace(&mut outcomes, next);
        let (accepted, settled) = tokio::join!(
            store.accept(clock.now(), vec![request]),
            store.settle(settled)
        );
        accepted.expect("accepted")[0]
            .as_ref()
            .expect("no conflict");
        settled.expect("settled");
        events += batch;
    }
    let rate = events as f64 / (clock.elapsed() - begun).as_secs_f64();
    store.close().await.expect("closed");
    rate
}

fn acceptance(id: EventId, fan_out: u32, chance: &Chance) -> Acceptance {
    let first = chance.bits();
    let subscriptions =
        (0..u64::from(fan_out)).map(|n| (first.wrapping_add(n * 97)) % SUBSCRIPTIONS);
    let noise: String = (0..6).map(|_| format!("{:016x}", chance.bits())).collect();
    let data = format!(
        r#"{{"id":"{noise}","object":"memory","text":"{}","tags":["a","b","c"],"score":0.25}}"#,
        "the quick brown fox jumps over the lazy dog ".repeat(8),
    );
    Acceptance {
        event: Arc::new(Event {
            id,
            tenant: TenantId::default_tenant(),
            event_type: "memory.created".parse().expect("a type"),
            details: EventDetails::default(),
            data: RawJson::trusted(data.into()),
        }),
        subscriptions: subscriptions.map(SubscriptionId::from_u64).collect(),
        idempotency: None,
    }
}

fn settlements(
    request: &[Acceptance],
    now: posthaste::clock::Timestamp,
    chance: &Chance,
) -> SettleBatch {
    let deliveries = request.iter().flat_map(|item| {
        (0..)
            .zip(item.subscriptions.iter())
            .map(move |(index, &to)| (item, index, to))
    });
    let settlements = deliveries.map(|(item, index, subscription)| Settlement {
        id: item.event.id.delivery(index),
        tenant: item.event.tenant.clone(),
        event: item.event.id,
        event_type: item.event.event_type.clone(),
        subscription,
        origin: Origin::Publish,
        format: None,
        line: None,
        batch: None,
        tries: Default::default(),
        standing: match chance.draw() < 0.01 {
            true => Standing::Waiting {
                retry_at: Some(now),
                parking: Parking::Due(now),
            },
            false => Standing::Delivered,
        },
        at: now,
        attempt: Some(Box::new(Attempt {
            number: 1,
            started_at: now,
            latency_us: 1500,
            status_code: Some(200),
            ..Attempt::default()
        })),
    });
    SettleBatch {
        settlements: settlements.collect(),
        ..SettleBatch::default()
    }
}
