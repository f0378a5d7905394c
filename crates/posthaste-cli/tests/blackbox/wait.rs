//! The one place where a test waits for what it cannot be told of: it looks again until it sees it,
//! and says what it waited for when it never comes.

use std::{sync::mpsc, time::Duration};

use posthaste::clock::{Clock, SystemClock};

/// How long anything may take that takes no time of its own.
pub const SOON: Duration = Duration::from_secs(20);
/// The pause between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// What `look` sees first; panics with `what` when it sees nothing `within` that time.
#[track_caller]
pub fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let clock = SystemClock::new();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(clock.elapsed() < within, "{what}: not within {within:?}");
        pause();
    }
}

/// Lets others run for a moment, without sleeping a thread that could be told something.
pub fn pause() {
    let (_nobody, never) = mpsc::channel::<()>();
    never.recv_timeout(LOOK).ok();
}
