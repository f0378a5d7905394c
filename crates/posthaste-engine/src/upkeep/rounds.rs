//! The pace of a slow duty: a pass now and then, in steps with pauses between them that are longer
//! than the steps, so that whoever writes for others is never taken for long. A duty that is behind,
//! or has much to look at, rests longer; it never hurries.

use std::{sync::Arc, time::Duration};

use posthaste::clock::{Clock, Timestamp};
use posthaste_store::StoreError;
use tokio::sync::{Notify, watch};

/// From the start to the first pass.
const FIRST: Duration = Duration::from_secs(1);
/// From a pass to the next, at least.
const REST: Duration = Duration::from_secs(60);
/// The pause after a step, at least.
const PAUSE: Duration = Duration::from_millis(5);
/// So many times as long as a step took lasts the pause after it: pauses as long as the steps held
/// up accepts for 140 ms, measured.
const PAUSE_FACTOR: u32 = 4;

/// Something that is done in passes.
pub trait Duty: Send {
    /// Does a little of a pass; says whether there is more of it. After an error the pass is over.
    fn step(&mut self, now: Timestamp) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// A pass is over: what it came to is told, and the next one begins anew.
    fn finish(&mut self, result: Result<(), StoreError>);
}

/// Passes until the engine drains.
pub async fn rounds(duty: impl Duty, clock: Arc<dyn Clock>, mut draining: watch::Receiver<bool>) {
    tokio::select! {
        () = passes(duty, &*clock) => {}
        _ = draining.wait_for(|draining| *draining) => {}
    }
}

/// A pass at once and one each time it is asked for, until the engine drains. One that failed is
/// tried again after a rest.
pub async fn when_asked(
    mut duty: impl Duty,
    clock: Arc<dyn Clock>,
    asked: Arc<Notify>,
    mut draining: watch::Receiver<bool>,
) {
    let passes = async {
        loop {
            let result = pass(&mut duty, &*clock).await;
            let failed = result.is_err();
            duty.finish(result);
            match failed {
                true => drop(tokio::time::timeout(REST, asked.notified()).await),
                false => asked.notified().await,
            }
        }
    };
    tokio::select! {
        () = passes => {}
        _ = draining.wait_for(|draining| *draining) => {}
    }
}

async fn passes(mut duty: impl Duty, clock: &dyn Clock) {
    tokio::time::sleep(FIRST).await;
    loop {
        let begun = clock.elapsed();
        let result = pass(&mut duty, clock).await;
        duty.finish(result);
        let took = clock.elapsed() - begun;
        tokio::time::sleep(REST.max(took)).await;
    }
}

async fn pass(duty: &mut impl Duty, clock: &dyn Clock) -> Result<(), StoreError> {
    loop {
        let begun = clock.elapsed();
        if !duty.step(clock.now()).await? {
            return Ok(());
        }
        let took = clock.elapsed() - begun;
        tokio::time::sleep(PAUSE.max(took * PAUSE_FACTOR)).await;
    }
}
