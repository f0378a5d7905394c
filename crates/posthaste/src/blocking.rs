//! The dispatcher for programs without async: each call comes back when its work is done.
//!
//! With the feature `http` a tokio runtime on the caller's own thread does the waiting, and without
//! it that thread alone. Inside an async runtime use the dispatcher itself.

use std::fmt;

use futures_util::stream;

use crate::{
    dispatcher::{DeliveryResult, WebhookDispatcher},
    webhook_event::WebhookEvent,
};

/// A dispatcher whose calls block their thread until they are done.
pub struct BlockingDispatcher {
    dispatcher: WebhookDispatcher,
    runtime: Runtime,
}

impl BlockingDispatcher {
    /// Wraps a dispatcher.
    ///
    /// # Errors
    /// With the feature `http`, when the operating system has no more descriptors for a runtime.
    pub fn new(dispatcher: WebhookDispatcher) -> std::io::Result<Self> {
        let runtime = Runtime::new()?;
        Ok(Self {
            dispatcher,
            runtime,
        })
    }

    /// As [`WebhookDispatcher::dispatch`].
    pub fn dispatch(&self, event: &WebhookEvent) -> Vec<DeliveryResult> {
        self.runtime.block_on(self.dispatcher.dispatch(event))
    }

    /// As [`WebhookDispatcher::dispatch_with_retry`].
    pub fn dispatch_with_retry(&self, event: &WebhookEvent) -> Vec<DeliveryResult> {
        self.runtime
            .block_on(self.dispatcher.dispatch_with_retry(event))
    }

    /// As [`WebhookDispatcher::listen`], for an iterator that has its events at hand: asking it for
    /// the next one holds up what is under way.
    pub fn listen(&self, events: impl IntoIterator<Item = WebhookEvent>) {
        self.runtime
            .block_on(self.dispatcher.listen(stream::iter(events)));
    }
}

impl fmt::Debug for BlockingDispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BlockingDispatcher")
            .field(&self.dispatcher)
            .finish()
    }
}

#[cfg(feature = "http")]
struct Runtime(tokio::runtime::Runtime);

#[cfg(feature = "http")]
impl Runtime {
    fn new() -> std::io::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().map(Self)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}

#[cfg(not(feature = "http"))]
struct Runtime;

#[cfg(not(feature = "http"))]
impl Runtime {
    #[allow(clippy::unnecessary_wraps)] // as the one with the feature
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    #[allow(clippy::unused_self)] // as the one with the feature
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        crate::park::block_on(future)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        dispatcher::{WebhookStatus, create_webhook_dispatcher},
        registry::{WebhookConfig, create_webhook_registry},
        signature::Secret,
        transport::callback::CallbackTransport,
        webhook_event::WebhookEventType,
    };

    #[test]
    fn a_blocking_dispatch_waits_for_its_retries() {
        let registry = create_webhook_registry();
        let url = "https://example.com/hook".parse().unwrap();
        let config = WebhookConfig {
            max_retries: 1,
            // The shortest that there is: it is the waiting itself that is tried here.
            retry_delay: Duration::from_millis(50),
            ..WebhookConfig::new(url, Secret::generate())
        };
        registry.register("a", config).unwrap();
        let transport = CallbackTransport::new(|_, _, _| 500);
        let dispatcher = create_webhook_dispatcher(registry, Some(std::sync::Arc::new(transport)));
        let blocking = BlockingDispatcher::new(dispatcher).unwrap();
        let event = WebhookEvent::new(WebhookEventType::CREATED, 1);
        assert_eq!(blocking.dispatch(&event)[0].attempt, 1);
        let result = &blocking.dispatch_with_retry(&event)[0];
        assert_eq!((result.attempt, result.status), (2, WebhookStatus::Failed));
        blocking.listen([event]);
    }
}
