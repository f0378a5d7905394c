//! The model sends again: what has ended is opened, what is missing is made, dead letters are let go.

use posthaste::{
    clock::Timestamp,
    delivery::{DeliveryState, Discard},
    event::{Origin, TenantId},
    id::{DeliveryId, ReplayId},
};

use super::{
    queue::State,
    row::{Row, Shade},
};
use crate::{
    again::{Again, SentAgain},
    ledger::Ledger,
    record::{Parking, Reopened, Settlement, Standing},
    store::StoreError,
};

impl State {
    pub fn send_again(&mut self, ledger: &Ledger, again: &Again) -> Result<SentAgain, StoreError> {
        let sent = self.sent_again(ledger, again);
        ledger.release(again.reserved());
        sent
    }

    fn sent_again(&mut self, ledger: &Ledger, again: &Again) -> Result<SentAgain, StoreError> {
        let (tenant, step) = (&again.tenant, again.step.as_ref());
        if step.is_some_and(|step| !self.disk.may_step(tenant, step)) {
            return Err(StoreError::Stale);
        }
        let replay = step.map(|step| step.id);
        let ids = again.reopen.iter();
        let reopened = ids.map(|id| self.reopen(again, *id)).collect();
        let late = again.make.iter();
        let made = late
            .map(|late| self.make(ledger, late.clone(), replay))
            .collect();
        let sent = SentAgain { reopened, made };
        if !sent.is_missing() {
            self.disk.append(again.entry.clone());
        }
        if let Some(step) = step {
            self.disk.moved_on(tenant, step, &sent, again.at);
        }
        Ok(sent)
    }

    fn reopen(&mut self, again: &Again, id: DeliveryId) -> Reopened {
        let Some((mut row, shade)) = self.open_to(&again.tenant, id) else {
            return Reopened::Missing;
        };
        let hurries = again.origin != Origin::Replay && !again.only_failed;
        let retry_at = match row.state(shade) {
            DeliveryState::Retrying { .. } if hurries => Some(again.at),
            DeliveryState::Failed { .. } => None,
            DeliveryState::Delivered { .. } | DeliveryState::Discarded { .. }
                if !again.only_failed =>
            {
                None
            }
            _ => return Reopened::AlreadyWaiting,
        };
        if retry_at.is_none() {
            row.latest.tries.spent = 0;
            row.latest.origin = again.origin;
            row.replay = again.step.as_ref().map(|step| step.id);
            row.latest.batch = None;
            row.opened_at = Some(again.at);
        }
        let parking = match row.latest.line {
            Some(_) => Parking::Shelved,
            None => Parking::Due(again.at),
        };
        row.latest.standing = Standing::Waiting { retry_at, parking };
        self.disk.put(row);
        Reopened::Redelivered
    }

    /// A delivery of a tenant, to a subscription that is not deleted, of an event that is stored.
    fn open_to(&self, tenant: &TenantId, id: DeliveryId) -> Option<(Row, Shade)> {
        let row = self.disk.row(id)?;
        let shade = self.disk.shade(row.latest.subscription);
        let stored = self.disk.events.contains_key(&row.latest.event);
        let open = row.latest.tenant == *tenant && shade != Shade::Deleted && stored;
        open.then_some((row, shade))
    }

    fn make(&mut self, ledger: &Ledger, late: Settlement, replay: Option<ReplayId>) -> Reopened {
        let (id, to) = (late.id, late.subscription);
        let stored = self.disk.event(&late.tenant, late.event);
        let live = self.disk.subscription_mut(&late.tenant, to).is_some();
        let Some(stored) = stored.filter(|_| live) else {
            return Reopened::Missing;
        };
        let is_it = |row: &Row| row.latest.subscription == to;
        let made = self.disk.late_of(late.event).any(is_it);
        if made || stored.subscriptions.contains(&to) {
            return Reopened::AlreadyWaiting;
        }
        self.settle_one(ledger, late);
        if let Some(row) = self.disk.rows.get_mut(&id) {
            row.replay = replay;
        }
        Reopened::Redelivered
    }

    pub fn discard_failed(
        &mut self,
        tenant: &TenantId,
        ids: &[DeliveryId],
        now: Timestamp,
    ) -> usize {
        let ids = ids.iter();
        ids.filter(|id| self.discard_one(tenant, **id, now)).count()
    }

    fn discard_one(&mut self, tenant: &TenantId, id: DeliveryId, now: Timestamp) -> bool {
        let row = self.disk.row(id).filter(|row| row.latest.tenant == *tenant);
        let dead = row.filter(|row| row.latest.standing == Standing::Failed);
        let Some(row) = dead else { return false };
        self.discard(row, Discard::Discarded, now);
        true
    }
}
