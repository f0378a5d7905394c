//! A delivery as the model keeps it: the latest settlement, and what earlier ones left.
//!
//! An implied delivery is the same thing made on the spot from its event, so that everything that
//! reads deliveries reads one kind.

use posthaste::{
    clock::Timestamp,
    delivery::{DeliveryState, Discard, Tries},
    event::Origin,
    id::{DeliveryId, ReplayId},
    provenance::Link,
    subscription::SubscriptionStatus,
};

use crate::record::{
    Attempt, Delivery, History, Parking, Settlement, Standing, StoredEvent, Waiting,
};

#[derive(Clone)]
pub(super) struct Row {
    /// Without its attempt; `Parking::Taken` is kept as what a crash finds.
    pub latest: Settlement,
    pub attempts: Vec<Attempt>,
    /// The replay that made it or opened it last.
    pub replay: Option<ReplayId>,
    last_status_code: Option<u16>,
    last_error: Option<String>,
    sent_at: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
    /// When it was last opened again.
    pub opened_at: Option<Timestamp>,
    link: Option<Link>,
}

/// What a delivery's subscription does to how it shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shade {
    None,
    Held,
    Deleted,
}

impl From<SubscriptionStatus> for Shade {
    fn from(status: SubscriptionStatus) -> Self {
        match status {
            SubscriptionStatus::Active | SubscriptionStatus::Disabled => Self::None,
            SubscriptionStatus::Paused(_) => Self::Held,
        }
    }
}

impl Row {
    /// A delivery without a history yet.
    pub fn fresh(settlement: Settlement) -> Self {
        Self {
            latest: settlement,
            attempts: Vec::new(),
            replay: None,
            last_status_code: None,
            last_error: None,
            sent_at: None,
            delivered_at: None,
            opened_at: None,
            link: None,
        }
    }

    /// The `index`-th delivery that an event implies.
    pub fn implied(stored: &StoredEvent, index: u32) -> Self {
        let event = &stored.event;
        let at = event.created_at();
        Self::fresh(Settlement {
            id: event.id.delivery(index),
            tenant: event.tenant.clone(),
            event: event.id,
            event_type: event.event_type.clone(),
            subscription: stored.subscriptions[index as usize],
            origin: match event.details.test {
                true => Origin::Test,
                false => Origin::Publish,
            },
            format: None,
            line: None,
            batch: None,
            tries: Tries::default(),
            standing: Standing::Waiting {
                retry_at: None,
                parking: Parking::Due(at),
            },
            at,
            attempt: None,
        })
    }

    /// Whether this was settled before, and its answer lost.
    pub fn has(&self, settlement: &Settlement) -> bool {
        match &settlement.attempt {
            Some(attempt) => self
                .attempts
                .iter()
                .any(|known| known.number == attempt.number),
            None => self.latest.standing == settlement.standing && self.parking().is_none(),
        }
    }

    /// What it is after a settlement.
    pub fn settle(&mut self, mut settlement: Settlement) {
        let parked = settlement.parked();
        if let Some(attempt) = settlement.attempt.take() {
            self.last_status_code = attempt.status_code;
            self.last_error.clone_from(&attempt.error);
            self.sent_at = Some(attempt.started_at);
            self.link = attempt.link;
            self.attempts.retain(|known| known.number != attempt.number);
            self.attempts.push(*attempt);
        }
        match &mut settlement.standing {
            Standing::Delivered => self.delivered_at = self.delivered_at.or(Some(settlement.at)),
            Standing::Discarded(why) => self.last_error = Some(why.to_string()),
            Standing::Waiting { parking, .. } => *parking = parked.unwrap_or(*parking),
            Standing::Failed => {}
        }
        self.latest = settlement;
    }

    /// Whether it is at its end, and was before then.
    pub fn ended_before(&self, time: Timestamp) -> bool {
        self.parking().is_none() && self.latest.at < time
    }

    /// Since when it has been held, by a pause that began then.
    pub fn held_since(&self, paused: Timestamp) -> Timestamp {
        paused
            .max(self.id().time())
            .max(self.opened_at.unwrap_or_default())
    }

    pub fn parking(&self) -> Option<Parking> {
        match self.latest.standing {
            Standing::Waiting { parking, .. } => Some(parking),
            Standing::Delivered | Standing::Failed | Standing::Discarded(_) => None,
        }
    }

    pub fn state(&self, shade: Shade) -> DeliveryState {
        let at = self.latest.at;
        match (self.latest.standing, shade) {
            (Standing::Delivered, _) => DeliveryState::Delivered { at },
            (Standing::Failed, _) => DeliveryState::Failed { at },
            (Standing::Discarded(why), _) => DeliveryState::Discarded { why },
            (Standing::Waiting { .. }, Shade::Deleted) => DeliveryState::Discarded {
                why: Discard::Deleted,
            },
            (Standing::Waiting { .. }, Shade::Held) => DeliveryState::Held,
            (Standing::Waiting { retry_at, .. }, Shade::None) => match retry_at {
                Some(at) => DeliveryState::Retrying { at },
                None => DeliveryState::Pending,
            },
        }
    }

    pub fn shown(&self, shade: Shade) -> Delivery {
        let state = self.state(shade);
        let last_error = match state {
            DeliveryState::Discarded { why } => Some(why.to_string()),
            _ => self.last_error.clone(),
        };
        Delivery {
            id: self.latest.id,
            event: self.latest.event,
            subscription: self.latest.subscription,
            event_type: self.latest.event_type.clone(),
            state,
            tries: self.latest.tries,
            last_status_code: self.last_status_code,
            last_error,
            origin: self.latest.origin,
            replay: self.replay,
            sent_at: self.sent_at,
            delivered_at: self.delivered_at,
            format: self.latest.format,
            link: self.link,
        }
    }

    pub fn waiting(&self, stored: &StoredEvent) -> Waiting {
        let retry_at = match self.latest.standing {
            Standing::Waiting { retry_at, .. } => retry_at,
            Standing::Delivered | Standing::Failed | Standing::Discarded(_) => None,
        };
        Waiting {
            id: self.id(),
            subscription: self.latest.subscription,
            event: stored.event.clone(),
            origin: self.latest.origin,
            tries: self.latest.tries,
            retry_at,
            format: self.latest.format,
            batch: self.latest.batch,
            link: self.link,
        }
    }

    pub fn history(&self, stored: Option<&StoredEvent>) -> History {
        History {
            id: self.id(),
            event_id: self.latest.event,
            event: stored.map(|stored| stored.event.clone()),
            subscription: self.latest.subscription,
            format: self.latest.format,
            link: self.link,
            attempts: self.attempts.clone(),
        }
    }

    pub fn id(&self) -> DeliveryId {
        self.latest.id
    }
}
