//! How a subscription is set, in words.

use posthaste::{
    retry::RetryPolicy,
    subscription::{Access, Auth, BatchLimits, Ordering, RateLimit, Subscription, TlsSettings},
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
        ("Retries", retries(&of.retry)),
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

fn retries(policy: &RetryPolicy) -> String {
    let waits: Vec<String> = policy.waits().iter().map(show::span).collect();
    match (waits.is_empty(), policy.jitter()) {
        (true, _) => "none: one attempt".to_owned(),
        (false, 0.0) => format!("after {}", waits.join(", ")),
        (false, jitter) => {
            let more = (jitter * 100.0).round();
            format!("after {}; each up to {more} % longer", waits.join(", "))
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(policy: &str, expected: &str) {
        let policy = serde_json::from_str(policy).unwrap();
        assert_eq!(retries(&policy), expected);
    }

    #[test]
    fn retries_are_told_by_their_waits() {
        check(
            r#""default""#,
            "after 5 s, 30 s, 2 min, 10 min, 1 h; each up to 20 % longer",
        );
        check(r#""quick""#, "after 2 s, 4 s, 8 s");
        check(r#""none""#, "none: one attempt");
        check(
            r#"{"schedule_s":[0.2,1.6],"jitter":0}"#,
            "after 200 ms, 1.6 s",
        );
    }
}
