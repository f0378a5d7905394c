//! Waiting for a retry: the one thing of a runtime that the dispatcher needs, so it is an argument.

use std::time::Duration;

use async_trait::async_trait;

/// Something that waits without holding a thread.
#[async_trait]
pub trait Timer: Send + Sync + 'static {
    /// Comes back after so long.
    async fn wait(&self, duration: Duration);
}

/// Waits on tokio's timer; only inside a tokio runtime that has one.
#[cfg(feature = "http")]
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioTimer;

#[cfg(feature = "http")]
#[async_trait]
impl Timer for TokioTimer {
    async fn wait(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
