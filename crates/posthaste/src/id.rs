//! Ids: 63-bit numbers that grow with time, shown as a prefix, `_` and 13 characters of
//! lower-case Crockford base32.
//!
//! From the top: 41 bits of milliseconds since 2020, 5 of node, 7 of sequence, 10 of slot. An
//! event's own slot is 0 and its deliveries are slots 1 to 1,023, so that an id is also a place in
//! time and a delivery's id is known before anything is written. Ids are no secret.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::clock::Timestamp;

/// 2020-01-01T00:00:00Z, where the milliseconds of ids begin.
const EPOCH_MS: i64 = 1_577_836_800_000;
const SLOT_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 7;
const NODE_BITS: u32 = 5;
/// Deliveries that one sequence number has room for; slot 0 is the event itself.
pub const SLOTS: u32 = (1 << SLOT_BITS) - 1;
/// Nodes that ids can tell apart.
pub const NODES: u32 = 1 << NODE_BITS;

/// A place in time that ids are made from: milliseconds and sequence, of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u64);

impl Place {
    /// The first place of a millisecond.
    #[must_use]
    pub fn at(time: Timestamp, node: u32) -> Self {
        debug_assert!(node < NODES);
        let ms = u64::try_from(time.as_millis() - EPOCH_MS).unwrap_or(0);
        Self(ms << (NODE_BITS + SEQUENCE_BITS) | u64::from(node) << SEQUENCE_BITS)
    }

    /// The place `n` further on, of the same node; a full sequence borrows the next millisecond.
    #[must_use]
    pub fn forward(self, n: u64) -> Self {
        const SEQUENCES: u64 = 1 << SEQUENCE_BITS;
        let node = self.0 >> SEQUENCE_BITS & u64::from(NODES - 1);
        let ms = self.0 >> (SEQUENCE_BITS + NODE_BITS);
        let count = ms * SEQUENCES + self.0 % SEQUENCES + n;
        let (ms, sequence) = (count / SEQUENCES, count % SEQUENCES);
        Self(ms << (NODE_BITS + SEQUENCE_BITS) | node << SEQUENCE_BITS | sequence)
    }

    /// The place of an id, without its slot.
    #[must_use]
    pub fn of(id: u64) -> Self {
        Self(id >> SLOT_BITS)
    }

    fn slot(self, slot: u32) -> u64 {
        debug_assert!(slot <= SLOTS);
        self.0 << SLOT_BITS | u64::from(slot)
    }

    /// The event of this place.
    #[must_use]
    pub fn event(self) -> EventId {
        EventId(self.slot(0))
    }
}

/// How many places an event with this many deliveries takes.
#[must_use]
pub fn places(deliveries: u32) -> u32 {
    deliveries.div_ceil(SLOTS).max(1)
}

fn time_of(id: u64) -> Timestamp {
    let ms = id >> (SLOT_BITS + SEQUENCE_BITS + NODE_BITS);
    Timestamp::from_millis(EPOCH_MS + i64::try_from(ms).unwrap_or(0))
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 13;

fn write_id(f: &mut fmt::Formatter<'_>, prefix: &str, id: u64) -> fmt::Result {
    let mut text = [b'0'; LENGTH];
    let mut rest = id;
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(rest % 32) as usize];
        rest /= 32;
    }
    f.write_str(prefix)?;
    f.write_str(std::str::from_utf8(&text).expect("the alphabet is ASCII"))
}

fn read_id(text: &str, prefix: &'static str) -> Result<u64, IdError> {
    let error = IdError { prefix };
    let digits = text.strip_prefix(prefix).ok_or(error)?.as_bytes();
    if digits.len() != LENGTH {
        return Err(error);
    }
    let mut id: u128 = 0;
    for digit in digits {
        let value = ALPHABET.iter().position(|c| c == digit).ok_or(error)?;
        id = id * 32 + value as u128;
    }
    match u64::try_from(id) {
        Ok(id) if id >> 63 == 0 => Ok(id),
        _ => Err(error),
    }
}

/// Not an id of the kind that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {prefix} and 13 characters of lower-case Crockford base32")]
pub struct IdError {
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// What its text begins with.
            pub const PREFIX: &str = $prefix;

            /// From a stored number; the top bit must be clear.
            #[must_use]
            pub const fn from_u64(id: u64) -> Self {
                Self(id & (u64::MAX >> 1))
            }

            /// As it is stored.
            #[must_use]
            pub const fn as_u64(self) -> u64 {
                self.0
            }

            /// The millisecond in which it was made.
            #[must_use]
            pub fn time(self) -> Timestamp {
                time_of(self.0)
            }

            /// Its place in time.
            #[must_use]
            pub fn place(self) -> Place {
                Place::of(self.0)
            }

            /// The first id of a place: what names an object that has the place to itself.
            #[must_use]
            pub fn at(place: Place) -> Self {
                Self(place.slot(0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id(f, $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                read_id(text, $prefix).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// One thing that happened.
    EventId = "evt_";
    /// A URL that wants events.
    SubscriptionId = "sub_";
    /// One event on its way to one subscription.
    DeliveryId = "dlv_";
    /// An API key (its name, not its value).
    KeyId = "key_";
    /// Deliveries that leave in one request.
    BatchId = "bat_";
    /// A job that sends stored events of a window again.
    ReplayId = "rpl_";
    /// Something that someone did, in the audit log.
    AuditId = "aud_";
    /// A link into the portal (its name, not what it opens with).
    PortalLinkId = "ptl_";
    /// A request bin.
    InboxId = "inb_";
}

impl EventId {
    /// The id of its `index`-th delivery (from 0), in the order of the matched subscriptions.
    #[must_use]
    pub fn delivery(self, index: u32) -> DeliveryId {
        let place = self.place().forward(u64::from(index / SLOTS));
        DeliveryId(place.slot(1 + index % SLOTS))
    }

    /// Which of its `deliveries` deliveries this id is, if one.
    #[must_use]
    pub fn index_of(self, delivery: DeliveryId, deliveries: u32) -> Option<u32> {
        let slot = u32::try_from(delivery.0 & u64::from(SLOTS)).ok()?;
        let slot = slot.checked_sub(1)?;
        (0..places(deliveries))
            .map(|block| block * SLOTS + slot)
            .find(|&index| index < deliveries && self.delivery(index) == delivery)
    }
}

impl DeliveryId {
    /// A delivery that was made after its event, under a place of its own.
    #[must_use]
    pub fn late(place: Place) -> Self {
        Self(place.slot(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_293_360_123);

    #[test]
    fn an_id_is_a_place_in_time() {
        let id = Place::at(NOW, 3).event();
        assert_eq!(id.time(), NOW);
        assert!(id < Place::at(NOW, 4).event());
        assert!(id < Place::at(NOW, 3).forward(1).event());
    }

    #[test]
    fn a_full_sequence_borrows_the_next_millisecond() {
        let place = Place::at(NOW, 31).forward(128);
        assert_eq!(
            place,
            Place::at(Timestamp::from_millis(NOW.as_millis() + 1), 31)
        );
    }

    #[test]
    fn text_reads_back() {
        let id = Place::at(NOW, 0).forward(5).event().delivery(6);
        let text = id.to_string();
        assert_eq!(text.len(), 17, "{text}");
        assert_eq!(text.parse(), Ok(id));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        #[track_caller]
        fn check(text: &str) {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
        check("");
        check("evt_");
        check("evt_0000000000000 ");
        check("EVT_0000000000000");
        check("evt_000000000000O");
        check("evt_000000000000l");
        check("evt_zzzzzzzzzzzzz");
        check("dlv_0000000000000");
        check("evt_00000000000é");
    }

    #[test]
    fn deliveries_are_numbered_across_places() {
        let event = Place::at(NOW, 0).forward(127).event();
        assert_eq!(places(0), 1);
        assert_eq!(places(1023), 1);
        assert_eq!(places(1024), 2);
        for index in [0, 1, 1022, 1023, 1024, 2046, 5000] {
            let delivery = event.delivery(index);
            assert_eq!(event.index_of(delivery, 5001), Some(index));
            assert_eq!(event.index_of(delivery, index), None, "beyond the last");
        }
        let other = event.place().forward(1).event();
        assert_eq!(event.index_of(other.delivery(0), 1000), None);
    }
}
