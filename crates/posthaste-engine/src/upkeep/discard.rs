//! What a deleted or disabled subscription was owed leaves the queue, a small step at a time.

use std::sync::Arc;

use posthaste::{clock::Clock, delivery::Discard, id::SubscriptionId};
use posthaste_store::{Store, StoreError};

/// Deliveries that one step discards.
const STEP: usize = 500;

/// Discards all parked deliveries of a subscription.
///
/// # Errors
/// When the store refuses; what was discarded by then stays so.
pub async fn all_parked(
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    id: SubscriptionId,
    why: Discard,
) -> Result<(), StoreError> {
    while store.discard_parked(id, why, clock.now(), STEP).await? > 0 {}
    Ok(())
}
