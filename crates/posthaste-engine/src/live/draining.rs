//! Whether the server is told to stop: then what would go on for ever ends.

use tokio::sync::watch;

/// What every request of a server can know of its end.
#[derive(Clone, Debug)]
pub struct Draining(watch::Receiver<bool>);

impl Draining {
    #[must_use]
    pub fn new(draining: watch::Receiver<bool>) -> Self {
        Self(draining)
    }

    /// Waits until it begins. May be dropped at any moment.
    pub async fn begun(&mut self) {
        // A server that is gone is not coming back.
        self.0.wait_for(|draining| *draining).await.ok();
    }
}
