//! What someone asks of a list, as it stands in the path: read once, and told where it is wrong.

use posthaste::{clock::Timestamp, delivery::DeliveryStatus};
use posthaste_store::{
    audit::AuditQuery,
    query::{DeliveryQuery, EventQuery},
};

use crate::{moment, query::Query};

/// The fields that a list of deliveries is narrowed by.
pub(crate) const OF_DELIVERIES: [&str; 7] = [
    "status",
    "subscription",
    "type",
    "event",
    "since",
    "until",
    "error",
];

/// Fields that nothing can be asked by, and what was expected there.
#[derive(Debug, Default)]
pub(crate) struct Wrong(Vec<(&'static str, &'static str)>);

impl Wrong {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn at(&self, name: &str) -> Option<&'static str> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, expected)| *expected)
    }

    pub(crate) fn add(&mut self, name: &'static str, expected: &'static str) {
        self.0.push((name, expected));
    }

    /// The field, where it is there and reads as one.
    fn read<T>(
        &mut self,
        query: &Query,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let found = read(query.text(name)?.trim());
        if found.is_none() {
            self.add(name, expected);
        }
        found
    }
}

pub(crate) fn deliveries(query: &Query, now: Timestamp) -> (DeliveryQuery, Wrong) {
    let mut wrong = Wrong::default();
    let ours = &mut wrong;
    let time = |text: &str| moment::read(text, now);
    let wanted = DeliveryQuery {
        status: ours.read(query, "status", "expected a status", DeliveryStatus::named),
        subscription: ours.read(query, "subscription", "expected sub_…", |id| {
            id.parse().ok()
        }),
        event: ours.read(query, "event", "expected evt_…", |id| id.parse().ok()),
        event_type: ours.read(
            query,
            "type",
            "expected a type such as order.paid",
            |name| name.parse().ok(),
        ),
        since: ours.read(query, "since", moment::EXPECTED, time),
        until: ours.read(query, "until", moment::EXPECTED, time),
        error: query.text("error").map(|error| error.trim().to_owned()),
    };
    (wanted, wrong)
}

pub(crate) fn events(query: &Query, now: Timestamp) -> (EventQuery, Wrong) {
    let mut wrong = Wrong::default();
    let ours = &mut wrong;
    let time = |text: &str| moment::read(text, now);
    let wanted = EventQuery {
        event_type: ours.read(
            query,
            "type",
            "expected a type such as order.paid",
            |name| name.parse().ok(),
        ),
        since: ours.read(query, "since", moment::EXPECTED, time),
        until: ours.read(query, "until", moment::EXPECTED, time),
        correlation_id: query.text("correlation_id").map(|id| id.trim().to_owned()),
    };
    (wanted, wrong)
}

/// `platforms`: the platform's entries too.
pub(crate) fn audit(query: &Query, now: Timestamp, platforms: bool) -> (AuditQuery, Wrong) {
    let mut wrong = Wrong::default();
    let ours = &mut wrong;
    let time = |text: &str| moment::read(text, now);
    let wanted = AuditQuery {
        platforms,
        actor: ours.read(query, "actor", "expected key_…", |id| id.parse().ok()),
        action: ours.read(query, "action", "expected an action", |name| {
            name.parse().ok()
        }),
        object: query.text("object").map(|object| object.trim().to_owned()),
        since: ours.read(query, "since", moment::EXPECTED, time),
        until: ours.read(query, "until", moment::EXPECTED, time),
    };
    (wanted, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, wrong: &[&str]) {
        let now = Timestamp::from_millis(1_795_293_360_000);
        let (_, found) = deliveries(&Query::parse(text), now);
        let found: Vec<_> = found.0.iter().map(|(name, _)| *name).collect();
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
