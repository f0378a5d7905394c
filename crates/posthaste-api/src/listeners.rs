//! How many listen at once: bounded for the server, and for a tenant so that none takes all places.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use posthaste::event::TenantId;

use crate::problem::{Kind, Problem};

/// Streams of a server.
const ALL_MAX: usize = 200;
/// Streams of a tenant.
const TENANT_MAX: usize = 50;

/// The places of all streams, by tenant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listeners(Arc<Mutex<HashMap<TenantId, usize>>>);

/// One place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    listeners: Listeners,
    tenant: TenantId,
}

impl Listeners {
    /// A place for one more, where there is one.
    pub(crate) fn enter(&self, tenant: &TenantId) -> Result<Listener, Problem> {
        let mut by_tenant = self.lock();
        let all: usize = by_tenant.values().sum();
        let own = by_tenant.get(tenant).copied().unwrap_or(0);
        if all >= ALL_MAX || own >= TENANT_MAX {
            let detail = format!("at most {TENANT_MAX} of a tenant and {ALL_MAX} of a server");
            return Err(Problem::new(Kind::TooManyStreams, detail).retry_soon());
        }
        by_tenant.insert(tenant.clone(), own + 1);
        Ok(Listener {
            listeners: self.clone(),
            tenant: tenant.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, usize>> {
        self.0
            .lock()
            .expect("nothing panics while it counts listeners")
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut by_tenant = self.listeners.lock();
        if let Some(own) = by_tenant.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                by_tenant.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(n: usize) -> TenantId {
        format!("t{n}").parse().unwrap()
    }

    #[test]
    fn places_are_bounded_for_each_tenant_and_for_all_and_come_back() {
        let listeners = Listeners::default();
        let mut places = Vec::new();
        for n in 0..4 {
            for _ in 0..TENANT_MAX {
                places.push(listeners.enter(&tenant(n)).unwrap());
            }
            let refused = listeners.enter(&tenant(n)).unwrap_err();
            assert_eq!(refused.status(), 429);
        }
        assert!(listeners.enter(&tenant(9)).is_err(), "the server is full");
        places.pop();
        places.push(listeners.enter(&tenant(9)).unwrap());
        places.clear();
        assert!(listeners.lock().is_empty());
    }
}
