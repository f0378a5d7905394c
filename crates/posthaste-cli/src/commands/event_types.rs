//! `posthaste event-types`.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use http::{Method, StatusCode};
use serde_json::value::RawValue;

use crate::{
    catalogues::{self, Entry},
    client::{Call, ServerArguments},
    session::{Session, Wanted, object},
    stdout,
    table::{Column, column},
    usage,
};

const COLUMNS: &[Column] = &[
    column("TYPE", "/type"),
    column("VERSIONS", "/versions").names(),
    column("DESCRIPTION", "/description"),
    column("UPDATED", "/updated_at"),
];

const HELP: &str = "\
Examples:
  posthaste event-types import memory            one that comes along: memory, process-heat
  posthaste event-types import catalogue.json    {\"event_types\":[{\"type\":…,\"versions\":{\"1\":{…}}}]}
  posthaste event-types create order.created --schema order.schema.json --example '{\"id\":42}'
  posthaste tenants update default --catalogue strict   other types are refused from now on";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// All of them, the newest first
    List {
        #[command(flatten)]
        wanted: Wanted,
    },
    /// One of them, with its example and schemas
    Show {
        #[arg(value_name = "TYPE")]
        event_type: String,
    },
    /// Put one into the catalogue
    Create {
        #[arg(value_name = "TYPE")]
        event_type: String,
        /// What it means
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Data as an event has it
        #[arg(long, value_name = "JSON | FILE")]
        example: Option<String>,
        /// The JSON Schema that its data has to fit
        #[arg(long, value_name = "JSON | FILE")]
        schema: Option<String>,
        /// The version that the schema is of
        #[arg(long, value_name = "N", default_value_t = 1, requires = "schema")]
        version: u32,
    },
    /// Take one out of the catalogue; what was published stays
    Delete {
        #[arg(value_name = "TYPE")]
        event_type: String,
    },
    /// Put all of a file into the catalogue, or of one that comes along
    Import {
        /// A file, or memory or process-heat
        #[arg(value_name = "FILE | NAME")]
        what: String,
    },
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let session = Session::new(&self.server, json)?;
        match self.command {
            Command::List { wanted } => session.list("/event-types", &[], wanted, COLUMNS).await,
            Command::Show { event_type } => session.show(Call::get(path(&event_type))).await,
            Command::Create {
                event_type,
                description,
                example,
                schema,
                version,
            } => {
                let example = example.as_deref().map(json_or_file).transpose()?;
                let schema = schema.as_deref().map(json_or_file).transpose()?;
                let schema = schema.map(|schema| (version, schema));
                let body = body(&event_type, description, example, schema);
                let call = Call::post("/event-types").bytes("application/json", body.into());
                session.show(call).await
            }
            Command::Delete { event_type } => {
                let call = Call::new(Method::DELETE, path(&event_type));
                session
                    .done(call, |_| {
                        format!("{event_type} is not in the catalogue any more")
                    })
                    .await
            }
            Command::Import { what } => import(&session, catalogues::open(&what)?).await,
        }
    }
}

fn path(event_type: &str) -> String {
    object("event-types", event_type)
}

/// Every schema and example stays as it was written.
fn body(
    event_type: &str,
    description: Option<String>,
    example: Option<Box<RawValue>>,
    schema: Option<(u32, Box<RawValue>)>,
) -> String {
    let mut body = format!("{{\"type\":{}", serde_json::Value::from(event_type));
    if let Some(description) = description {
        body += &format!(",\"description\":{}", serde_json::Value::from(description));
    }
    if let Some(example) = example {
        body += &format!(",\"example\":{example}");
    }
    if let Some((version, schema)) = schema {
        body += &format!(",\"versions\":{{\"{version}\":{schema}}}");
    }
    body + "}"
}

/// JSON as it stands there, or a file of it.
fn json_or_file(text: &str) -> anyhow::Result<Box<RawValue>> {
    if let Ok(json) = RawValue::from_string(text.trim().to_owned()) {
        return Ok(json);
    }
    if text.trim_start().starts_with(['{', '[', '"']) {
        return Err(usage(format!("malformed JSON: {text}")));
    }
    let read = std::fs::read_to_string(text);
    let read = read.with_context(|| format!("{text} is no JSON, and no file that can be read"))?;
    let json = RawValue::from_string(read.trim().to_owned());
    json.with_context(|| format!("malformed JSON in {text}"))
}

/// Puts each, and says what became of it.
async fn import(session: &Session, entries: Vec<Entry>) -> anyhow::Result<ExitCode> {
    let (mut made, mut replaced) = (0, 0);
    for Entry { name, json } in entries {
        let body = Box::<str>::from(json).into_string().into();
        let call = Call::new(Method::PUT, path(&name)).bytes("application/json", body);
        let answer = session.client().call(call).await;
        let answer = answer.with_context(|| format!("{name}, after {} others", made + replaced))?;
        let is_new = answer.status == StatusCode::CREATED;
        (made, replaced) = (made + u32::from(is_new), replaced + u32::from(!is_new));
        match session.json {
            true => stdout::json_line(&answer.text())?,
            false => {
                let verb = if is_new { "made" } else { "replaced" };
                stdout::line(format_args!("{name:28}  {verb}"))?;
            }
        }
    }
    if !session.json {
        let count = made + replaced;
        stdout::line(format_args!(
            "{count} event types: {made} made, {replaced} replaced"
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_goes_out_as_it_was_written() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let schema = Some((2, raw(r#"{"maximum": 1.0}"#)));
        let body = body("a.b", Some("x \"y\"".into()), Some(raw("1e400")), schema);
        let expected = r#"{"type":"a.b","description":"x \"y\"","example":1e400,"versions":{"2":{"maximum": 1.0}}}"#;
        assert_eq!(body, expected);
    }
}
