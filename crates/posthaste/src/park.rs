//! Running one future on the caller's thread, without a runtime: the thread parks while there is
//! nothing to do, until someone wakes it or the next wait is over.

use std::{
    cell::RefCell,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    clock::{Clock as _, SystemClock},
    dispatcher::Timer,
};

/// The waits of the future that this thread runs.
struct Waits {
    stopwatch: SystemClock,
    until: Vec<(Duration, Waker)>,
}

thread_local! {
    static WAITS: RefCell<Option<Waits>> = const { RefCell::new(None) };
}

/// Waits inside [`block_on`], and panics anywhere else.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ParkTimer;

#[async_trait]
impl Timer for ParkTimer {
    async fn wait(&self, duration: Duration) {
        let until = waits(|waits| waits.stopwatch.elapsed().saturating_add(duration));
        poll_fn(|context| waits(|waits| waits.poll(until, context))).await;
    }
}

fn waits<T>(act: impl FnOnce(&mut Waits) -> T) -> T {
    WAITS.with_borrow_mut(|waits| {
        let waits = waits.as_mut();
        act(waits.expect("retries wait inside posthaste::blocking, or on the timer of with_timer"))
    })
}

impl Waits {
    fn poll(&mut self, until: Duration, context: &Context<'_>) -> Poll<()> {
        if self.stopwatch.elapsed() >= until {
            return Poll::Ready(());
        }
        self.until.push((until, context.waker().clone()));
        Poll::Pending
    }

    /// Wakes those whose wait is over, and says how long the next one still has.
    fn wake(&mut self) -> Option<Duration> {
        let now = self.stopwatch.elapsed();
        let over = self.until.extract_if(.., |(until, _)| *until <= now);
        over.for_each(|(_, waker)| waker.wake());
        let next = self.until.iter().map(|(until, _)| *until).min();
        next.map(|next| next - now)
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let own = Waits {
        stopwatch: SystemClock::new(),
        until: Vec::new(),
    };
    let outer = WAITS.replace(Some(own));
    let mut future = pin!(future);
    let output = loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            break output;
        }
        // One that was woken here has unparked the thread already: parking comes back at once.
        match waits(Waits::wake) {
            Some(wait) => thread::park_timeout(wait),
            None => thread::park(),
        }
    };
    WAITS.set(outer);
    output
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[test]
    fn many_waits_end_together_and_none_before_its_time() {
        let stopwatch = SystemClock::new();
        let wait = async |n: u32| {
            let length = Duration::from_micros(100) * n;
            ParkTimer.wait(length).await;
            stopwatch.elapsed() >= length
        };
        let ended = block_on(join_all((0..40).rev().map(wait)));
        assert_eq!(ended, [true; 40]);
    }

    #[test]
    fn another_thread_wakes_it() {
        let (send, receive) = futures_channel();
        let sender = thread::spawn(send);
        assert_eq!(block_on(receive), 7);
        sender.join().unwrap();
    }

    /// A value that another thread gives, once, and the future of it.
    fn futures_channel() -> (impl FnOnce() + Send, impl Future<Output = u8>) {
        use std::sync::Mutex;
        let shared = Arc::new(Mutex::new((None, None::<Waker>)));
        let given = shared.clone();
        let send = move || {
            let mut given = given.lock().unwrap();
            given.0 = Some(7);
            given.1.take().inspect(Waker::wake_by_ref);
        };
        let receive = poll_fn(move |context| {
            let mut shared = shared.lock().unwrap();
            shared.1 = Some(context.waker().clone());
            shared.0.map_or(Poll::Pending, Poll::Ready)
        });
        (send, receive)
    }
}
