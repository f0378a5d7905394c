//! What a form asks to be sent again.

use posthaste::{clock::Timestamp, id::SubscriptionId, subscription::EventPattern};
use posthaste_store::replay::{
    Only, RATE_PER_S, RATES_PER_S, ReplayPlan, SUBSCRIPTIONS_MAX, TYPES_MAX,
};

use crate::{filters::Wrong, moment, query::Query};

const EMPTY: &str = "expected a time after the window's beginning";
const TYPES: &str = "expected up to 100 types such as order.paid or order.*, with commas between";
const SUBSCRIPTIONS: &str = "expected up to 1,000 subscriptions of this tenant";
const RATE: &str = "expected 0.1 to 100,000 deliveries a second";

/// The plan, or what is wrong with each field.
pub(super) fn read(form: &Query, now: Timestamp) -> Result<ReplayPlan, Wrong> {
    let mut wrong = Wrong::default();
    let since = time(form, "since", now, &mut wrong);
    let until = match form.text("until") {
        None => now,
        Some(_) => time(form, "until", now, &mut wrong),
    };
    let plan = ReplayPlan {
        since,
        until,
        types: types(form, &mut wrong),
        subscriptions: subscriptions(form, &mut wrong),
        only: only(form),
        rate_per_s: rate(form, &mut wrong),
    };
    if wrong.is_empty() && plan.since >= plan.until {
        wrong.add("until", EMPTY);
    }
    if wrong.is_empty() {
        Ok(plan)
    } else {
        Err(wrong)
    }
}

fn time(form: &Query, name: &'static str, now: Timestamp, wrong: &mut Wrong) -> Timestamp {
    let found = form.text(name).and_then(|text| moment::read(text, now));
    found.unwrap_or_else(|| {
        wrong.add(name, moment::EXPECTED);
        now
    })
}

fn types(form: &Query, wrong: &mut Wrong) -> Vec<EventPattern> {
    let named = form
        .text("types")
        .unwrap_or_default()
        .split([',', ' ', '\n']);
    let named = named.map(str::trim).filter(|name| !name.is_empty());
    let parsed: Result<Vec<EventPattern>, _> = named.map(str::parse).collect();
    let mut types = parsed.unwrap_or_else(|_| {
        wrong.add("types", TYPES);
        Vec::new()
    });
    let mut seen = Vec::new();
    types.retain(|pattern| {
        let is_new = !seen.contains(pattern);
        seen.push(pattern.clone());
        is_new
    });
    if types.len() > TYPES_MAX {
        wrong.add("types", TYPES);
    }
    types
}

fn subscriptions(form: &Query, wrong: &mut Wrong) -> Vec<SubscriptionId> {
    let named = form.all("subscription").filter(|id| !id.is_empty());
    let parsed: Result<Vec<SubscriptionId>, _> = named.map(str::parse).collect();
    let mut ids = parsed.unwrap_or_default();
    let all_read = ids.len() == form.all("subscription").filter(|id| !id.is_empty()).count();
    ids.sort_unstable();
    ids.dedup();
    if !all_read || ids.len() > SUBSCRIPTIONS_MAX {
        wrong.add("subscription", SUBSCRIPTIONS);
    }
    ids
}

fn only(form: &Query) -> Only {
    match form.text("only") {
        Some("failed") => Only::Failed,
        Some("missing") => Only::Missing,
        _ => Only::All,
    }
}

fn rate(form: &Query, wrong: &mut Wrong) -> f64 {
    let Some(text) = form.text("rate_per_s") else {
        return RATE_PER_S;
    };
    let rate = text.trim().parse().ok();
    let rate = rate.filter(|rate| RATES_PER_S.contains(rate));
    rate.unwrap_or_else(|| {
        wrong.add("rate_per_s", RATE);
        RATE_PER_S
    })
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
            .filter(|name| found.at(name).is_some())
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
