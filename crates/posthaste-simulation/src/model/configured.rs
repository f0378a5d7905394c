//! What the configuration says.

use posthaste::{
    event::TenantId,
    id::{DeliveryId, SubscriptionId},
    subscription::Subscription,
};

use super::{Model, endpoint::Endpoint};

impl Model {
    /// A subscription as it is in the store by now.
    pub fn stored(&mut self, subscription: &Subscription, resumed: bool) {
        let moment = self.moment();
        let endpoint = self.endpoints.entry(subscription.id);
        let endpoint = endpoint.or_insert_with(|| Endpoint::new(subscription));
        endpoint.stored(subscription, resumed);
        endpoint.changed = moment;
    }

    pub fn deleted(&mut self, id: SubscriptionId) {
        let waiting = self.deliveries.values();
        let waiting = waiting.filter(|owed| owed.subscription == id && owed.kept.waits());
        self.open -= waiting.count();
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.deleted = true;
        }
    }

    pub(super) fn is_live(&self, id: SubscriptionId) -> bool {
        self.endpoints.get(&id).is_some_and(|known| !known.deleted)
    }

    /// Those that are not deleted.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<SubscriptionId> {
        let live = self.endpoints.iter().filter(|(_, known)| !known.deleted);
        live.map(|(id, _)| *id).collect()
    }

    #[must_use]
    pub fn subscriptions_of(&self, tenant: &TenantId) -> Vec<SubscriptionId> {
        let live = self.endpoints.iter().filter(|(_, known)| !known.deleted);
        let theirs = live.filter(|(_, known)| known.tenant == *tenant);
        theirs.map(|(id, _)| *id).collect()
    }

    #[must_use]
    pub fn subscription_of(&self, id: DeliveryId) -> Option<SubscriptionId> {
        self.deliveries.get(&id).map(|owed| owed.subscription)
    }

    #[must_use]
    pub fn tenant_of(&self, id: SubscriptionId) -> Option<TenantId> {
        self.endpoints.get(&id).map(|known| known.tenant.clone())
    }
}
