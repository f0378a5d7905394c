//! A receiver for tests that block: `posthaste-receiver` on a runtime that they share.

use std::{
    future::Future,
    ops::Deref,
    sync::{Arc, LazyLock},
};

use posthaste_receiver::{Behaviour, Options, Receiver, Recorded, Script};
use tokio::{runtime::Runtime, time::timeout};

use crate::wait::SOON;

pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime starts"));

/// One request that came.
#[derive(Clone, Debug)]
pub struct Arrival(Arc<Recorded>);

impl Deref for Arrival {
    type Target = Recorded;

    fn deref(&self) -> &Recorded {
        &self.0
    }
}

impl Arrival {
    /// The `webhook-id`: the event's id.
    #[track_caller]
    pub fn id(&self) -> &str {
        self.header("webhook-id")
            .expect("every request has a webhook-id")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub struct Sink(Receiver);

impl Sink {
    /// Answers 200 to everything.
    pub fn start() -> Self {
        let options = Options {
            keep: 1_000_000,
            ..Options::default()
        };
        let started = Receiver::start_with(([127, 0, 0, 1], 0).into(), options);
        Self(RUNTIME.block_on(started).expect("a port is free"))
    }

    pub fn url(&self) -> String {
        self.0.url("/hook")
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.0.address()
    }

    /// The URL of a path of it.
    pub fn at(&self, path: &str) -> String {
        self.0.url(path)
    }

    pub fn script(&self, script: Script) {
        self.0.set_script(script);
    }

    pub fn always(&self, behaviour: Behaviour) {
        self.script(Script::always(behaviour));
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        self.0.requests().into_iter().map(Arrival).collect()
    }

    pub fn count(&self) -> usize {
        usize::try_from(self.0.received()).expect("it fits")
    }

    /// All that came, once there are at least so many.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Arrival> {
        let came = within_reason(self.0.wait_for(count as u64));
        let came = came.unwrap_or_else(|| panic!("{} of {count} arrived", self.count()));
        came.into_iter().map(Arrival).collect()
    }
}

fn within_reason<T>(waiting: impl Future<Output = T>) -> Option<T> {
    RUNTIME.block_on(async { timeout(SOON, waiting).await.ok() })
}
