//! Where the dispatch loop is spoken to: whoever has news for the scheduler tells it here.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::{mpsc, oneshot};

use crate::scheduler::{Input, Load};

/// What the loop takes in.
pub enum Message {
    Input(Input),
    /// Answered when the scheduler has room for more.
    WhenRoom(oneshot::Sender<()>),
}

/// Where the loop is spoken to.
#[derive(Clone)]
pub struct Dispatch {
    messages: mpsc::UnboundedSender<Message>,
    pub gauges: Arc<Gauges>,
}

/// The scheduler's load, for others to read.
#[derive(Debug, Default)]
pub struct Gauges {
    held: AtomicUsize,
    in_flight: AtomicUsize,
    without_row: AtomicUsize,
    has_room: AtomicBool,
}

impl Gauges {
    pub fn set(&self, load: Load) {
        self.held.store(load.held, Ordering::Relaxed);
        self.in_flight.store(load.in_flight, Ordering::Relaxed);
        self.without_row.store(load.without_row, Ordering::Relaxed);
        self.has_room.store(load.has_room, Ordering::Relaxed);
    }
}

impl Dispatch {
    #[must_use]
    pub fn new() -> (Self, Mailbox) {
        let (messages, mailbox) = mpsc::unbounded_channel();
        let gauges = Arc::new(Gauges::default());
        let dispatch = Self { messages, gauges };
        (dispatch, Mailbox(mailbox))
    }

    pub fn tell(&self, input: Input) {
        // The loop lives as long as the engine; after it, nothing is left to tell.
        self.messages.send(Message::Input(input)).ok();
    }

    /// Returns once the scheduler has room for more, or is gone.
    pub async fn room(&self) {
        let (sender, receiver) = oneshot::channel();
        self.messages.send(Message::WhenRoom(sender)).ok();
        receiver.await.ok();
    }

    #[must_use]
    pub fn load(&self) -> Load {
        Load {
            held: self.gauges.held.load(Ordering::Relaxed),
            in_flight: self.gauges.in_flight.load(Ordering::Relaxed),
            without_row: self.gauges.without_row.load(Ordering::Relaxed),
            has_room: self.gauges.has_room.load(Ordering::Relaxed),
        }
    }
}

/// The other end of a [`Dispatch`].
pub struct Mailbox(pub mpsc::UnboundedReceiver<Message>);
