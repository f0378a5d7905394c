//! Guessing keys is slowed: an address that has shown too many wrong ones is told to wait.
//!
//! It slows guesses alone. A right key is let in from anywhere at any time, so that nobody locks out
//! those who share an address with them; and what is said to a guess says nothing about keys.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Mutex,
    time::Duration,
};

use posthaste::network::holder_of;

/// Addresses that are remembered; the one that has been silent longest is forgotten first.
const ADDRESSES_MAX: usize = 10_000;
const MINUTE: Duration = Duration::from_secs(60);

/// What addresses have guessed, shared by all requests.
pub(crate) struct Failures(Option<Mutex<Guesses>>);

impl Failures {
    /// With 0 nothing is slowed.
    pub(crate) fn new(per_min: u32) -> Self {
        Self((per_min > 0).then(|| Mutex::new(Guesses::new(per_min, ADDRESSES_MAX))))
    }

    /// A wrong key from there, at this time since the start; says how long to wait where there were
    /// too many.
    pub(crate) fn failed(&self, from: Option<IpAddr>, now: Duration) -> Option<Duration> {
        let (guesses, from) = (self.0.as_ref()?, from?);
        let mut guesses = guesses.lock().expect("nothing panics while it counts");
        guesses.failed(holder_of(from), now)
    }
}

/// For each address the time at which all its guesses will be made up for (GCRA): each adds an
/// interval, and at most `burst` of them may be owed.
struct Guesses {
    interval: Duration,
    burst: Duration,
    addresses_max: usize,
    by_address: HashMap<IpAddr, Guesser>,
    /// Turns of the latest guesses, the oldest first.
    by_turn: BTreeMap<u64, IpAddr>,
    turns: u64,
}

#[derive(Clone, Copy)]
struct Guesser {
    owed_until: Duration,
    turn: u64,
}

impl Guesses {
    fn new(per_min: u32, addresses_max: usize) -> Self {
        let interval = MINUTE / per_min;
        Self {
            interval,
            burst: interval * per_min,
            addresses_max,
            by_address: HashMap::new(),
            by_turn: BTreeMap::new(),
            turns: 0,
        }
    }

    fn failed(&mut self, address: IpAddr, now: Duration) -> Option<Duration> {
        let known = self.by_address.get(&address).copied();
        let owed_until = known.map_or(now, |known| known.owed_until.max(now));
        let next = owed_until + self.interval;
        let wait = next.saturating_sub(now + self.burst);
        let owed_until = if wait.is_zero() { next } else { owed_until };
        self.note(address, known, owed_until);
        self.forget(now);
        (!wait.is_zero()).then_some(wait)
    }

    fn note(&mut self, address: IpAddr, known: Option<Guesser>, owed_until: Duration) {
        if let Some(known) = known {
            self.by_turn.remove(&known.turn);
        }
        let turn = self.turns;
        self.turns += 1;
        self.by_address
            .insert(address, Guesser { owed_until, turn });
        self.by_turn.insert(turn, address);
    }

    /// Lets go of who owes nothing any more, and of the oldest where there are too many.
    fn forget(&mut self, now: Duration) {
        while let Some((_, address)) = self.by_turn.first_key_value()
            && (self.by_address[address].owed_until <= now
                || self.by_address.len() > self.addresses_max)
        {
            self.by_address.remove(address);
            self.by_turn.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from(n).into()
    }

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn after_twenty_guesses_in_a_minute_an_address_waits() {
        let mut guesses = Guesses::new(20, 10);
        for _ in 0..20 {
            assert_eq!(guesses.failed(address(1), seconds(100)), None);
        }
        let wait = Some(seconds(3));
        assert_eq!(guesses.failed(address(1), seconds(100)), wait);
        assert_eq!(
            guesses.failed(address(1), seconds(100)),
            wait,
            "asking costs nothing"
        );
        assert_eq!(guesses.failed(address(2), seconds(100)), None);
        assert_eq!(guesses.failed(address(1), seconds(103)), None);
        assert_eq!(guesses.failed(address(1), seconds(104)), Some(seconds(2)));
        for _ in 0..20 {
            assert_eq!(guesses.failed(address(1), seconds(170)), None);
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_goes_first() {
        let mut guesses = Guesses::new(2, 3);
        for n in 0..5 {
            guesses.failed(address(n), seconds(0) + Duration::from_millis(n.into()));
            guesses.failed(address(n), seconds(0) + Duration::from_millis(n.into()));
        }
        assert_eq!((guesses.by_address.len(), guesses.by_turn.len()), (3, 3));
        assert!(guesses.failed(address(4), seconds(1)).is_some());
        assert!(
            guesses.failed(address(0), seconds(1)).is_none(),
            "it is forgotten"
        );
        guesses.failed(address(9), seconds(200));
        assert_eq!((guesses.by_address.len(), guesses.by_turn.len()), (1, 1));
    }

    #[test]
    fn an_ipv6_address_is_counted_with_its_neighbours_and_nobody_is_not() {
        let failures = Failures::new(1);
        let from = |text: &str| failures.failed(text.parse().ok(), seconds(0)).is_some();
        assert!(!from("2001:db8:1:2::1"));
        assert!(from("2001:db8:1:2:ffff::9"));
        assert!(!from("2001:db8:1:3::1"));
        assert!(!from("nobody") && !from("nobody"));
        assert!(
            Failures::new(0)
                .failed("::1".parse().ok(), seconds(0))
                .is_none()
        );
    }
}
