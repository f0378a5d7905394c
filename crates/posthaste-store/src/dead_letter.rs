//! Dead letters, put together by whom they were for and why they died: what someone sees who has
//! thousands of them, and what they send again or let go together.

use std::collections::BTreeMap;

use posthaste::id::{DeliveryId, SubscriptionId};

use crate::rollup::Reason;

/// Those of a stretch of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetters {
    pub groups: BTreeMap<(SubscriptionId, Reason), DeadGroup>,
    /// All that were looked at.
    pub counted: u64,
    /// Where the next stretch begins, as in a [`Page`](crate::Page); none at the end.
    pub next: Option<u64>,
}

/// Dead letters of one subscription that died of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadGroup {
    pub count: u64,
    pub oldest: DeliveryId,
    pub newest: DeliveryId,
}

impl DeadLetters {
    /// One more, below those before it.
    pub fn add(&mut self, id: DeliveryId, to: SubscriptionId, last_error: Option<&str>) {
        let reason = Reason::named(last_error.unwrap_or_default());
        self.counted += 1;
        let group = self.groups.entry((to, reason)).or_insert(DeadGroup {
            count: 0,
            oldest: id,
            newest: id,
        });
        group.count += 1;
        group.oldest = id;
    }

    /// With those of the stretch below it.
    #[must_use]
    pub fn and(mut self, below: Self) -> Self {
        for (key, group) in below.groups {
            let mine = self
                .groups
                .entry(key)
                .or_insert(DeadGroup { count: 0, ..group });
            mine.count += group.count;
            mine.oldest = group.oldest;
        }
        self.counted += below.counted;
        self.next = below.next;
        self
    }
}
