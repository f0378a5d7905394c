//! What stands in the fields before anyone has typed.

use posthaste::{
    signature::Algorithm,
    subscription::{BatchLimits, Subscription},
};
use posthaste_engine::operations::batching::Mode;

use super::{access, retry};
use crate::{query::Query, show::setting};

type Fields = Vec<(&'static str, String)>;

/// The fields of a subscription that is to be made: every default.
pub(crate) fn blank() -> Query {
    let mut fields: Fields = vec![
        ("algorithm", Algorithm::default().to_string()),
        ("timeout_ms", "10000".to_owned()),
        ("max_in_flight", "32".to_owned()),
        ("format", "envelope".to_owned()),
        ("ordering", "none".to_owned()),
        ("retry", "default".to_owned()),
        ("auth", "none".to_owned()),
    ];
    let schemes = posthaste::signature::Scheme::ALL.iter();
    fields.extend(schemes.map(|scheme| ("schemes", scheme.as_str().to_owned())));
    fields.extend(batch(None));
    query(fields)
}

/// The fields of one that there is.
pub(crate) fn written(subscription: &Subscription) -> Query {
    let one = subscription;
    let mut fields: Fields = vec![
        ("url", one.url.as_str().to_owned()),
        ("description", one.description.clone()),
        ("external_id", one.external_id.clone().unwrap_or_default()),
        ("status", one.status.as_str().to_owned()),
        ("algorithm", one.algorithm.to_string()),
        ("timeout_ms", one.timeout.as_millis().to_string()),
        ("max_in_flight", one.max_in_flight.to_string()),
        ("auto_pause_after", one.auto_pause_after.to_string()),
        ("ordering", setting(&one.ordering)),
        ("format", setting(&one.format)),
        ("revision", one.revision.to_string()),
    ];
    fields.extend(
        one.events
            .iter()
            .map(|pattern| ("events", pattern.to_string())),
    );
    fields.extend(
        one.schemes
            .iter()
            .map(|scheme| ("schemes", scheme.as_str().to_owned())),
    );
    fields.extend(
        one.filter
            .iter()
            .map(|filter| ("filter", filter.to_string())),
    );
    let rate = one.rate_limit.map(|limit| limit.per_s().to_string());
    fields.extend(rate.map(|rate| ("rate_limit_per_s", rate)));
    let versions = one
        .versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"));
    fields.push(("versions", versions.collect::<Vec<_>>().join("\n")));
    if one.metadata.as_str() != "{}" {
        fields.push(("metadata", one.metadata.as_str().to_owned()));
    }
    fields.extend(retry::written(&one.retry));
    fields.extend(batch(one.batch.as_ref()));
    fields.extend(access::written(&one.access));
    query(fields)
}

fn batch(limits: Option<&BatchLimits>) -> Fields {
    let mode = Mode::of(limits);
    let limits = limits.copied().unwrap_or_default();
    vec![
        ("mode", setting(&mode)),
        ("batch_max_events", limits.max_events.to_string()),
        ("batch_max_wait_ms", limits.max_wait_ms.to_string()),
        ("batch_max_bytes", limits.max_bytes.to_string()),
    ]
}

fn query(fields: Fields) -> Query {
    let owned = |(name, value): (&str, String)| (name.to_owned(), value);
    Query::of(fields.into_iter().map(owned).collect())
}
