//! Provenance at the end of a world: every attempt that is stored fits into its delivery's chain,
//! whatever crashed between them.

use posthaste::id::DeliveryId;
use posthaste_engine::operations::Audit;
use posthaste_store::Store;

use crate::disk::ready;

/// Deliveries of one page.
const PAGE: usize = 1000;

pub fn fit(store: &dyn Store) -> Result<(), String> {
    let tenants = ready(store.tenants()).map_err(|error| error.to_string())?;
    for tenant in tenants {
        let (mut after, end) = (DeliveryId::from_u64(0), DeliveryId::from_u64(u64::MAX));
        loop {
            let page = ready(store.histories(&tenant.id, after, end, PAGE));
            let page = page.map_err(|error| error.to_string())?;
            let audit = Audit::of(&page.items);
            if audit.first_mismatch.is_some() || audit.without > 0 {
                return Err(format!("a chain does not fit: {audit:?}"));
            }
            match page.next {
                Some(next) => after = DeliveryId::from_u64(next),
                None => break,
            }
        }
    }
    Ok(())
}
