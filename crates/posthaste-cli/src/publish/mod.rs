//! `posthaste publish`: one event, or as many as a file holds.

mod chunk;
mod input;
pub mod send;

use std::{
    fs::File,
    io::{BufRead, BufReader, Cursor, IsTerminal, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use serde_json::{Value, value::RawValue};

use self::input::Events;
pub use self::{chunk::Chunk, input::EventJson};
use crate::{client::ServerArguments, session::Session, usage};

const HELP: &str = "\
Examples:
  posthaste publish order.created --data '{\"id\":42}'
  posthaste publish order.created < order.json
  posthaste publish events.ndjson                {\"type\":\"order.created\",\"data\":{…}} a line
  zcat backlog.gz | posthaste publish - --ndjson --idempotency-key backlog-7

With a type, the input is the event's data. Without one, it is whole events: an object, an array,
or one a line. Many go out in batches; each is all or nothing, and is repeated until it is known to
be in, under a key of its own, so that no event is made twice.";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// An event type, whose data is the input; or a file of whole events, or - for stdin
    #[arg(value_name = "TYPE | FILE | -")]
    what: Option<String>,
    /// The event's data as JSON; without a type, the event itself
    #[arg(long, value_name = "JSON", conflicts_with = "file")]
    data: Option<String>,
    /// Read from this file instead of stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The input is one JSON value a line
    #[arg(long)]
    ndjson: bool,
    /// Repeating the command with the same key and input publishes nothing twice
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    details: Details,
    #[command(flatten)]
    server: ServerArguments,
}

/// Members of an event beside its type and data.
#[derive(Args, Debug)]
#[command(next_help_heading = "Of the event (with TYPE)")]
struct Details {
    /// Who says it
    #[arg(long)]
    source: Option<String>,
    /// What it belongs to
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// What it keeps its place among
    #[arg(long, value_name = "KEY")]
    ordering_key: Option<String>,
    /// When it happened (RFC 3339)
    #[arg(long, value_name = "TIME")]
    occurred_at: Option<String>,
    /// The version of its type
    #[arg(long = "event-version", value_name = "N")]
    version: Option<u32>,
    /// Only for these subscriptions
    #[arg(long, value_name = "SUB,…", value_delimiter = ',')]
    subscriptions: Vec<String>,
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let (event_type, file) = self.meaning();
        if event_type.is_none() && self.details.is_given() {
            return Err(usage(
                "--source and its like go with a TYPE; whole events hold their own",
            ));
        }
        let input = self.input(file.as_deref())?;
        let size = file.and_then(|file| Some(std::fs::metadata(file).ok()?.len()));
        let events = self.events(input, event_type)?;
        let session = Session::new(&self.server, json)?;
        let key = self.idempotency_key;
        match events {
            Events::One(event) => send::one(&session, &event, key).await?,
            events => send::many(&session, events, key, size).await?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The event type, and the file, that were given.
    fn meaning(&self) -> (Option<String>, Option<PathBuf>) {
        match &self.what {
            None => (None, self.file.clone()),
            Some(dash) if dash == "-" => (None, self.file.clone()),
            Some(what) if self.data.is_none() && self.file.is_none() && is_file(what) => {
                (None, Some(PathBuf::from(what)))
            }
            Some(what) => (Some(what.clone()), self.file.clone()),
        }
    }

    fn input(&self, file: Option<&Path>) -> anyhow::Result<Box<dyn BufRead + Send>> {
        if let Some(data) = &self.data {
            return Ok(Box::new(Cursor::new(data.clone())));
        }
        if let Some(file) = file {
            let open = File::open(file);
            let open = open.with_context(|| format!("cannot read {}", file.display()))?;
            return Ok(Box::new(BufReader::new(open)));
        }
        if std::io::stdin().is_terminal() && self.what.as_deref() != Some("-") {
            return Err(usage(
                "nothing to publish: give --data JSON, --file FILE, or pipe it in",
            ));
        }
        Ok(Box::new(BufReader::new(std::io::stdin())))
    }

    fn events(
        &self,
        mut input: Box<dyn BufRead + Send>,
        event_type: Option<String>,
    ) -> anyhow::Result<Events> {
        let Some(event_type) = event_type else {
            return Events::detect(input, self.ndjson);
        };
        let wrap = |data: &EventJson| self.details.event(&event_type, data);
        if self.ndjson {
            let data = Events::detect(input, true)?;
            let events: Vec<_> = data.map(|data| wrap(&data?)).collect::<Result<_, _>>()?;
            return Ok(Events::Many(events.into_iter()));
        }
        let mut data = String::new();
        input
            .read_to_string(&mut data)
            .context("cannot read the data")?;
        let data = RawValue::from_string(data.trim().to_owned()).context("the data is no JSON")?;
        Ok(Events::One(wrap(&data)?))
    }
}

impl Details {
    fn is_given(&self) -> bool {
        self.members().iter().any(|(_, value)| !value.is_null())
    }

    fn members(&self) -> [(&'static str, Value); 6] {
        let narrowed = (!self.subscriptions.is_empty()).then_some(&self.subscriptions);
        [
            ("version", serde_json::json!(self.version)),
            ("source", serde_json::json!(self.source)),
            ("correlation_id", serde_json::json!(self.correlation_id)),
            ("ordering_key", serde_json::json!(self.ordering_key)),
            ("occurred_at", serde_json::json!(self.occurred_at)),
            ("subscriptions", serde_json::json!(narrowed)),
        ]
    }

    /// The whole event, with the data's own bytes in it.
    fn event(&self, event_type: &str, data: &EventJson) -> anyhow::Result<EventJson> {
        let mut event = format!("{{\"type\":{}", Value::from(event_type));
        for (name, value) in self.members() {
            if !value.is_null() {
                event += &format!(",\"{name}\":{value}");
            }
        }
        event += &format!(",\"data\":{}}}", data.get());
        Ok(RawValue::from_string(event)?)
    }
}

/// Whether this is a file's name rather than an event type.
fn is_file(what: &str) -> bool {
    let extensions = [".json", ".ndjson", ".jsonl"];
    let named = extensions.iter().any(|extension| what.ends_with(extension));
    named || what.contains(['/', '\\']) || Path::new(what).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_goes_into_the_event_byte_for_byte() {
        let details = Details {
            source: Some("shop \"1\"".to_owned()),
            correlation_id: None,
            ordering_key: None,
            occurred_at: None,
            version: Some(2),
            subscriptions: Vec::new(),
        };
        let data = RawValue::from_string("{\"n\": 1.0}".to_owned()).unwrap();
        let event = details.event("a.b", &data).unwrap();
        let expected = r#"{"type":"a.b","version":2,"source":"shop \"1\"","data":{"n": 1.0}}"#;
        assert_eq!(event.get(), expected);
    }

    #[test]
    fn a_type_is_not_taken_for_a_file() {
        assert!(is_file("events.ndjson") && is_file("./order.created") && is_file("/dev/null/x"));
        assert!(!is_file("order.created"));
    }
}
