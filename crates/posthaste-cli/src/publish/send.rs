//! Sending what is to be published: one event as such, many in batches, each under a key, and again
//! until it is known to be in.

use std::{fmt::Write, io::IsTerminal, time::Duration};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use posthaste::{
    chance,
    clock::{Clock, SystemClock},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    chunk::Chunk,
    input::{EventJson, Events},
};
use crate::{
    client::{Answer, Call, CallError},
    paint::{Ink, Paint},
    session::Session,
    stdout,
};

/// Waits before a call is made again whose outcome is unknown, or which was refused for now.
const WAITS: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];
/// What a server may ask for at most in `Retry-After` before we give up instead.
const WAIT_MAX: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Published {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    deliveries: u64,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

pub async fn one(session: &Session, event: &EventJson, key: Option<String>) -> anyhow::Result<()> {
    let key = key.unwrap_or_else(chance::uuid);
    let body = event.get().to_owned().into();
    let call = Call::post("/events").bytes("application/json", body);
    let answer = patiently(session, call.idempotency_key(Some(key))).await?;
    if session.json {
        return stdout::line(answer.text().trim_end());
    }
    let Published {
        id,
        event_type,
        deliveries,
    } = answer.read()?;
    let id = Paint::for_stdout().ink(Ink::Cyan, &id);
    let deliveries = counted(deliveries, "delivery", "deliveries");
    stdout::line(format_args!("{id}  {event_type}  {deliveries}"))
}

/// `size` is the input's in bytes, where it is known.
pub async fn many(
    session: &Session,
    mut events: Events,
    key: Option<String>,
    size: Option<u64>,
) -> anyhow::Result<()> {
    let key = key.unwrap_or_else(chance::uuid);
    let (stopwatch, bar) = (SystemClock::new(), progress(size));
    let (mut left_over, mut accepted, mut deliveries, mut number) = (None, 0, 0, 0);
    while let Some(chunk) = Chunk::take(&mut events, &mut left_over)? {
        let sent = batch(session, &chunk, format!("{key}.{number}")).await;
        deliveries += sent.map_err(|error| bar.suspend(|| failed(error, accepted)))?;
        accepted += chunk.len() as u64;
        number += 1;
        bar.set_message(format!("{} events", HumanCount(accepted)));
        bar.inc(chunk.bytes());
    }
    bar.finish_and_clear();
    if !session.json {
        let events = counted(accepted, "event", "events");
        let deliveries = counted(deliveries, "delivery", "deliveries");
        let seconds = stopwatch.elapsed().as_secs_f64();
        stdout::line(format_args!(
            "published {events}, {deliveries}, in {seconds:.1} s"
        ))?;
    }
    Ok(())
}

/// Publishes a chunk under a key; prints its events for scripts, and answers how many deliveries
/// they made.
pub async fn batch(session: &Session, chunk: &Chunk, key: String) -> anyhow::Result<u64> {
    let (content_type, body) = chunk.body();
    let call = Call::post("/events/batch").bytes(content_type, body);
    let answer = patiently(session, call.idempotency_key(Some(key))).await?;
    shown(session, &answer)
}

/// Prints the answer's events for scripts; answers how many deliveries they made.
fn shown(session: &Session, answer: &Answer) -> anyhow::Result<u64> {
    let batch: Batch<'_> = serde_json::from_slice(&answer.body)?;
    let (mut deliveries, mut lines) = (0, String::new());
    for event in batch.events {
        let published: Published = serde_json::from_str(event.get())?;
        deliveries += published.deliveries;
        if session.json {
            writeln!(lines, "{}", event.get())?;
        }
    }
    stdout::print(lines)?;
    Ok(deliveries)
}

/// An outcome that is unknown and a refusal that passes are tried again: the key makes it safe.
async fn patiently(session: &Session, call: Call) -> Result<Answer, CallError> {
    let mut waits = WAITS.iter();
    loop {
        let error = match session.client().call(call.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let asked = match &error {
            CallError::Broken(_) => Duration::ZERO,
            CallError::Refused(problem) if problem.is_passing() => {
                problem.retry_after.unwrap_or_default()
            }
            CallError::Refused(_) | CallError::Unreachable { .. } => return Err(error),
        };
        match waits.next() {
            Some(wait) if asked <= WAIT_MAX => tokio::time::sleep(asked.max(*wait)).await,
            _ => return Err(error),
        }
    }
}

pub fn failed(error: anyhow::Error, accepted: u64) -> anyhow::Error {
    if accepted == 0 {
        return error;
    }
    error.context(format!("{accepted} events are in, the rest is not"))
}

fn progress(size: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match size {
        Some(size) => (
            ProgressBar::new(size),
            "{bar:32.cyan/blue} {percent:>3} %  {msg}  {elapsed} of {duration}",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}"),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("the template is well formed"))
}

/// A bar over a known number of events.
pub fn counting(events: u64, hidden: bool) -> ProgressBar {
    if hidden || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = "{bar:32.cyan/blue} {percent:>3} %  {pos} of {len} events  {elapsed}";
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    ProgressBar::new(events).with_style(style)
}

pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", HumanCount(n), if n == 1 { one } else { many })
}
