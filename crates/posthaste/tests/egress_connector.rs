//! The corpus forced past registration: what the connector itself stops, on real sockets and
//! offline.
//!
//! The one public address of the corpus is a receiver on 127.0.0.2, which alone is allowed here; a
//! trap listens on the same port of 127.0.0.1, which a good part of the corpus leads to.
#![cfg(feature = "http")]

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use posthaste::{
    delivery::FailureClass,
    egress::{Answers, EgressRules, Resolver, TargetUrl},
    transport::{
        Headers, TransportError, WebhookTransport,
        http::{HttpConfig, HttpTransport},
    },
};
use posthaste_receiver::{Receiver, Script};

const PUBLIC: &str = "93.184.215.14";
const HERE: &str = "127.0.0.2";
const OWN: &str = "127.0.0.3";
const AMPLE: Duration = Duration::from_secs(20);

/// Answers by a corpus note, its public address being here.
struct Stub {
    note: String,
    queries: AtomicUsize,
}

#[async_trait::async_trait]
impl Resolver for Stub {
    async fn resolve(&self, _: &str) -> io::Result<Answers> {
        let query = self.queries.fetch_add(1, Relaxed);
        if ["NXDOMAIN", "SERVFAIL"].contains(&self.note.as_str()) {
            return Err(io::Error::other(self.note.clone()));
        }
        let takes: Vec<&str> = self
            .note
            .split([';', '/'])
            .filter(|t| !t.contains("HTTPS"))
            .collect();
        let take = takes[query % takes.len()];
        let take = take.replace(PUBLIC, HERE).replace("<own address>", OWN);
        let addresses = take.split([' ', ',']).filter_map(|word| word.parse().ok());
        let addresses: Vec<IpAddr> = addresses.collect();
        let aliases = take.split_once("CNAME x").map_or(0, |(_, rest)| {
            let digits = rest.split(' ').next().expect("a count");
            digits.parse().expect("a count of aliases")
        });
        Ok(match addresses.is_empty() {
            true => Answers {
                addresses: vec![HERE.parse().unwrap()],
                aliases,
            },
            false => Answers { addresses, aliases },
        })
    }
}

struct World {
    good: Receiver,
    trap: Receiver,
}

impl World {
    /// Both on one port, which is none that belongs to another protocol.
    async fn new() -> Self {
        loop {
            let listen = format!("{HERE}:0").parse().unwrap();
            let good = Receiver::start(listen, Script::default()).await.unwrap();
            let port = good.address().port();
            let trap = SocketAddr::new("127.0.0.1".parse().unwrap(), port);
            if let Ok(trap) = Receiver::start(trap, Script::default()).await {
                return Self { good, trap };
            }
        }
    }

    /// The URL as a client of the good receiver's port would write it.
    fn here(&self, url: &str) -> Option<TargetUrl> {
        let mut url = url::Url::parse(url).ok()?;
        url.set_scheme("http").ok()?;
        let port = url.port().unwrap_or(self.good.address().port());
        url.set_port(Some(port)).ok()?;
        url.as_str().parse().ok()
    }
}

/// One attempt over a connection of its own, and what the operator was told of a refusal.
async fn attempt(resolver: Arc<Stub>, url: &TargetUrl) -> (Result<u16, TransportError>, String) {
    let told = Arc::new(Mutex::new(String::new()));
    let log = told.clone();
    let transport = HttpTransport::new(HttpConfig {
        rules: Arc::new(EgressRules {
            allow: vec![format!("{HERE}/32").parse().unwrap()],
            deny: vec![OWN.parse().unwrap()],
            allow_http: true,
            ..EgressRules::default()
        }),
        resolver,
        watch: Arc::new(move |_, refusal| *log.lock().unwrap() = refusal.to_string()),
        ..HttpConfig::default()
    });
    let (transport, headers) = (transport.unwrap(), Headers::new());
    let sent = transport.send(url, Bytes::new(), &headers, AMPLE).await;
    let told = told.lock().unwrap().clone();
    (sent.map(|answer| answer.status), told)
}

/// What two attempts come to: the first failure's class, if one of them fails.
async fn forced(note: &str, url: &TargetUrl) -> Option<FailureClass> {
    let note = note.split_once("[dns: ").map_or("", |(_, dns)| dns);
    let resolver = Arc::new(Stub {
        note: note.trim_end_matches(']').to_owned(),
        queries: AtomicUsize::new(0),
    });
    let mut class = None;
    for _ in 0..2 {
        let (sent, told) = attempt(resolver.clone(), url).await;
        let Err(error) = sent else { continue };
        if error.class == FailureClass::Blocked {
            assert_eq!(
                error.to_string(),
                "blocked: this server does not send there"
            );
            assert!(!told.is_empty(), "{url}");
        }
        class.get_or_insert(error.class);
    }
    class
}

/// Its stage, URL and note, of a bad line that a URL can be made of.
fn bad(line: &str) -> Option<(&str, String, &str)> {
    let mut columns = line.strip_prefix("bad\t")?.splitn(3, '\t');
    let (stage, url, note) = (columns.next()?, columns.next()?, columns.next()?);
    let url = match url.strip_prefix("json:") {
        Some(json) => serde_json::from_str(json).ok()?,
        None => url.to_owned(),
    };
    Some((stage, url, note))
}

fn expected(stage: &str, note: &str) -> Option<FailureClass> {
    match stage {
        "C" if note.contains("NXDOMAIN") || note.contains("SERVFAIL") => Some(FailureClass::Dns),
        // An address hint in an HTTPS record is never asked for.
        "C" if note.contains("HTTPS") => None,
        _ => Some(FailureClass::Blocked),
    }
}

#[tokio::test]
async fn what_is_forced_past_registration_is_stopped_at_the_connector() {
    let world = World::new().await;
    let mut tried = 0;
    for line in include_str!("data/egress_urls.txt").lines() {
        let Some((stage, url, note)) = bad(line).filter(|bad| bad.0 != "H") else {
            continue;
        };
        // What cannot even be made a target is stopped before there is anything to connect with.
        let Some(target) = world.here(&url) else {
            assert!(stage.starts_with('R'), "{url}");
            continue;
        };
        // The parser's repair of a confusing URL may be a good one.
        if stage == "R" && EgressRules::anywhere().judge(&target).is_ok() && is_public(&target) {
            continue;
        }
        let class = forced(note, &target).await;
        assert_eq!(class, expected(stage, note), "{url} {target} {note}");
        tried += 1;
    }
    assert!(tried > 100, "{tried}");
    assert_eq!(world.trap.connections(), 0, "the trap");
    assert!(world.good.connections() > 0);
}

/// Whether its host is a name that strict rules have nothing against.
fn is_public(url: &TargetUrl) -> bool {
    let rules = EgressRules {
        allow_http: true,
        ..EgressRules::default()
    };
    rules.judge(url).is_ok()
}
