//! The walk's steps that let go: of what is old, of keys, of what was held too long.

use std::time::Duration;

use posthaste::clock::Timestamp;

use super::Walk;
use crate::store::Store;

impl Walk<'_> {
    /// Some time before now; the whole walk lasts about fifty minutes.
    fn earlier(&self) -> Timestamp {
        let ago = self.chance.bits() % 90_000;
        let now = self.world.now.as_millis();
        Timestamp::from_millis(now - i64::try_from(ago).expect("a minute and a half"))
    }

    pub(super) async fn prune(&mut self) {
        self.become_someone();
        let (tenant, before) = (self.world.tenant.clone(), self.earlier());
        let pruned = self.world.prune(before, 1 + self.below(100)).await;
        let expected = self.model.prune(&tenant, before, None, usize::MAX).await;
        let expected = expected.unwrap();
        assert_eq!(pruned, (expected.events, expected.deliveries));
        assert_eq!(expected.next, None);
        *self.made.entry(tenant).or_default() -= expected.deliveries;
    }

    pub(super) async fn prune_keys(&mut self) {
        let (tenant, now) = (self.pick(&self.tenants), self.world.now);
        let (mut after, at_most) = (None, 1 + self.below(9));
        loop {
            let pruned = self.store().prune_keys(&tenant, now, after, at_most).await;
            let expected = self.model.prune_keys(&tenant, now, after, at_most).await;
            assert_eq!(pruned, expected);
            after = expected.unwrap().next;
            if after.is_none() {
                return;
            }
        }
    }

    pub(super) async fn expire(&mut self) {
        let holds = self.model.holds().await.unwrap();
        assert_eq!(self.store().holds().await, Ok(holds));
        let (_, from) = self.pick(&self.subscriptions);
        let (now, before, mut after) = (self.world.now, self.earlier(), None);
        let until = before + Duration::from_secs(20);
        let expected = self.model.held(from, until).await;
        assert_eq!(self.store().held(from, until).await, expected);
        let at_most = 1 + self.below(9);
        loop {
            let (store, model) = (self.world.store(), &self.model);
            let expired = store.expire_held(from, before, after, now, at_most);
            let expected = model.expire_held(from, before, after, now, at_most).await;
            assert_eq!(expired.await, expected);
            after = expected.unwrap().next;
            if after.is_none() {
                return;
            }
        }
    }

    pub(super) async fn tell(&mut self) {
        let holds = self.model.holds().await.unwrap();
        if holds.is_empty() {
            return;
        }
        let (hold, now) = (self.pick(&holds), self.world.now);
        let alert = (self.below(3) > 0).then(|| self.alert());
        let told = self.store().tell_expiring(&hold, alert.clone(), now).await;
        let expected = self.model.tell_expiring(&hold, alert.clone(), now).await;
        assert_eq!(told, expected);
        if told == Ok(true) {
            alert.into_iter().for_each(|alert| self.accepted(alert));
        }
    }
}
