//! How the library's values stand in columns: numbers for ids, times and names, so that a row is
//! small; each value has one way in and one way out.

use posthaste::{
    body::BodyFormat,
    clock::Timestamp,
    delivery::{Discard, PauseReason},
    event::{EventDetails, EventType, Origin},
    id::{DeliveryId, EventId, SubscriptionId},
    provenance::Link,
    subscription::SubscriptionStatus,
    transport::Timings,
};
use posthaste_store::{rollup::Level, timings};
use rusqlite::{Row, types::ValueRef};

use crate::fault::{Fault, Result};

/// A value with few cases, stored as its place in this list: the order never changes.
pub trait Coded: Copy + PartialEq + 'static {
    const CODES: &[Self];

    fn code(self) -> i64 {
        let place = Self::CODES.iter().position(|&other| other == self);
        place
            .and_then(|place| i64::try_from(place).ok())
            .unwrap_or(-1)
    }

    fn decode(code: i64) -> Result<Self> {
        let place = usize::try_from(code).ok();
        let value = place.and_then(|place| Self::CODES.get(place)).copied();
        value.ok_or_else(|| Fault::Corrupt(format!("{code} names nothing")))
    }
}

/// The state of a delivery row. Whether a waiting one is pending, retrying, held or discarded
/// follows from its `retry_at` and its subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    Delivered,
    Failed,
    Discarded,
}

impl Coded for State {
    const CODES: &[Self] = &[
        Self::Waiting,
        Self::Delivered,
        Self::Failed,
        Self::Discarded,
    ];
}

impl Coded for Level {
    const CODES: &[Self] = &[Self::Minute, Self::Hour];
}

impl Coded for Origin {
    const CODES: &[Self] = &[Self::Publish, Self::Redeliver, Self::Replay, Self::Test];
}

impl Coded for Discard {
    const CODES: &[Self] = &[
        Self::Discarded,
        Self::Deleted,
        Self::Disabled,
        Self::Expired,
    ];
}

impl Coded for BodyFormat {
    const CODES: &[Self] = &[Self::Envelope, Self::Flat, Self::Raw, Self::CloudEvents];
}

/// 2 and up are paused: SQL relies on it.
impl Coded for SubscriptionStatus {
    const CODES: &[Self] = &[
        Self::Active,
        Self::Disabled,
        Self::Paused(PauseReason::Manual),
        Self::Paused(PauseReason::ConsecutiveFailures),
        Self::Paused(PauseReason::Gone),
    ];
}

/// A number of 63 bits as SQLite holds it.
pub fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Reads columns, each as what it stands for.
pub trait Columns {
    fn number(&self, column: usize) -> Result<u64>;
    fn optional_number(&self, column: usize) -> Result<Option<u64>>;
    fn time(&self, column: usize) -> Result<Option<Timestamp>>;
    fn coded<T: Coded>(&self, column: usize) -> Result<T>;
    fn event_id(&self, column: usize) -> Result<EventId>;
    fn delivery_id(&self, column: usize) -> Result<DeliveryId>;
    fn subscription_id(&self, column: usize) -> Result<SubscriptionId>;
    fn event_type(&self, column: usize) -> Result<EventType>;
    fn details(&self, column: usize) -> Result<EventDetails>;
    fn format(&self, column: usize) -> Result<Option<BodyFormat>>;
    fn link(&self, column: usize) -> Result<Option<Link>>;
    fn timings(&self, column: usize) -> Result<Option<Timings>>;
}

impl Columns for Row<'_> {
    fn number(&self, column: usize) -> Result<u64> {
        let value: i64 = self.get(column)?;
        u64::try_from(value).map_err(|_| Fault::Corrupt(format!("{value} is below zero")))
    }

    fn optional_number(&self, column: usize) -> Result<Option<u64>> {
        match self.get_ref(column)? {
            ValueRef::Null => Ok(None),
            _ => self.number(column).map(Some),
        }
    }

    fn time(&self, column: usize) -> Result<Option<Timestamp>> {
        let ms: Option<i64> = self.get(column)?;
        Ok(ms.map(Timestamp::from_millis))
    }

    fn coded<T: Coded>(&self, column: usize) -> Result<T> {
        T::decode(self.get(column)?)
    }

    fn event_id(&self, column: usize) -> Result<EventId> {
        self.number(column).map(EventId::from_u64)
    }

    fn delivery_id(&self, column: usize) -> Result<DeliveryId> {
        self.number(column).map(DeliveryId::from_u64)
    }

    fn subscription_id(&self, column: usize) -> Result<SubscriptionId> {
        self.number(column).map(SubscriptionId::from_u64)
    }

    fn event_type(&self, column: usize) -> Result<EventType> {
        let text = self.get_ref(column)?.as_str()?;
        text.parse()
            .map_err(|_| Fault::Corrupt(format!("{text:?} is no event type")))
    }

    fn details(&self, column: usize) -> Result<EventDetails> {
        match self.get_ref(column)?.as_blob_or_null()? {
            None => Ok(EventDetails::default()),
            Some(json) => {
                serde_json::from_slice(json).map_err(|error| Fault::Corrupt(error.to_string()))
            }
        }
    }

    fn format(&self, column: usize) -> Result<Option<BodyFormat>> {
        let format: Option<i64> = self.get(column)?;
        format.map(Coded::decode).transpose()
    }

    fn link(&self, column: usize) -> Result<Option<Link>> {
        let Some(bytes) = self.get_ref(column)?.as_blob_or_null()? else {
            return Ok(None);
        };
        let whole = <[u8; 32]>::try_from(bytes);
        let link = whole.map_err(|_| Fault::Corrupt("a link is not 32 bytes".into()))?;
        Ok(Some(Link::from_bytes(link)))
    }

    fn timings(&self, column: usize) -> Result<Option<Timings>> {
        let bytes = self.get_ref(column)?.as_blob_or_null()?;
        let timings = bytes.map(timings::from_bytes).transpose();
        timings.map_err(|garbled| Fault::Corrupt(garbled.to_string()))
    }
}

/// An event's details; none where there are none, as for most.
pub fn details(details: &EventDetails) -> Result<Option<Vec<u8>>> {
    if *details == EventDetails::default() {
        return Ok(None);
    }
    let json = serde_json::to_vec(details);
    json.map(Some)
        .map_err(|error| Fault::Corrupt(error.to_string()))
}

/// The subscriptions of an event, 8 big-endian bytes each.
pub fn pack(subscriptions: &[SubscriptionId]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(subscriptions.len() * 8);
    for id in subscriptions {
        packed.extend_from_slice(&id.as_u64().to_be_bytes());
    }
    packed
}

pub fn unpack(packed: &[u8]) -> Result<Vec<SubscriptionId>> {
    let (ids, rest) = packed.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(Fault::Corrupt("half a subscription id".into()));
    }
    let ids = ids.iter().map(|id| u64::from_be_bytes(*id));
    Ok(ids.map(SubscriptionId::from_u64).collect())
}

/// The first id of the place that an id stands in.
pub fn place_of(id: u64) -> u64 {
    id & !u64::from(posthaste::id::SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_and_unknown_ones_are_corrupt() {
        fn check<T: Coded + std::fmt::Debug>() {
            for (code, &value) in (0..).zip(T::CODES) {
                assert_eq!(value.code(), code);
                assert_eq!(T::decode(code).unwrap(), value);
            }
            assert!(T::decode(99).is_err() && T::decode(-1).is_err());
        }
        check::<State>();
        check::<Level>();
        check::<Origin>();
        check::<Discard>();
        check::<BodyFormat>();
        check::<SubscriptionStatus>();
    }

    #[test]
    fn every_case_has_a_code() {
        assert!(Discard::ALL.iter().all(|why| why.code() >= 0));
    }

    #[test]
    fn packed_subscriptions_read_back() {
        let ids = [3, u64::MAX >> 1].map(SubscriptionId::from_u64);
        let packed = pack(&ids);
        assert_eq!(unpack(&packed).unwrap(), ids);
        assert!(unpack(&packed[1..]).is_err());
    }
}
