//! `posthaste tenants`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use crate::{
    client::{Call, ServerArguments},
    session::{Session, Wanted, object},
    table::{Column, column},
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
    /// How long its events are kept, or none for as long as the server says
    #[arg(long, value_name = "N", value_parser = days)]
    retention_days: Option<Value>,
    /// How long a delivery may be held, or none for as long as the server says
    #[arg(long, value_name = "N", value_parser = days)]
    hold_days: Option<Value>,
}

/// Null takes a limit away.
fn days(text: &str) -> Result<Value, String> {
    match text {
        "none" => Ok(Value::Null),
        number => {
            let days: Result<u32, _> = number.parse();
            days.map(Value::from)
                .map_err(|_| "expected a number of days, or none".to_owned())
        }
    }
}

/// None of them is an empty list.
fn egress(entries: Vec<String>) -> Value {
    let entries = if entries == ["none"] {
        Vec::new()
    } else {
        entries
    };
    json!({"deny": entries})
}

impl Settings {
    fn body(self) -> Map<String, Value> {
        let days = [
            ("retention_days", self.retention_days),
            ("hold_days", self.hold_days),
        ];
        let limits: Map<_, _> = given(days).collect();
        let members = [
            ("name", self.name.map(Value::from)),
            ("catalogue", self.catalogue.map(Value::from)),
            ("egress", self.deny.map(egress)),
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
        }
    }
}
