//! The walk's steps that take: what the store hands out is what the model does, and each once.

use posthaste::event::Line;

use super::Walk;
use crate::{query::DeliveryQuery, record::Waiting, store::Store};

impl Walk<'_> {
    pub(super) fn hold(&mut self, taken: Vec<Waiting>, expected: &[Waiting]) {
        assert_eq!(format!("{taken:?}"), format!("{expected:?}"));
        for waiting in taken {
            let before = self.hands.insert(waiting.id, waiting);
            assert!(before.is_none(), "handed out twice: {before:?}");
        }
    }

    pub(super) async fn take_due(&mut self) {
        let at_most = self.below(20);
        let now = self.world.now;
        let page = self.store().take_due(now, at_most).await.unwrap();
        let expected = self.model.take_due(now, at_most).await.unwrap();
        assert_eq!(page.next, expected.next);
        self.hold(page.items, &expected.items);
    }

    pub(super) async fn take_shelved(&mut self) {
        let at_most = self.below(20);
        let (_, from) = self.pick(&self.subscriptions);
        let page = self.store().take_shelved(from, at_most).await.unwrap();
        let expected = self.model.take_shelved(from, at_most).await.unwrap();
        assert_eq!(page.next.is_some(), expected.next.is_some());
        self.hold(page.items, &expected.items);
        self.check_shelved().await;
    }

    async fn check_shelved(&self) {
        let shelved = self.store().shelved().await.unwrap();
        for subscription in self.model.shelved().await.unwrap() {
            assert!(shelved.contains(&subscription));
        }
    }

    pub(super) async fn take_line(&mut self) {
        let at_most = self.below(20);
        let (_, from) = self.pick(&self.subscriptions);
        let line = self.line().unwrap_or_default();
        let page = self.store().take_line(from, line, at_most).await.unwrap();
        let expected = self.model.take_line(from, line, at_most).await.unwrap();
        assert_eq!(page.next.is_some(), expected.next.is_some());
        self.hold(page.items, &expected.items);
    }

    pub(super) async fn take_past(&mut self) {
        let at_most = self.below(20);
        let (_, from) = self.pick(&self.subscriptions);
        let known = self.listed(&DeliveryQuery::default()).await;
        let after = match (known.len(), self.below(3)) {
            (0, _) | (_, 0) => None,
            _ => Some(self.pick(&known).id),
        };
        let except: Vec<Line> = (0..self.below(3)).filter_map(|_| self.line()).collect();
        let page = self.world.take_past(from, after, &except, at_most).await;
        let expected = self
            .model
            .take_shelved_after(from, after, &except, at_most)
            .await
            .unwrap();
        assert!(
            page.next.is_some() || expected.next.is_none(),
            "more are left"
        );
        self.hold(page.items, &expected.items);
        self.check_shelved().await;
    }
}
