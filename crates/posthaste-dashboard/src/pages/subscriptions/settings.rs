//! How a subscription is set, in words.

use posthaste::subscription::{
    Access, Auth, BatchLimits, Ordering, RateLimit, Subscription, TlsSettings,
};

use crate::show;

/// What is set, and to what.
pub(super) fn settings(of: &Subscription) -> Vec<(&'static str, String)> {
    let schemes: Vec<&str> = of.schemes.iter().map(|scheme| scheme.as_str()).collect();
    let mut settings = vec![
        (
            "Signatures",
            format!("{}; {}", schemes.join(", "), of.algorithm),
        ),
        ("Body", show::setting(&of.format)),
        ("Retries", show::setting(&of.retry)),
        ("Timeout", show::span(of.timeout)),
        ("Rate", rate(of.rate_limit)),
        ("At once", format!("up to {} requests", of.max_in_flight)),
        ("Mode", mode(of.batch.as_ref())),
        ("Order", order(of.ordering).to_owned()),
        ("Pauses itself", pause(of.auto_pause_after)),
        ("Credentials", auth(&of.access)),
        ("TLS", tls(of.access.tls.as_ref()).to_owned()),
    ];
    if !of.versions.is_empty() {
        let versions = of.versions.iter().map(|(name, n)| format!("{name} {n}"));
        settings.push(("Versions", versions.collect::<Vec<_>>().join(", ")));
    }
    settings
}

fn rate(limit: Option<RateLimit>) -> String {
    let told = |limit: RateLimit| format!("up to {} requests a second", limit.per_s());
    limit.map_or_else(|| "no limit".to_owned(), told)
}

fn mode(batch: Option<&BatchLimits>) -> String {
    let told = |batch: &BatchLimits| {
        let (events, bytes, wait_ms) = (batch.max_events, batch.max_bytes, batch.max_wait_ms);
        format!("batch: up to {events} events or {bytes} bytes, gathered for up to {wait_ms} ms")
    };
    batch.map_or_else(|| "single: one event a request".to_owned(), told)
}

fn order(ordering: Ordering) -> &'static str {
    match ordering {
        Ordering::None => "none: deliveries may overtake each other",
        Ordering::Fifo => "fifo: one at a time for each ordering key",
    }
}

fn pause(after: u32) -> String {
    match after {
        0 => "never".to_owned(),
        n => format!("after {n} dead letters in a row"),
    }
}

fn auth(access: &Access) -> String {
    match &access.auth {
        None => "none".to_owned(),
        Some(Auth::Basic { username, .. }) => format!("basic, as {username}"),
        Some(Auth::Bearer(_)) => "a bearer token".to_owned(),
    }
}

fn tls(settings: Option<&TlsSettings>) -> &'static str {
    match settings.map(|tls| (tls.ca_pem.is_some(), tls.client.is_some())) {
        Some((true, true)) => "an authority of its own, and a client certificate",
        Some((true, false)) => "an authority of its own",
        Some((false, true)) => "a client certificate",
        None | Some((false, false)) => "the public authorities",
    }
}
