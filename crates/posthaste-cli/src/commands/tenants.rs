//! `posthaste tenants`.

use std::{io::IsTerminal, process::ExitCode, str::FromStr};

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use crate::{
    client::{Call, ServerArguments},
    session::{Session, Wanted, object},
    table::{Column, column},
    usage,
};

const COLUMNS: &[Column] = &[
    column("ID", "/id"),
    column("NAME", "/name"),
    column("CATALOGUE", "/catalogue"),
    column("CREATED", "/created_at"),
];

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make one, by an id of your choice
    Create {
        id: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// All of them
    List {
        #[command(flatten)]
        wanted: Wanted,
    },
    /// One of them
    Show { id: String },
    /// Change what is given, leave the rest
    Update {
        id: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// Delete it with all it has: keys, subscriptions, events, deliveries
    Delete {
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What may be set for a tenant.
#[derive(Args, Debug)]
struct Settings {
    /// For people
    #[arg(long)]
    name: Option<String>,
    /// open, or strict: event types that are not in its catalogue are refused
    #[arg(long)]
    catalogue: Option<String>,
    /// Where it does not want to send, beside what the server refuses: addresses, CIDRs, host names
    /// and suffixes such as .example.com; all of them, or none
    #[arg(long, value_name = "ENTRY,…", value_delimiter = ',')]
    deny: Option<Vec<String>>,
    /// Whose pages may show its portal in a frame: origins such as https://app.example.com; may be
    /// given again; all of them, or none
    #[arg(long = "portal-origin", value_name = "ORIGIN,…", value_delimiter = ',')]
    portal_origins: Option<Vec<String>>,
    /// How many events it may publish per second, or none for as many as the server says
    #[arg(long, value_name = "RATE", value_parser = limit::<f64>)]
    events_per_s: Option<Value>,
    /// How many subscriptions it may have, or none for as many as the server says
    #[arg(long, value_name = "N", value_parser = limit::<u32>)]
    subscriptions: Option<Value>,
    /// How many days its events are kept, or none for as long as the server says
    #[arg(long, value_name = "N", value_parser = limit::<u32>)]
    retention_days: Option<Value>,
    /// How many days a delivery may be held, or none for as long as the server says
    #[arg(long, value_name = "N", value_parser = limit::<u32>)]
    hold_days: Option<Value>,
}

/// Null takes a limit away.
pub(super) fn limit<T: FromStr + Into<Value>>(text: &str) -> Result<Value, String> {
    match text {
        "none" => Ok(Value::Null),
        number => {
            let number = number.parse::<T>().map(Into::into);
            number.map_err(|_| "expected a number, or none".to_owned())
        }
    }
}

/// An object with one list; none of them is an empty one.
fn listed(name: &str, entries: Vec<String>) -> Value {
    let entries = if entries == ["none"] {
        Vec::new()
    } else {
        entries
    };
    json!({name: entries})
}

impl Settings {
    fn body(self) -> Map<String, Value> {
        let limits = [
            ("events_per_s", self.events_per_s),
            ("subscriptions", self.subscriptions),
            ("retention_days", self.retention_days),
            ("hold_days", self.hold_days),
        ];
        let limits: Map<_, _> = given(limits).collect();
        let members = [
            ("name", self.name.map(Value::from)),
            ("catalogue", self.catalogue.map(Value::from)),
            ("egress", self.deny.map(|list| listed("deny", list))),
            (
                "portal",
                self.portal_origins.map(|list| listed("origins", list)),
            ),
            ("limits", (!limits.is_empty()).then_some(limits.into())),
        ];
        given(members).collect()
    }
}

fn given<const N: usize>(
    members: [(&str, Option<Value>); N],
) -> impl Iterator<Item = (String, Value)> {
    let members = members.into_iter();
    members.filter_map(|(name, value)| Some((name.to_owned(), value?)))
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let session = Session::new(&self.server, json)?;
        match self.command {
            Command::Create { id, settings } => {
                let mut body = settings.body();
                body.insert("id".to_owned(), json!(id));
                session
                    .show(Call::post("/tenants").json(&body.into()))
                    .await
            }
            Command::List { wanted } => session.list("/tenants", &[], wanted, COLUMNS).await,
            Command::Show { id } => session.show(Call::get(object("tenants", &id))).await,
            Command::Update { id, settings } => {
                let call = Call::new(Method::PATCH, object("tenants", &id));
                session.show(call.json(&settings.body().into())).await
            }
            Command::Delete { id, yes } => {
                if !yes && !confirmed(&id)? {
                    eprintln!("that is not its id; nothing was deleted");
                    return Ok(ExitCode::FAILURE);
                }
                let call = Call::new(Method::DELETE, object("tenants", &id));
                session.done(call, |_| format!("{id} is deleted")).await
            }
        }
    }
}

/// Whether a person types the id again; where nobody can, it takes a flag.
fn confirmed(id: &str) -> anyhow::Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(usage(format!(
            "this deletes {id} with all it has, for good: add --yes"
        )));
    }
    eprint!("This deletes {id} with all it has, for good. Type its id to go on: ");
    let mut typed = String::new();
    stdin.read_line(&mut typed)?;
    Ok(typed.trim() == id)
}
