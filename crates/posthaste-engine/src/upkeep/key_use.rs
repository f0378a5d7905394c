//! When keys were last used: noted in memory by every request, and written down here, all together
//! and once a pass, so that no request waits for it.

use std::sync::Arc;

use posthaste::clock::Timestamp;
use posthaste_store::{Store, StoreError};

use super::rounds::Duty;
use crate::subscribers::Subscribers;

/// Keys that one transaction writes.
const STEP: usize = 500;

/// Writes the next keys that were used since that was last written; says whether there are more.
///
/// # Errors
/// The store refuses; what it does not know stays to be written.
pub async fn write(store: &dyn Store, subscribers: &Subscribers) -> Result<bool, StoreError> {
    let snapshot = subscribers.now();
    let used = snapshot.keys.all();
    let used = used.filter_map(|known| Some((known, known.unwritten()?)));
    let used: Vec<_> = used.take(STEP).collect();
    if used.is_empty() {
        return Ok(false);
    }
    let uses = used.iter().map(|(_, at)| *at).collect();
    store.touch_keys(uses).await?;
    for (known, (_, at)) in &used {
        known.written(*at);
    }
    Ok(used.len() == STEP)
}

/// Pass after pass, for a running engine.
pub struct KeyUses {
    pub store: Arc<dyn Store>,
    pub subscribers: Arc<Subscribers>,
}

impl Duty for KeyUses {
    async fn step(&mut self, _: Timestamp) -> Result<bool, StoreError> {
        write(&*self.store, &self.subscribers).await
    }

    fn finish(&mut self, result: Result<(), StoreError>) {
        if let Err(error) = result {
            tracing::error!(%error, "key.touch");
        }
    }
}
