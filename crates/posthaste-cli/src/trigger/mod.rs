//! `posthaste trigger`: events out of a catalogue's examples, as many and as fast as one likes.

mod alter;
mod pace;

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use http::StatusCode;
use indicatif::HumanCount;
use posthaste::clock::{Clock, SystemClock};
use serde_json::{Value, value::RawValue};

use self::{alter::Override, pace::Pace};
use crate::{
    catalogues::{self, Sample},
    client::{Call, CallError, ServerArguments},
    publish::{Chunk, EventJson, send},
    session::{Session, object},
    stdout,
};

const HELP: &str = "\
Examples:
  posthaste trigger memory.created
  posthaste trigger alarm.triggered --override data.severity=critical --override data.measured.value=19
  posthaste trigger memory.created --count 1000 --rate 50

The data is the type's example: of the server's catalogue, else of one that comes along (memory,
process-heat).";

/// Events up to which each is shown with its id.
const SHOWN_MAX: u64 = 20;

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// An event type with an example
    #[arg(value_name = "TYPE")]
    event_type: String,
    /// How many events
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Events per second [default: as fast as they go]
    #[arg(long, value_name = "R", value_parser = pace::rate)]
    rate: Option<f64>,
    /// Change the example: data.amount=7; the value is JSON, or else text
    #[arg(long = "override", value_name = "PATH=VALUE")]
    overrides: Vec<Override>,
    /// The version of the type [default: the newest]
    #[arg(long = "version", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    version: Option<u32>,
    #[command(flatten)]
    server: ServerArguments,
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let session = Session::new(&self.server, json)?;
        let sample = sample(&session, &self.event_type).await?;
        let event = self.event(sample)?;
        let each = !json && self.count <= SHOWN_MAX;
        publish(&session, &event, self.count, Pace::new(self.rate, each)).await?;
        Ok(ExitCode::SUCCESS)
    }

    /// The event as it is published; without overrides its data is the example byte for byte.
    fn event(&self, (data, newest): (Box<RawValue>, u32)) -> anyhow::Result<EventJson> {
        let data = match self.overrides.is_empty() {
            true => data.get().to_owned(),
            false => {
                let mut value = serde_json::from_str(data.get())?;
                for one in &self.overrides {
                    one.apply(&mut value)?;
                }
                Value::to_string(&value)
            }
        };
        let version = self.version.unwrap_or(newest);
        let version = match version {
            1 => String::new(),
            version => format!(",\"version\":{version}"),
        };
        let name = Value::from(self.event_type.as_str());
        Ok(RawValue::from_string(format!(
            "{{\"type\":{name}{version},\"data\":{data}}}"
        ))?)
    }
}

/// The type's example, and its version.
async fn sample(session: &Session, event_type: &str) -> anyhow::Result<(Box<RawValue>, u32)> {
    let known = match session
        .client()
        .call(Call::get(object("event-types", event_type)))
        .await
    {
        Ok(answer) => Some(answer.read::<Sample>()?),
        // A key that may publish need not read the catalogue.
        Err(CallError::Refused(problem))
            if [StatusCode::NOT_FOUND, StatusCode::FORBIDDEN].contains(&problem.status) =>
        {
            None
        }
        Err(error) => return Err(error.into()),
    };
    let known = known.into_iter().chain(catalogues::sample(event_type));
    let mut examples = known.filter_map(|sample| {
        let version = sample.version();
        Some((sample.data?, version))
    });
    match examples.next() {
        Some(example) => Ok(example),
        None => bail!(
            "there is no example of {event_type}: add one with \
             `posthaste event-types create {event_type} --example '{{…}}'`, or import a catalogue \
             that has it"
        ),
    }
}

async fn publish(
    session: &Session,
    event: &EventJson,
    count: u64,
    pace: Pace,
) -> anyhow::Result<()> {
    let (stopwatch, bar) = (SystemClock::new(), send::counting(count, pace.each));
    let (mut ticks, mut sent, mut deliveries) = (pace.ticks(), 0, 0);
    while sent < count {
        if let Some(ticks) = &mut ticks {
            ticks.tick().await;
        }
        let group = pace.group.min(count - sent);
        let answered = match pace.each {
            true => send::one(session, event, None).await.map(|()| 0),
            false => batch(session, event, group).await,
        };
        deliveries += answered.map_err(|error| bar.suspend(|| send::failed(error, sent)))?;
        sent += group;
        bar.inc(group);
    }
    bar.finish_and_clear();
    if !session.json && !pace.each {
        let (events, seconds) = (HumanCount(count), stopwatch.elapsed().as_secs_f64());
        let deliveries = send::counted(deliveries, "delivery", "deliveries");
        stdout::line(format_args!(
            "published {events} events, {deliveries}, in {seconds:.1} s"
        ))?;
    }
    Ok(())
}

async fn batch(session: &Session, event: &EventJson, count: u64) -> anyhow::Result<u64> {
    let mut events = (0..count).map(|_| Ok(event.clone()));
    let (mut left_over, mut deliveries) = (None, 0);
    while let Some(chunk) = Chunk::take(&mut events, &mut left_over)? {
        deliveries += send::batch(session, &chunk, posthaste::chance::uuid()).await?;
    }
    Ok(deliveries)
}
