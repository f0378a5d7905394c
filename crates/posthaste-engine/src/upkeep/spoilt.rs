//! Deliveries that the store cannot read any more: each becomes a dead letter with `corrupt`, and
//! its tenant is told. Nothing is sent, and nothing counts against the receiver, who has no part in
//! it.

use std::{sync::Arc, time::Duration};

use posthaste::{clock::Timestamp, delivery::FailureClass, event::Origin};
use posthaste_store::record::{Acceptance, Attempt, Settlement, Spoilt, Standing};
use tokio::sync::watch;

use crate::{
    delivery::{alert::Alerts, group::Decided, settle::Outcomes},
    scheduler::{Alert, News},
};

/// From one look to the next.
const LOOK: Duration = Duration::from_secs(1);
/// What its record says.
const WHY: &str = "what is stored of it is not what was written";

/// Looks until the engine drains.
pub async fn watch(alerts: Alerts, outcomes: Arc<Outcomes>, mut draining: watch::Receiver<bool>) {
    let look = async {
        loop {
            outcomes.push(step(&alerts, alerts.clock.now()));
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        () = look => {}
        _ = draining.wait_for(|draining| *draining) => {}
    }
}

/// The ends of all that the store has found since the last time.
#[must_use]
pub fn step(alerts: &Alerts, now: Timestamp) -> Decided {
    let mut decided = Decided::default();
    for spoilt in alerts.store.spoilt() {
        let settlement = dead_letter(spoilt, now);
        decided.alerts.extend(told(alerts, &settlement));
        decided.settlements.push(settlement);
    }
    decided
}

fn dead_letter(spoilt: Spoilt, now: Timestamp) -> Settlement {
    let tries = spoilt.tries.one_more();
    let unreadable = || "unreadable".parse().expect("it is a type");
    Settlement {
        id: spoilt.id,
        tenant: spoilt.tenant,
        event: spoilt.event,
        event_type: spoilt.event_type.unwrap_or_else(unreadable),
        subscription: spoilt.subscription,
        origin: Origin::default(),
        format: None,
        line: None,
        batch: None,
        tries,
        standing: Standing::Failed,
        at: now,
        attempt: Some(Box::new(Attempt {
            number: tries.made,
            started_at: now,
            error: Some(format!("{}: {WHY}", FailureClass::Corrupt)),
            ..Attempt::default()
        })),
    }
}

fn told(alerts: &Alerts, settlement: &Settlement) -> Option<Acceptance> {
    let is_platforms = settlement.event_type.is_platforms();
    let snapshot = alerts.subscribers.now();
    let subscriber = snapshot.subscriber(&settlement.tenant, settlement.subscription);
    let subscriber = subscriber.filter(|_| !is_platforms)?;
    alerts.event(&Alert {
        subscriber: subscriber.clone(),
        news: News::DeliveryFailed {
            delivery: settlement.id,
            event: settlement.event,
            event_type: settlement.event_type.clone(),
            attempts: settlement.tries.made,
            last_status_code: None,
            last_error: settlement.attempt.as_ref()?.error.clone(),
        },
    })
}
