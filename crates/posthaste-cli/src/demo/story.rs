//! The demo as a log that one enjoys to read: what the API says has changed since the last look.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use posthaste::clock::{Clock, SystemClock, Timestamp};
use serde::Deserialize;

use super::{
    Tally,
    cast::{Cast, Inbox, Part},
};
use crate::{
    client::{Call, Client},
    paint::{Ink, Paint},
    stdout,
};

/// Deliveries that are looked at; the demo's end well before they are pushed out of it.
const LOOKED_AT: usize = 300;

#[derive(Clone, Deserialize)]
pub struct Delivery {
    id: String,
    subscription_id: String,
    event_type: String,
    status: String,
    attempts: u64,
    sent_at: Option<Timestamp>,
    next_attempt_at: Option<Timestamp>,
}

impl Delivery {
    fn waits(&self) -> Option<Duration> {
        Some(self.next_attempt_at?.since(self.sent_at?))
    }
}

#[derive(Deserialize)]
struct Attempt {
    number: u64,
    latency_ms: f64,
    status_code: Option<u16>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    next_cursor: Option<String>,
}

/// What came to the inbox.
#[derive(Deserialize)]
struct Kept {
    number: u64,
    headers: Vec<Header>,
    answered: u16,
    verification: Option<Verification>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: Option<String>,
}

#[derive(Deserialize)]
struct Verification {
    valid: bool,
}

#[derive(Deserialize)]
struct Subscription {
    status: String,
}

/// What has happened, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub deliveries: u64,
    pub delivered: u64,
    pub failed: u64,
    pub discarded: u64,
    pub held: u64,
    /// Pending or retrying.
    pub waiting: u64,
    pub attempts: u64,
    /// Requests that the receivers and the inbox got.
    pub requests: u64,
    /// Those whose every signature verified.
    pub verified: u64,
}

pub struct Story<'a> {
    client: &'a Client,
    cast: &'a Cast,
    json: bool,
    paint: Paint,
    clock: SystemClock,
    seen: HashMap<String, Delivery>,
    paused: Vec<&'a str>,
    /// Requests that the inbox has kept, and those of them that verified.
    kept: (u64, u64),
    /// Looks in a row that found nothing new.
    quiet: u32,
}

impl<'a> Story<'a> {
    pub fn new(client: &'a Client, cast: &'a Cast, json: bool) -> Self {
        Self {
            client,
            cast,
            json,
            paint: Paint::for_stdout(),
            clock: SystemClock::new(),
            seen: HashMap::new(),
            paused: Vec::new(),
            kept: (0, 0),
            quiet: 0,
        }
    }

    pub fn published(&self, id: &str, event_type: &str, deliveries: u64) -> anyhow::Result<()> {
        let to = format!("{id} to {deliveries} subscriptions");
        let verb = self.paint.ink(Ink::Bold, "published  ");
        self.say(&verb, "       ", event_type, &self.paint.ink(Ink::Dim, &to))
    }

    /// Asks the API, and tells what is new.
    pub async fn look(&mut self) -> anyhow::Result<()> {
        let path = format!("/deliveries?limit={LOOKED_AT}");
        let page: Page<Delivery> = self.client.call(Call::get(path)).await?.read()?;
        let deliveries = page.data;
        self.forget_all_but(&deliveries);
        let mut news: Vec<_> = deliveries
            .into_iter()
            .filter(|now| self.is_news(now))
            .collect();
        self.quiet = if news.is_empty() { self.quiet + 1 } else { 0 };
        news.reverse();
        for delivery in news {
            self.tell(&delivery).await?;
            self.seen.insert(delivery.id.clone(), delivery);
        }
        self.look_into_the_inbox().await?;
        self.look_for_pauses().await
    }

    async fn look_into_the_inbox(&mut self) -> anyhow::Result<()> {
        let known = self.kept.0;
        let path = format!("/inboxes/{}/requests?limit=20", self.cast.inbox.id);
        let (mut news, mut cursor) = (Vec::new(), None);
        loop {
            let path = match &cursor {
                None => path.clone(),
                Some(cursor) => format!("{path}&cursor={cursor}"),
            };
            let page: Page<Kept> = self.client.call(Call::get(path)).await?.read()?;
            let all_new = page.data.iter().all(|kept| kept.number > known);
            news.extend(page.data.into_iter().filter(|kept| kept.number > known));
            cursor = page.next_cursor.filter(|_| all_new);
            if cursor.is_none() {
                break;
            }
        }
        for kept in news.iter().rev() {
            self.tell_kept(kept)?;
        }
        Ok(())
    }

    fn tell_kept(&mut self, kept: &Kept) -> anyhow::Result<()> {
        self.kept.0 += 1;
        let valid = kept.verification.as_ref().is_some_and(|one| one.valid);
        self.kept.1 += u64::from(valid);
        let mut headers = kept.headers.iter();
        let event_type = headers.find(|header| header.name == "x-event-type");
        let event_type = event_type.and_then(|header| header.value.as_deref());
        let event_type = event_type.unwrap_or_default();
        let verified = self.verified(valid);
        let verb = self.paint.ink(Ink::Cyan, "kept       ");
        let what = format!("{}            {verified}", kept.answered);
        self.say(&verb, &Inbox::painted(self.paint), event_type, &what)
    }

    fn verified(&self, verified: bool) -> String {
        match verified {
            true => self.paint.ink(Ink::Green, "verified ✓"),
            false => self.paint.ink(Ink::Red, "not verified ✗"),
        }
    }

    /// A demo may run for days: what is no longer looked at is forgotten, now and then.
    fn forget_all_but(&mut self, deliveries: &[Delivery]) {
        if self.seen.len() > 4 * LOOKED_AT {
            let looked_at: HashSet<&str> = deliveries.iter().map(|d| d.id.as_str()).collect();
            self.seen.retain(|id, _| looked_at.contains(id.as_str()));
        }
    }

    fn is_news(&self, now: &Delivery) -> bool {
        let before = self.seen.get(&now.id);
        before.is_none_or(|then| then.status != now.status || then.attempts != now.attempts)
    }

    async fn tell(&self, delivery: &Delivery) -> anyhow::Result<()> {
        let before = self.seen.get(&delivery.id).map_or(0, |then| then.attempts);
        let Some(part) = self.cast.of(&delivery.subscription_id) else {
            return Ok(());
        };
        if self.json {
            return Ok(());
        }
        if delivery.attempts == before {
            return self.waiting(delivery, part);
        }
        let path = format!("/deliveries/{}/attempts", delivery.id);
        let page: Page<Attempt> = self.client.call(Call::get(path)).await?.read()?;
        let mut attempts: Vec<_> = page
            .data
            .into_iter()
            .filter(|a| a.number > before)
            .collect();
        attempts.sort_unstable_by_key(|attempt| attempt.number);
        for attempt in &attempts {
            let is_last = attempt.number == delivery.attempts;
            self.attempt(delivery, part, attempt, is_last)?;
        }
        Ok(())
    }

    /// It changed without an attempt.
    fn waiting(&self, delivery: &Delivery, part: &Part) -> anyhow::Result<()> {
        if delivery.status != "held" {
            return Ok(());
        }
        let verb = self.paint.ink(Ink::Yellow, "held       ");
        let why = self.paint.ink(Ink::Dim, "until it is resumed");
        let who = part.painted(self.paint);
        self.say(&verb, &who, &delivery.event_type, &why)
    }

    fn attempt(
        &self,
        delivery: &Delivery,
        part: &Part,
        attempt: &Attempt,
        is_last: bool,
    ) -> anyhow::Result<()> {
        let status = if is_last {
            delivery.status.as_str()
        } else {
            "retrying"
        };
        let (ink, verb) = match status {
            "delivered" => (Ink::Green, "delivered  "),
            "failed" => (Ink::Red, "dead letter"),
            "held" => (Ink::Yellow, "held       "),
            _ => (Ink::Yellow, "retrying   "),
        };
        let code = attempt.status_code.map(|code| code.to_string());
        let answer = code.or_else(|| attempt.error.clone()).unwrap_or_default();
        let verified = self.verified(is_verified(part, &delivery.id, attempt.number));
        let ms = attempt.latency_ms;
        let again = match (status, attempt.number, delivery.waits().filter(|_| is_last)) {
            ("retrying", _, Some(wait)) => format!("  again in {} ms", wait.as_millis()),
            ("failed", n, _) => format!("  after {n} attempts"),
            (_, 1, _) => String::new(),
            (_, n, _) => format!("  attempt {n}"),
        };
        let what = format!("{answer}  {ms:>5.1} ms  {verified}{again}");
        let verb = self.paint.ink(ink, verb);
        self.say(
            &verb,
            &part.painted(self.paint),
            &delivery.event_type,
            &what,
        )
    }

    async fn look_for_pauses(&mut self) -> anyhow::Result<()> {
        for part in &self.cast.parts {
            if self.paused.contains(&part.subscription.as_str()) {
                continue;
            }
            let path = format!("/subscriptions/{}", part.subscription);
            let now: Subscription = self.client.call(Call::get(path)).await?.read()?;
            if now.status == "paused" {
                self.paused.push(&part.subscription);
                let verb = self.paint.ink(Ink::Yellow, "paused     ");
                let why = "too many dead letters in a row; what comes now is held, not lost";
                self.say(&verb, &part.painted(self.paint), &part.subscription, why)?;
            }
        }
        Ok(())
    }

    fn say(&self, verb: &str, who: &str, event_type: &str, what: &str) -> anyhow::Result<()> {
        if self.json {
            return Ok(());
        }
        let time = format!("{:>6.2}s", self.clock.elapsed().as_secs_f64());
        let time = self.paint.ink(Ink::Dim, &time);
        stdout::line(format_args!(
            "{time}  {verb} {who}  {event_type:22}  {what}"
        ))
    }

    /// Whether all that was published has its outcome, and the receivers saw every attempt.
    pub fn has_ended(&self, tally: Tally) -> bool {
        let told = self.told();
        let all = told.deliveries == tally.deliveries && told.waiting == 0;
        all && self.quiet > 1 && told.attempts == told.requests
    }

    pub fn told(&self) -> Told {
        let count = |wanted: &[&str]| {
            let those = self
                .seen
                .values()
                .filter(|d| wanted.contains(&d.status.as_str()));
            those.count() as u64
        };
        let receivers = self.cast.parts.iter();
        Told {
            deliveries: self.seen.len() as u64,
            delivered: count(&["delivered"]),
            failed: count(&["failed"]),
            discarded: count(&["discarded"]),
            held: count(&["held"]),
            waiting: count(&["pending", "retrying"]),
            attempts: self.seen.values().map(|delivery| delivery.attempts).sum(),
            requests: self.kept.0
                + receivers
                    .clone()
                    .map(|part| part.receiver.received())
                    .sum::<u64>(),
            verified: self.kept.1 + receivers.map(verified).sum::<u64>(),
        }
    }
}

/// The n-th request for a delivery, as its receiver judges it.
fn is_verified(part: &Part, delivery: &str, number: u64) -> bool {
    let requests = part.receiver.requests();
    let mut own = requests
        .iter()
        .filter(|request| request.header("x-webhook-id") == Some(delivery));
    let index = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    own.nth(index)
        .is_some_and(|request| request.is_verified(&part.secret, request.at))
}

fn verified(part: &Part) -> u64 {
    let requests = part.receiver.requests();
    let verified = requests
        .iter()
        .filter(|request| request.is_verified(&part.secret, request.at));
    verified.count() as u64
}
