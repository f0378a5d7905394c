//! What someone asks of a list, as it stands in the path: read once, and told where it is wrong.

use posthaste::{clock::Timestamp, delivery::DeliveryStatus};
use posthaste_store::{
    audit::AuditQuery,
    query::{DeliveryQuery, EventQuery},
};

use crate::{query::Query, reading::Reading, wrongs::Wrongs};

/// The fields that a list of deliveries is narrowed by.
pub(crate) const OF_DELIVERIES: [&str; 9] = [
    "status",
    "subscription",
    "type",
    "event",
    "since",
    "until",
    "outcome_since",
    "outcome_until",
    "error",
];

const TYPE: &str = "expected a type such as order.paid";

pub(crate) fn deliveries(query: &Query, now: Timestamp) -> (DeliveryQuery, Wrongs) {
    let mut of = Reading::of(query);
    let wanted = DeliveryQuery {
        status: of.unless_empty("status", |name| {
            DeliveryStatus::named(name).ok_or("expected a status")
        }),
        subscription: of.read_as("subscription", "expected sub_…"),
        event: of.read_as("event", "expected evt_…"),
        event_type: of.read_as("type", TYPE),
        since: of.time("since", now),
        until: of.time("until", now),
        outcome_since: of.time("outcome_since", now),
        outcome_until: of.time("outcome_until", now),
        error: query.text("error").map(|error| error.trim().to_owned()),
    };
    (wanted, of.wrongs)
}

pub(crate) fn events(query: &Query, now: Timestamp) -> (EventQuery, Wrongs) {
    let mut of = Reading::of(query);
    let wanted = EventQuery {
        event_type: of.read_as("type", TYPE),
        since: of.time("since", now),
        until: of.time("until", now),
        correlation_id: query.text("correlation_id").map(|id| id.trim().to_owned()),
    };
    (wanted, of.wrongs)
}

/// `platforms`: the platform's entries too.
pub(crate) fn audit(query: &Query, now: Timestamp, platforms: bool) -> (AuditQuery, Wrongs) {
    let mut of = Reading::of(query);
    let wanted = AuditQuery {
        platforms,
        actor: of.read_as("actor", "expected key_…"),
        action: of.read_as("action", "expected an action"),
        object: query.text("object").map(|object| object.trim().to_owned()),
        since: of.time("since", now),
        until: of.time("until", now),
    };
    (wanted, of.wrongs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, wrong: &[&str]) {
        let now = Timestamp::from_millis(1_795_293_360_000);
        let (_, found) = deliveries(&Query::parse(text), now);
        let found: Vec<_> = found.all().map(|(name, _)| name).collect();
        assert_eq!(found, wrong, "{text}");
    }

    #[test]
    fn each_field_that_cannot_be_read_is_named() {
        check("", &[]);
        check("status=&type=+&since=", &[]);
        check(
            "status=failed&since=2h&error=http+500&event=evt_0000000000000",
            &[],
        );
        check("status=dead&until=soon&note=x", &["status", "until"]);
        check(
            "subscription=evt_0000000000000&type=a..b&event=x",
            &["subscription", "event", "type"],
        );
    }
}
