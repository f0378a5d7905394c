//! Replays that somebody asks for and stops. The sending is a slow duty.

use std::time::Duration;

use posthaste::{event::TenantId, id::ReplayId};
use posthaste_store::{
    Store,
    replay::{Only, Progress, Replay, ReplayPlan, ReplayStatus},
};

use crate::{
    disk::ready,
    world::{Call, Own, World},
};

/// Deliveries a second: the slowest is through an hour's deliveries before a world must have ended.
const RATES_PER_S: [f64; 4] = [3.0, 20.0, 500.0, 100_000.0];
/// The wait before a store that refused is asked again.
const AGAIN: Duration = Duration::from_millis(250);

impl World {
    /// Stops a running one, or begins one.
    pub fn ask_for_replay(&mut self) {
        self.totals.changes += 1;
        let running = ready(self.disk.store.running_replays()).expect("it answers");
        let dice = &mut self.dice.operator;
        if !running.is_empty() && dice.happens(400) {
            let one = &running[dice.index(running.len())];
            let stop = Call::StopReplay(one.tenant.clone(), one.id);
            return self.ask_store(stop);
        }
        if self.node.is_some() {
            let replay = self.draft_replay();
            self.ask_store(Call::StartReplay(Box::new(replay)));
        }
    }

    fn draft_replay(&mut self) -> Replay {
        let now = self.node_now();
        let ids = self.disk.store.reserve(now, &[0]);
        self.disk.store.release(&ids);
        let id = ReplayId::at(ids[0].place());
        let tenant = self.dice.operator.index(self.scenario.tenants.len());
        let tenant = self.tenant(tenant);
        let known = self.model.subscriptions_of(&tenant);
        let dice = &mut self.dice.operator;
        let back = |wait: Duration| {
            let ms = i64::try_from(wait.as_millis()).expect("an hour at most");
            posthaste::clock::Timestamp::from_millis(id.time().as_millis() - ms)
        };
        let until = back(dice.seconds(0, 600)) + Duration::from_millis(1);
        let since = until.min(back(dice.seconds(600, 3600)));
        let narrow = dice.happens(300) && !known.is_empty();
        let plan = ReplayPlan {
            since,
            until,
            types: match dice.happens(250) {
                true => vec!["memory.*".parse().expect("a pattern")],
                false => Vec::new(),
            },
            subscriptions: match narrow {
                true => vec![dice.pick(&known)],
                false => Vec::new(),
            },
            only: dice.pick(&[Only::All, Only::Failed, Only::Missing]),
            rate_per_s: dice.pick(&RATES_PER_S),
        };
        Replay {
            id,
            tenant,
            status: ReplayStatus::Running,
            cursor: Replay::begin(&plan),
            plan,
            progress: Progress::default(),
            claim: None,
        }
    }

    pub fn commit_replay(&mut self, replay: Box<Replay>) {
        if self.disk.refuses(self.agenda.now) {
            return self.soon(AGAIN, Own::Call(Call::StartReplay(replay)));
        }
        self.note(format_args!("store: {replay:?}"));
        let (tenant, id) = (replay.tenant.clone(), replay.id);
        self.model.replay_begun(&replay);
        ready(self.disk.store.insert_replay(*replay, None)).expect("it answers");
        self.store_answers(Own::Replay(tenant, id));
    }

    pub fn commit_stop(&mut self, tenant: &TenantId, id: ReplayId) {
        if self.disk.refuses(self.agenda.now) {
            return;
        }
        let now = self.node_now();
        let stopped =
            ready(self.disk.store.stop_replay(tenant, id, now, None)).expect("it is there");
        self.note(format_args!("store: {id} {:?}", stopped.status));
        self.model.replay_stopped(&stopped);
    }

    /// What a start goes on with.
    pub fn resume_replays(&mut self) {
        for one in ready(self.disk.store.running_replays()).expect("it answers") {
            self.soon(Duration::ZERO, Own::Replay(one.tenant, one.id));
        }
    }
}
