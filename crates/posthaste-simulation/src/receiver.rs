//! Receivers: what each does with a request, by its profile, its troubles and the dice.

use std::time::Duration;

use posthaste::{
    clock::Timestamp,
    delivery::FailureClass,
    transport::{Answer, TransportError},
};

use crate::{dice::Dice, scenario::Classes};

/// How an endpoint behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// 2xx within a tenth of a second.
    Healthy,
    /// 2xx after 14.9 s.
    Slow,
    /// Takes the request and never answers.
    Hangs,
    /// Closes the connection: before it has read, or after it has acted.
    Resets,
    /// A permanent 4xx.
    Refuses(u16),
    /// 500, in so many of a thousand requests.
    Flaky(u64),
    /// 410, in so many of a thousand requests.
    Gone(u64),
    /// 429 or 503 with a `Retry-After`, in so many of a thousand requests.
    Throttles(u64),
    /// Away for hours at a time, then back at once.
    Away,
}

/// What a request came to.
#[derive(Clone, Debug)]
pub struct Reply {
    /// After it was heard; none never comes.
    pub after: Option<Duration>,
    pub result: Result<Answer, TransportError>,
    /// Whether the receiver took the body in and means to keep it.
    pub taken: bool,
}

/// What receivers ask for: now, soon, an hour, the far future, nothing that one understands.
const RETRY_AFTER_S: [Option<u64>; 5] =
    [Some(0), Some(5), Some(3600), Some(1_000_000_000_000), None];

impl Profile {
    pub fn drawn(dice: &mut Dice, classes: &Classes) -> Self {
        if !classes.hostile_receivers || dice.happens(350) {
            return Self::Healthy;
        }
        let some = dice.pick(&[50, 300, 800]);
        match dice.below(8) {
            0 => Self::Slow,
            1 => Self::Hangs,
            2 => Self::Resets,
            3 => Self::Refuses(dice.pick(&[400, 404, 422])),
            4 => Self::Flaky(some),
            5 => Self::Gone(dice.pick(&[5, 50])),
            6 => Self::Throttles(some),
            _ => Self::Away,
        }
    }
}

/// One endpoint.
#[derive(Debug)]
pub struct Receiver {
    pub profile: Profile,
    /// When it is away.
    away: Option<(Timestamp, Timestamp)>,
    dice: Dice,
}

impl Receiver {
    #[must_use]
    pub fn new(profile: Profile, dice: Dice) -> Self {
        Self {
            profile,
            away: None,
            dice,
        }
    }

    /// What it does with a request that it hears now.
    pub fn meet(&mut self, now: Timestamp) -> Reply {
        match self.profile {
            Profile::Healthy => self.accept(),
            Profile::Slow => Reply {
                after: Some(Duration::from_millis(14_900)),
                ..self.accept()
            },
            Profile::Hangs => Reply {
                after: None,
                ..self.accept()
            },
            Profile::Resets => self.reset(),
            Profile::Refuses(status) => self.answer(status, None),
            Profile::Flaky(share) => self.sometimes(share, |me| me.answer(500, None)),
            Profile::Gone(share) => self.sometimes(share, |me| me.answer(410, None)),
            Profile::Throttles(share) => self.sometimes(share, Self::throttle),
            Profile::Away => match self.is_away(now) {
                true => self.failed(FailureClass::Connect),
                false => self.accept(),
            },
        }
    }

    fn sometimes(&mut self, share: u64, otherwise: impl FnOnce(&mut Self) -> Reply) -> Reply {
        match self.dice.happens(share) {
            true => otherwise(self),
            false => self.accept(),
        }
    }

    fn accept(&mut self) -> Reply {
        let status = self.dice.pick(&[200, 200, 201, 204]);
        Reply {
            taken: true,
            ..self.answer(status, None)
        }
    }

    fn answer(&mut self, status: u16, retry_after: Option<Duration>) -> Reply {
        Reply {
            after: Some(self.dice.millis(1, 80)),
            result: Ok(Answer {
                status,
                retry_after,
                ..Answer::default()
            }),
            taken: false,
        }
    }

    fn throttle(&mut self) -> Reply {
        let status = self.dice.pick(&[429, 503]);
        let wait = self.dice.pick(&RETRY_AFTER_S).map(Duration::from_secs);
        self.answer(status, wait)
    }

    fn reset(&mut self) -> Reply {
        let taken = self.dice.happens(500);
        Reply {
            taken,
            ..self.failed(FailureClass::Protocol)
        }
    }

    fn failed(&mut self, class: FailureClass) -> Reply {
        Reply {
            after: Some(self.dice.millis(1, 20)),
            result: Err(TransportError {
                class,
                detail: String::from("simulated"),
            }),
            taken: false,
        }
    }

    /// Away for up to two hours, then there for up to one.
    fn is_away(&mut self, now: Timestamp) -> bool {
        let (from, to) = match self.away {
            Some((from, to)) if now < to => (from, to),
            _ => {
                let from = now + self.dice.seconds(0, 3600);
                (from, from + self.dice.seconds(60, 7200))
            }
        };
        self.away = Some((from, to));
        (from..to).contains(&now)
    }
}
