//! `posthaste deliveries`.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::audit;
use crate::{
    client::{Call, ServerArguments},
    session::{Session, Wanted, object},
    table::{Column, column},
};

const COLUMNS: &[Column] = &[
    column("ID", "/id"),
    column("TYPE", "/event_type"),
    column("STATUS", "/status"),
    column("TRIES", "/attempts"),
    column("LAST", "/last_status_code"),
    column("ERROR", "/last_error"),
    column("SUBSCRIPTION", "/subscription_id"),
    column("CREATED", "/created_at"),
];

const ATTEMPTS: &[Column] = &[
    column("#", "/number"),
    column("STARTED", "/started_at"),
    column("MS", "/latency_ms"),
    column("STATUS", "/status_code"),
    column("ERROR", "/error"),
    column("ANSWER", "/response_body"),
];

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Args, Debug)]
struct Filters {
    /// pending, retrying, held, delivered, failed or discarded
    #[arg(long)]
    status: Option<String>,
    /// To this subscription
    #[arg(long, value_name = "ID")]
    subscription: Option<String>,
    /// Of this event
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// Of events of this type
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Not before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// With this failure class: timeout, connect, http, …
    #[arg(long, value_name = "CLASS")]
    error: Option<String>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// What became of events, the newest first
    List {
        #[command(flatten)]
        filters: Box<Filters>,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// One of them
    Show { id: String },
    /// Each request that was made for it
    Attempts {
        id: String,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Send it again, with a fresh retry budget
    Redeliver { id: String },
    /// Check the log against its provenance, and name the first record that does not fit
    Audit(audit::Arguments),
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let session = Session::new(&self.server, json)?;
        match self.command {
            Command::List { filters, wanted } => {
                session
                    .list("/deliveries", &filters.pairs(), wanted, COLUMNS)
                    .await
            }
            Command::Show { id } => session.show(Call::get(path(&id))).await,
            Command::Attempts { id, wanted } => {
                let path = path(&id) + "/attempts";
                session.list(&path, &[], wanted, ATTEMPTS).await
            }
            Command::Redeliver { id } => {
                let call = Call::post(path(&id) + "/redeliver");
                let sentence = |answer: &serde_json::Value| match answer["redelivered"].as_u64() {
                    Some(0) => format!("{id} is waiting already"),
                    _ => format!("{id} goes out again"),
                };
                session.done(call, sentence).await
            }
            Command::Audit(arguments) => arguments.run(&session).await,
        }
    }
}

impl Filters {
    fn pairs(&self) -> [(&'static str, Option<&str>); 7] {
        [
            ("status", self.status.as_deref()),
            ("subscription", self.subscription.as_deref()),
            ("event", self.event.as_deref()),
            ("type", self.event_type.as_deref()),
            ("since", self.since.as_deref()),
            ("until", self.until.as_deref()),
            ("error", self.error.as_deref()),
        ]
    }
}

fn path(id: &str) -> String {
    object("deliveries", id)
}
