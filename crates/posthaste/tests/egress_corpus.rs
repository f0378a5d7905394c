//! The corpus of hostile and good URLs, line by line: what each stage must stop, and let through.
//!
//! Stage H (a hostile exchange behind a good URL) is tried on real sockets in `http_transport.rs`;
//! here its URLs must pass.
#![cfg(feature = "http")]

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use posthaste::{
    delivery::FailureClass,
    egress::{Answers, EgressRules, Resolver, TargetUrl, VetError, vet},
};

const PUBLIC: &str = "93.184.215.14";
const OWN: &str = "93.184.215.99";

struct Line<'a> {
    good: bool,
    stage: &'a str,
    url: String,
    note: &'a str,
}

fn corpus() -> Vec<Line<'static>> {
    let text = include_str!("data/egress_urls.txt");
    let lines = text
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines.map(read).collect()
}

fn read(line: &str) -> Line<'_> {
    let mut columns = line.splitn(4, '\t');
    let mut column = || columns.next().expect("four columns");
    let (good, stage, url, note) = (column() == "good", column(), column(), column());
    let url = match url.strip_prefix("json:") {
        Some(json) => serde_json::from_str(json).expect("a JSON string"),
        None => url.to_owned(),
    };
    let url = url.replace("<path of 4000 bytes>", &"a".repeat(4000));
    Line {
        good,
        stage,
        url,
        note,
    }
}

impl Line<'_> {
    fn dns(&self) -> &str {
        let note = self.note.split_once("[dns: ").map(|(_, dns)| dns);
        note.map_or("", |dns| dns.trim_end_matches(']'))
    }

    fn rules(&self) -> EgressRules {
        EgressRules {
            allow_http: true,
            nat64: self.note.contains("nat64=true"),
            deny: vec![OWN.parse().unwrap()],
            ..EgressRules::default()
        }
    }
}

/// Answers by a corpus note; the n-th query gets the n-th answer where the note has several.
struct Stub {
    note: String,
    queries: AtomicUsize,
}

#[async_trait::async_trait]
impl Resolver for Stub {
    async fn resolve(&self, name: &str) -> io::Result<Answers> {
        assert!(!name.ends_with('.'), "{name}");
        let query = self.queries.fetch_add(1, Ordering::Relaxed);
        if ["NXDOMAIN", "SERVFAIL"].contains(&self.note.as_str()) {
            return Err(io::Error::other(self.note.clone()));
        }
        Ok(answers(&self.note, query))
    }
}

fn answers(note: &str, query: usize) -> Answers {
    let is_separator = |c| c == ';' || c == '/';
    let takes = note.split(is_separator).filter(|t| !t.contains("HTTPS"));
    let takes: Vec<&str> = takes.collect();
    let take = takes[query % takes.len()].replace("<own address>", OWN);
    let words = take.split([' ', ',']);
    let mut addresses: Vec<IpAddr> = words.filter_map(|word| word.parse().ok()).collect();
    let aliases = take.split_once("CNAME x").map_or(0, |(_, rest)| {
        let digits = rest.split(' ').next().expect("a count");
        digits.parse().expect("a count of aliases")
    });
    if addresses.is_empty() {
        addresses.push(PUBLIC.parse().unwrap());
    }
    Answers { addresses, aliases }
}

/// Two attempts, as a delivery and its retry make them.
async fn dial_twice(line: &Line<'_>, url: &TargetUrl) -> [Result<Vec<IpAddr>, VetError>; 2] {
    let resolver = Stub {
        note: line.dns().to_owned(),
        queries: AtomicUsize::new(0),
    };
    let attempt = async || {
        let sockets = vet(url, &line.rules(), &resolver, Duration::from_secs(3)).await?;
        Ok(sockets.iter().map(SocketAddr::ip).collect())
    };
    [attempt().await, attempt().await]
}

#[track_caller]
fn check_registration(line: &Line) {
    let (url, note) = (&line.url, line.note);
    let judged = url
        .parse::<TargetUrl>()
        .and_then(|url| line.rules().judge(&url));
    let expected = line.good || !line.stage.starts_with('R');
    assert_eq!(judged.is_ok(), expected, "{url} {note}: {judged:?}");
}

/// What the URL standard makes of a refused literal is refused as an address too.
#[track_caller]
fn check_literal(line: &Line) {
    let parsed = url::Url::parse(&line.url).expect("a literal that parses");
    let address = match parsed.host() {
        Some(url::Host::Ipv4(address)) => address.into(),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address),
        other => panic!("{}: {other:?} is no address", line.url),
    };
    let judged = line.rules().judge_address(address);
    assert!(judged.is_err(), "{} {}", line.url, line.note);
}

async fn check_connect(line: &Line<'_>) {
    let url = line.url.parse().expect("passes registration");
    let attempts = dial_twice(line, &url).await;
    for addresses in attempts.iter().flatten() {
        let public = PUBLIC.parse::<IpAddr>().unwrap();
        assert!(
            addresses.iter().all(|a| *a == public),
            "{url} dials {addresses:?}"
        );
    }
    let expected = match line.dns() {
        "NXDOMAIN" | "SERVFAIL" => Some(FailureClass::Dns),
        // An address hint in an HTTPS record is never asked for: only the judged A is dialled.
        dns if dns.contains("HTTPS") => None,
        _ => Some(FailureClass::Blocked),
    };
    let refusal = attempts.iter().find_map(|attempt| attempt.as_ref().err());
    assert_eq!(
        refusal.map(VetError::class),
        expected,
        "{url} {}",
        line.note
    );
}

async fn check_good(line: &Line<'_>) {
    let url = line.url.parse().expect("passes registration");
    for attempt in dial_twice(line, &url).await {
        let addresses = attempt.unwrap_or_else(|e| panic!("{url}: {e}"));
        assert!(!addresses.is_empty(), "{url}");
    }
}

#[tokio::test]
async fn every_line_of_the_corpus_is_stopped_where_it_says_or_passes() {
    let corpus = corpus();
    for line in &corpus {
        check_registration(line);
        match line.stage {
            "R" => {}
            "R+C" => check_literal(line),
            "C" => check_connect(line).await,
            "H" | "-" => check_good(line).await,
            other => panic!("unknown stage {other}"),
        }
    }
    let good = corpus.iter().filter(|line| line.good).count();
    assert_eq!((good, corpus.len()), (37, 242));
}

#[test]
fn what_needs_a_switch_is_refused_without_it() {
    for line in corpus().iter().filter(|line| line.good) {
        let url: TargetUrl = line.url.parse().unwrap();
        let switched = !url.is_https() || line.note.contains("nat64=true");
        let judged = EgressRules::default().judge(&url);
        assert_eq!(judged.is_err(), switched, "{url}: {judged:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_never_answers_is_given_three_seconds() {
    struct Silent;
    #[async_trait::async_trait]
    impl Resolver for Silent {
        async fn resolve(&self, _: &str) -> io::Result<Answers> {
            std::future::pending().await
        }
    }
    let url = "https://example.com/".parse().unwrap();
    let rules = EgressRules::default();
    let refused = vet(&url, &rules, &Silent, Duration::from_secs(3)).await;
    assert_eq!(refused.unwrap_err().class(), FailureClass::Dns);
}

#[tokio::test]
async fn a_thousand_answers_are_all_judged_and_sixteen_kept() {
    struct Many(&'static str);
    #[async_trait::async_trait]
    impl Resolver for Many {
        async fn resolve(&self, _: &str) -> io::Result<Answers> {
            let mut addresses = vec![PUBLIC.parse().unwrap(); 999];
            addresses.push(self.0.parse().unwrap());
            Ok(Answers {
                addresses,
                aliases: 0,
            })
        }
    }
    let url = "https://example.com/".parse().unwrap();
    let rules = EgressRules::default();
    let budget = Duration::from_secs(3);
    let good = vet(&url, &rules, &Many(PUBLIC), budget).await.unwrap();
    assert_eq!(good.len(), 16);
    let refused = vet(&url, &rules, &Many("10.0.0.1"), budget)
        .await
        .unwrap_err();
    assert_eq!(refused.class(), FailureClass::Blocked);
    assert!(
        !refused.detail().contains("10.0.0.1"),
        "{}",
        refused.detail()
    );
}

proptest::proptest! {
    #[test]
    fn an_accepted_url_reads_what_it_wrote_and_http_can_carry_it(
        host in r"(\[[0-9a-f:.%]{0,20}\]|[a-zA-Z0-9.é_-]{1,20})(:[0-9]{1,5})?",
        rest in r"([/?]\PC{0,60})?",
    ) {
        let text = format!("https://{host}{rest}");
        if let Ok(url) = text.parse::<TargetUrl>() {
            proptest::prop_assert_eq!(url.as_str().parse::<TargetUrl>(), Ok(url.clone()));
            proptest::prop_assert!(url.as_str().parse::<http::Uri>().is_ok(), "{}", url);
            let path = url.path_and_query().parse::<http::Uri>();
            proptest::prop_assert!(path.is_ok_and(|path| path.path().starts_with('/')), "{}", url);
        }
    }
}
