//! SIGKILL at random moments under load, again and again: every event that got a 202 arrives, and
//! none arrives twice but those whose outcome a kill kept from being written.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use posthaste::chance::Chance;
use posthaste_receiver::Behaviour;
use serde_json::json;

use crate::{
    api::{BASE, id},
    http::{Answer, Client, Wire},
    server::{ADMIN_KEY, Launch, Server},
    sink::Sink,
    wait::{SOON, pause, until},
};

const CYCLES: usize = 25;
const PRODUCERS: usize = 4;
/// The 202s of a cycle at most, before its kill.
const LOAD_MAX: u64 = 300;
/// Requests under way at once: the subscription's own default.
const IN_FLIGHT: usize = 32;
/// Outcomes that are written together at most, at this load.
const SETTLE_GROUP: usize = 500;

/// What producers and the killer share.
struct Load {
    address: Mutex<SocketAddr>,
    acknowledged: Mutex<BTreeSet<String>>,
    count: AtomicUsize,
    stopped: AtomicBool,
}

impl Load {
    fn on(server: &Server) -> Self {
        Self {
            address: Mutex::new(server.address),
            acknowledged: Mutex::default(),
            count: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    /// Publishes until it is stopped, over a new connection after each crash.
    fn produce(&self) {
        while !self.stopped.load(SeqCst) {
            let address = *self
                .address
                .lock()
                .expect("nothing panics while it holds this");
            if self.publish_while_it_lives(address).is_err() {
                pause();
            }
        }
    }

    fn publish_while_it_lives(&self, address: SocketAddr) -> io::Result<()> {
        let client = Client::new(address).with_key(ADMIN_KEY);
        let request = client.request(
            "POST",
            &format!("{BASE}/events"),
            br#"{"type":"a.b","data":1}"#,
        );
        let mut wire = Wire::open(address)?;
        while !self.stopped.load(SeqCst) {
            self.note(&wire.exchange(&request)?);
        }
        Ok(())
    }

    fn note(&self, answer: &Answer) {
        if answer.status == 202 {
            let event = id(&answer.json());
            self.acknowledged
                .lock()
                .expect("nothing panics while it holds this")
                .insert(event);
            self.count.fetch_add(1, SeqCst);
        }
    }
}

/// One life of the server as the receiver saw it.
struct Life {
    /// Arrivals when it was killed.
    until: usize,
    /// The latest deliveries whose outcome it had written just before.
    written: BTreeSet<String>,
    /// From the start of the process to its first delivery.
    first_delivery: Duration,
}

#[test]
fn twenty_five_kills_under_load_lose_nothing_and_repeat_only_what_was_not_yet_written() {
    let seed = seed();
    println!("POSTHASTE_SEED={seed}");
    let chance = Chance::seeded(seed);
    let (mut server, sink) = (Launch::new().start(), Sink::start());
    let client = server.client();
    client.subscribe(&sink.url(), json!({"max_in_flight": IN_FLIGHT}));
    let _flaky = subscribe_flaky(&client, seed);
    let load = Arc::new(Load::on(&server));
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|_| {
            let load = load.clone();
            std::thread::spawn(move || load.produce())
        })
        .collect();

    let mut lives = Vec::new();
    for _ in 0..CYCLES {
        let before = lives.last().map_or(0, |life: &Life| life.until);
        let (life, launch) = live(server, &sink, before, &load, chance.bits() % LOAD_MAX);
        lives.push(life);
        server = launch.start();
        *load.address.lock().unwrap() = server.address;
    }
    load.stopped.store(true, SeqCst);
    for producer in producers {
        producer.join().expect("no producer panics");
    }
    assert_nothing_is_lost(&server, &sink, &load);
    assert_repeats_are_explained(&sink, &lives);
    assert_restarts_are_quick(lives);
}

/// One more, which fails often and is tried again soon, so that rows that wait live through kills.
fn subscribe_flaky(client: &Client, seed: u64) -> Sink {
    let flaky = Sink::start();
    flaky.always(Behaviour::FailShare {
        share: 0.3,
        status: 500,
        seed,
    });
    let patient = json!({"schedule_s": vec![0.05; 30]});
    client.subscribe(
        &flaky.url(),
        json!({"retry": patient, "auto_pause_after": 0}),
    );
    flaky
}

/// Lets the server work until it has answered so many more, and kills it; `before` is what had
/// arrived when its predecessor was killed.
fn live(
    server: Server,
    sink: &Sink,
    before: usize,
    load: &Load,
    acknowledgements: u64,
) -> (Life, Launch) {
    sink.wait_for(before + 1);
    let first_delivery = server.age();
    let enough = load.count.load(SeqCst) + usize::try_from(acknowledgements).unwrap();
    until("the load goes on", SOON, || {
        (load.count.load(SeqCst) >= enough).then_some(())
    });
    let written = written(&server);
    let launch = server.kill();
    let life = Life {
        until: settled_count(sink),
        written,
        first_delivery,
    };
    (life, launch)
}

fn written(server: &Server) -> BTreeSet<String> {
    let page = server
        .client()
        .get("/deliveries?limit=1000&status=delivered");
    let delivered = page["data"].as_array().expect("a list");
    delivered.iter().map(id).collect()
}

/// The number of arrivals once the last bytes of a dead server have been read: nobody sends any
/// more, so the count stands still between two looks.
fn settled_count(sink: &Sink) -> usize {
    let mut before = sink.count();
    until("the receiver has read all", SOON, || {
        pause();
        let now = sink.count();
        (std::mem::replace(&mut before, now) == now).then_some(now)
    })
}

fn assert_nothing_is_lost(server: &Server, sink: &Sink, load: &Load) {
    let acknowledged = load.acknowledged.lock().unwrap();
    println!(
        "{} acknowledged, {} arrivals",
        acknowledged.len(),
        sink.count()
    );
    until("every acknowledged event arrives", SOON, || {
        let arrived: BTreeSet<String> = sink
            .arrivals()
            .iter()
            .map(|arrival| arrival.id().to_owned())
            .collect();
        acknowledged.is_subset(&arrived).then_some(())
    });
    until("nothing waits any more", SOON, || {
        let client = server.client();
        let waiting = ["pending", "retrying"].map(|status| {
            client
                .list(&format!("/deliveries?limit=1000&status={status}"))
                .len()
        });
        (waiting == [0, 0]).then_some(())
    });
    assert_eq!(server.client().list("/deliveries?status=failed").len(), 0);
    assert_eq!(server.client().list("/deliveries?status=held").len(), 0);
    let stored: BTreeSet<String> = server
        .client()
        .list("/events?limit=1000")
        .iter()
        .map(id)
        .collect();
    assert!(acknowledged.is_subset(&stored));
    let delivered = server
        .client()
        .list("/deliveries?limit=1000&status=delivered");
    assert_eq!(delivered.len(), 2 * stored.len(), "each of them to both");
}

/// A repeat needs a kill between its arrivals, and its outcome was not written before that kill: at
/// most what was in flight and one settle group.
fn assert_repeats_are_explained(sink: &Sink, lives: &[Life]) {
    let mut last_seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut repeats = vec![0; lives.len()];
    for (at, arrival) in sink.arrivals().iter().enumerate() {
        let Some(earlier) = last_seen.insert(arrival.id().to_owned(), at) else {
            continue;
        };
        let delivery = arrival
            .header("x-webhook-id")
            .expect("every request names its delivery");
        let kill = (lives.iter()).position(|life| (earlier + 1..=at).contains(&life.until));
        let kill = kill.unwrap_or_else(|| panic!("{delivery} came twice without a kill"));
        assert!(
            !lives[kill].written.contains(delivery),
            "{delivery} was written before kill {kill}"
        );
        repeats[kill] += 1;
    }
    println!("repeats by kill: {repeats:?}");
    let worst = repeats.iter().max().copied().unwrap_or_default();
    assert!(worst <= IN_FLIGHT + SETTLE_GROUP, "{repeats:?}");
}

/// Under a second; the worst of many on a busy machine may take longer, though not much.
fn assert_restarts_are_quick(lives: Vec<Life>) {
    let mut times: Vec<_> = lives.into_iter().map(|life| life.first_delivery).collect();
    times.sort_unstable();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    println!("from start to first delivery: median {median:?}, worst {worst:?}");
    assert!(median < Duration::from_secs(1), "{times:?}");
    assert!(worst < Duration::from_secs(5), "{times:?}");
}

fn seed() -> u64 {
    match std::env::var("POSTHASTE_SEED") {
        Ok(seed) => seed.parse().expect("POSTHASTE_SEED is a number"),
        Err(_) => Chance::from_system().bits(),
    }
}
