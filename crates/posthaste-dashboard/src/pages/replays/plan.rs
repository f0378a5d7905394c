//! What a form asks to be sent again.

use std::collections::BTreeSet;

use posthaste::{clock::Timestamp, id::SubscriptionId, subscription::EventPattern};
use posthaste_store::replay::{
    Only, RATE_PER_S, RATES_PER_S, ReplayPlan, SUBSCRIPTIONS_MAX, TYPES_MAX,
};

use crate::{moment, query::Query, reading::Reading, wrongs::Wrongs};

const EMPTY: &str = "expected a time after the window's beginning";
const TYPES: &str = "expected up to 100 types such as order.paid or order.*, with commas between";
const SUBSCRIPTIONS: &str = "expected up to 1,000 subscriptions of this tenant";
const RATE: &str = "expected 0.1 to 100,000 deliveries a second";

/// The plan, or what is wrong with each field.
pub(super) fn read(form: &Query, now: Timestamp) -> Result<ReplayPlan, Wrongs> {
    let mut of = Reading::of(form);
    let since = match form.text("since") {
        None => of.take("since", Err(moment::EXPECTED)),
        Some(_) => of.time("since", now),
    };
    let plan = ReplayPlan {
        since: since.unwrap_or(now),
        until: of.time("until", now).unwrap_or(now),
        types: types(&mut of),
        subscriptions: subscriptions(&mut of),
        only: only(form),
        rate_per_s: rate(&mut of),
    };
    if of.wrongs.is_empty() && plan.since >= plan.until {
        of.wrongs.add("until", EMPTY);
    }
    if of.wrongs.is_empty() {
        Ok(plan)
    } else {
        Err(of.wrongs)
    }
}

fn types(of: &mut Reading<'_>) -> Vec<EventPattern> {
    let named = of.text("types").split([',', ' ', '\n']).map(str::trim);
    let named = named.filter(|name| !name.is_empty());
    let parsed: Option<Vec<EventPattern>> = named.map(|name| name.parse().ok()).collect();
    let mut types = Vec::new();
    for pattern in parsed.iter().flatten() {
        if !types.contains(pattern) {
            types.push(pattern.clone());
        }
    }
    if parsed.is_none() || types.len() > TYPES_MAX {
        of.wrongs.add("types", TYPES);
    }
    types
}

fn subscriptions(of: &mut Reading<'_>) -> Vec<SubscriptionId> {
    let named = of.form.all("subscription").filter(|id| !id.is_empty());
    let parsed: Option<BTreeSet<SubscriptionId>> = named.map(|id| id.parse().ok()).collect();
    let ids = parsed.filter(|ids| ids.len() <= SUBSCRIPTIONS_MAX);
    let ids = of.take("subscription", ids.ok_or(SUBSCRIPTIONS));
    ids.into_iter().flatten().collect()
}

fn only(form: &Query) -> Only {
    match form.text("only") {
        Some("failed") => Only::Failed,
        Some("missing") => Only::Missing,
        _ => Only::All,
    }
}

fn rate(of: &mut Reading<'_>) -> f64 {
    let read = |text: &str| text.parse().ok().filter(|rate| RATES_PER_S.contains(rate));
    let rate = of.unless_empty("rate_per_s", |text| read(text).ok_or(RATE));
    rate.unwrap_or(RATE_PER_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T12:00:00.000Z".parse().unwrap()
    }

    #[track_caller]
    fn check(form: &str, wrong: &[&str]) {
        let found = read(&Query::parse(form), now()).err().unwrap_or_default();
        let fields = ["since", "until", "types", "subscription", "rate_per_s"];
        let found: Vec<_> = fields
            .into_iter()
            .filter(|name| found.any(&[name]))
            .collect();
        assert_eq!(found, wrong, "{form}");
    }

    #[test]
    fn what_is_wrong_is_told_beside_its_field() {
        check("since=2h", &[]);
        check(
            "since=2026-11-22&until=2026-11-22+10:00&only=missing&rate_per_s=0.5",
            &[],
        );
        check("", &["since"]);
        check("since=yesterday&until=never", &["since", "until"]);
        check("since=1h&until=2h", &["until"]);
        check(
            "since=2h&types=order.*,%20order..x&rate_per_s=0",
            &["types", "rate_per_s"],
        );
        check(
            "since=2h&rate_per_s=NaN&subscription=sub_1",
            &["subscription", "rate_per_s"],
        );
    }

    #[test]
    fn a_plan_is_what_was_typed() {
        let id = SubscriptionId::from_u64(7);
        let form = format!(
            "since=2h&types=order.*,+tag.added,order.*&subscription=&subscription={id}&only=failed"
        );
        let plan = read(&Query::parse(&form), now()).unwrap();
        assert_eq!((plan.until, plan.only), (now(), Only::Failed));
        let types: Vec<_> = plan.types.iter().map(ToString::to_string).collect();
        assert_eq!(types, ["order.*", "tag.added"]);
        assert_eq!(
            (plan.subscriptions, plan.rate_per_s),
            (vec![id], RATE_PER_S)
        );
    }
}
