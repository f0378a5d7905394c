//! Recovery at start: what was accepted and has no row is scheduled again, page by page, as the
//! scheduler has room. Nothing is loaded whole.

use std::{sync::Arc, time::Duration};

use posthaste::id::EventId;
use posthaste_store::{Page, Store, record::Waiting};
use tokio::sync::watch;

use crate::{delivery::mailbox::Dispatch, scheduler::Input};

/// Deliveries of one page, about.
const PAGE: usize = 1000;
/// The wait before a store that refused is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// Starts it; the receiver turns true when all is scheduled.
pub fn start(store: Arc<dyn Store>, dispatch: Dispatch) -> watch::Receiver<bool> {
    let (done, recovered) = watch::channel(false);
    tokio::spawn(async move {
        let count = recover(&*store, &dispatch).await;
        if count > 0 {
            tracing::info!(deliveries = count, "delivery.recover");
        }
        done.send_replace(true);
    });
    recovered
}

async fn recover(store: &dyn Store, dispatch: &Dispatch) -> usize {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = page(store, after).await;
        count += page.items.len();
        dispatch.tell(Input::Accepted(page.items));
        let Some(next) = page.next else {
            dispatch.tell(Input::Recovered);
            return count;
        };
        after = Some(EventId::from_u64(next));
        dispatch.room().await;
    }
}

async fn page(store: &dyn Store, after: Option<EventId>) -> Page<Waiting> {
    loop {
        match store.recover(after, PAGE).await {
            Ok(page) => return page,
            Err(error) => tracing::error!(%error, "delivery.recover"),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
