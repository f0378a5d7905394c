//! A rollup as bytes: a version, then numbers of seven bits a byte, with nothing for what is not
//! there. Most rollups are of one minute and a handful of deliveries, and take some twenty bytes.

use posthaste::delivery::FailureClass;

use super::{Histogram, Reason, Rollup};

/// Of what is written; others are refused, never guessed at.
const VERSION: u8 = 1;

/// Bytes that are no rollup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a rollup of version {VERSION}")]
pub struct Garbled;

/// Appends a number: seven bits a byte, the lowest first, the top bit says that more follow.
pub fn write_varint(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    into.push(number.to_le_bytes()[0]);
}

/// Takes a number from the front.
///
/// # Errors
/// [`Garbled`] where there is none.
pub fn read_varint(from: &mut &[u8]) -> Result<u64, Garbled> {
    let mut number = 0;
    for place in 0..10 {
        let (&byte, rest) = from.split_first().ok_or(Garbled)?;
        *from = rest;
        if place == 9 && byte > 1 {
            return Err(Garbled);
        }
        number |= u64::from(byte & 0x7F) << (7 * place);
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Garbled)
}

/// What a rollup begins with, as [`Rollup::counts`] has it.
pub(super) fn read_counts(from: &mut &[u8]) -> Result<[u64; 5], Garbled> {
    let (version, rest) = from.split_first().ok_or(Garbled)?;
    if *version != VERSION {
        return Err(Garbled);
    }
    *from = rest;
    let mut counts = [0; 5];
    for count in &mut counts {
        *count = read_varint(from)?;
    }
    Ok(counts)
}

impl Rollup {
    /// Appends it.
    pub fn write(&self, into: &mut Vec<u8>) {
        into.push(VERSION);
        for count in self.counts() {
            write_varint(into, count);
        }
        self.latency.write(into);
        self.retried.write(into);
        write_varint(into, self.reasons.len() as u64);
        for (reason, count) in &self.reasons {
            write_varint(into, reason.code());
            write_varint(into, *count);
        }
    }

    fn counts(&self) -> [u64; 5] {
        let ended = [self.delivered, self.failed, self.discarded];
        [ended[0], ended[1], ended[2], self.attempts, self.within_24h]
    }

    /// Takes one from the front.
    ///
    /// # Errors
    /// [`Garbled`].
    pub fn read(from: &mut &[u8]) -> Result<Self, Garbled> {
        let [delivered, failed, discarded, attempts, within_24h] = read_counts(from)?;
        let mut rollup = Self {
            delivered,
            failed,
            discarded,
            attempts,
            within_24h,
            latency: Histogram::read(from)?,
            retried: Histogram::read(from)?,
            ..Self::default()
        };
        for _ in 0..read_varint(from)? {
            let reason = Reason::of_code(read_varint(from)?).ok_or(Garbled)?;
            rollup.reasons.insert(reason, read_varint(from)?);
        }
        Ok(rollup)
    }
}

/// Reasons as they are stored: by their place here, which never changes.
const CLASSES: [FailureClass; 12] = [
    FailureClass::Timeout,
    FailureClass::Connect,
    FailureClass::Dns,
    FailureClass::Tls,
    FailureClass::Blocked,
    FailureClass::Http,
    FailureClass::ResponseTooLarge,
    FailureClass::Protocol,
    FailureClass::Auth,
    FailureClass::Internal,
    FailureClass::Poison,
    FailureClass::Corrupt,
];

impl Reason {
    /// The status, and in the lowest four bits the class.
    fn code(self) -> u64 {
        let place = CLASSES.iter().position(|class| *class == self.class);
        u64::from(self.status.unwrap_or(0)) << 4 | place.unwrap_or(0) as u64
    }

    fn of_code(code: u64) -> Option<Self> {
        let place = usize::try_from(code & 0xF).ok()?;
        let status = u16::try_from(code >> 4).ok()?;
        Some(Self {
            class: *CLASSES.get(place)?,
            status: (status > 0).then_some(status),
        })
    }
}

#[cfg(test)]
mod tests {
    use posthaste::chance::Chance;

    use super::*;
    use crate::rollup::Tally;

    #[test]
    fn every_class_has_a_place() {
        for class in FailureClass::ALL {
            assert!(CLASSES.contains(class), "{class}");
        }
    }

    #[test]
    fn numbers_read_back_and_half_a_number_is_refused() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u64::MAX >> 1, u64::MAX] {
            let mut bytes = Vec::new();
            write_varint(&mut bytes, number);
            assert_eq!(read_varint(&mut &bytes[..]), Ok(number));
            bytes.pop();
            assert_eq!(read_varint(&mut &bytes[..]), Err(Garbled));
        }
        assert_eq!(read_varint(&mut &[0xFF; 10][..]), Err(Garbled));
        assert_eq!(read_varint(&mut &[0x80; 11][..]), Err(Garbled));
    }

    fn random(chance: &Chance) -> Rollup {
        let below = |n: u64| chance.bits() % n;
        let mut rollup = Rollup {
            delivered: below(1 << below(40)),
            failed: below(9),
            discarded: below(3),
            attempts: chance.bits(),
            within_24h: below(1 << below(40)),
            ..Rollup::default()
        };
        for _ in 0..below(30) {
            rollup.latency.add(below(1 << below(45)));
            rollup.retried.add(below(1 << below(45)));
            let reason = Reason {
                class: FailureClass::ALL[below(FailureClass::ALL.len() as u64) as usize],
                status: [None, Some(500), Some(u16::MAX)][below(3) as usize],
            };
            rollup.reasons.insert(reason, below(1 << 20));
        }
        rollup
    }

    #[test]
    fn any_rollup_reads_back_and_any_other_bytes_are_refused_or_read_without_a_panic() {
        let given = std::env::var("POSTHASTE_SEED").ok();
        let given = given.map(|seed| seed.parse().expect("POSTHASTE_SEED is a number"));
        let seed = given.unwrap_or_else(|| Chance::from_system().bits());
        eprintln!("POSTHASTE_SEED={seed}");
        let chance = Chance::seeded(seed);
        for _ in 0..500 {
            let rollup = random(&chance);
            let mut bytes = Vec::new();
            rollup.write(&mut bytes);
            let mut rest = &bytes[..];
            assert_eq!(Rollup::read(&mut rest).as_ref(), Ok(&rollup));
            assert!(rest.is_empty());
            let mut rest = &bytes[..];
            assert_eq!(Tally::read(&mut rest), Ok(Tally::of(&rollup)));
            assert!(rest.is_empty());
            let cut = chance.bits() as usize % bytes.len();
            assert_eq!(Rollup::read(&mut &bytes[..cut]), Err(Garbled));
            assert_eq!(Tally::read(&mut &bytes[..cut]), Err(Garbled));
            bytes[cut] ^= 1 << (chance.bits() % 8);
            let _garbled_or_another = Rollup::read(&mut &bytes[..]);
            let _likewise = Tally::read(&mut &bytes[..]);
        }
    }

    #[test]
    fn an_empty_bucket_is_refused() {
        let bucket = |count| [&[VERSION, 0, 0, 0, 0, 0, 1, 3, count], &[0, 0][..]].concat();
        assert!(Rollup::read(&mut &bucket(1)[..]).is_ok());
        assert_eq!(Rollup::read(&mut &bucket(0)[..]), Err(Garbled));
    }

    #[test]
    fn a_quiet_minute_takes_a_few_bytes() {
        let mut rollup = Rollup {
            delivered: 3,
            attempts: 3,
            within_24h: 3,
            ..Rollup::default()
        };
        (0..3).for_each(|n| rollup.latency.add(1000 + n));
        let mut bytes = Vec::new();
        rollup.write(&mut bytes);
        assert_eq!(bytes.len(), 11);
        bytes[0] = 2;
        assert_eq!(Rollup::read(&mut &bytes[..]), Err(Garbled));
    }
}
