//! `posthaste deliveries`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use indicatif::HumanCount;
use serde_json::Value;

use super::audit;
use crate::{
    client::{Call, ServerArguments},
    moment::moment,
    session::{Session, Wanted, object},
    table::{Column, column},
    usage,
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
    column("DNS", "/timings_ms/dns"),
    column("CONNECT", "/timings_ms/connect"),
    column("TLS", "/timings_ms/tls"),
    column("FIRST BYTE", "/timings_ms/first_byte"),
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
    /// Not before this time: RFC 3339, or 30m, 2h, 7d ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
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
    /// Send one again, or all that match; with a fresh retry budget
    Redeliver {
        id: Option<String>,
        #[command(flatten)]
        filters: Box<Filters>,
    },
    /// Let go of a dead letter, or of all that match; they stay readable
    Discard {
        id: Option<String>,
        #[command(flatten)]
        filters: Box<Filters>,
    },
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
            Command::Redeliver { id, filters } => match (id, filters.body()) {
                (Some(id), None) => session.done(again(&id), |answer| one(&id, answer)).await,
                (None, Some(filter)) => {
                    let call = Call::post("/deliveries/redeliver").json(&filter);
                    session.done(call, sent_again).await
                }
                (None, None) => Err(usage(
                    "name a delivery, or what they have in common, such as --status failed",
                )),
                (Some(_), Some(_)) => Err(usage("name a delivery or a filter, not both")),
            },
            Command::Discard { id, filters } => {
                let call = match (id, filters.body()) {
                    (Some(id), None) => Call::post(path(&id) + "/discard"),
                    (None, Some(filter)) => Call::post("/deliveries/discard").json(&filter),
                    (None, None) => {
                        return Err(usage("say which ones, such as --status failed"));
                    }
                    (Some(_), Some(_)) => {
                        return Err(usage("name a delivery or a filter, not both"));
                    }
                };
                session.done(call, discarded).await
            }
            Command::Audit(arguments) => arguments.run(&session).await,
        }
    }
}

fn again(id: &str) -> Call {
    Call::post(path(id) + "/redeliver")
}

fn one(id: &str, answer: &Value) -> String {
    match answer["redelivered"].as_u64() {
        Some(0) => format!("{id} is waiting already"),
        _ => format!("{id} goes out again"),
    }
}

/// What came of sending many again.
pub fn sent_again(answer: &Value) -> String {
    let count = |name: &str| answer[name].as_u64().unwrap_or_default();
    let again = counted(count("redelivered"));
    match count("already_waiting") {
        0 => format!("{again} sent again"),
        waiting => format!(
            "{again} sent again, {} waiting already",
            HumanCount(waiting)
        ),
    }
}

fn discarded(answer: &Value) -> String {
    let count = answer["discarded"].as_u64().unwrap_or_default();
    format!("{} discarded", counted(count))
}

pub fn counted(count: u64) -> String {
    let noun = if count == 1 { "delivery" } else { "deliveries" };
    format!("{} {noun}", HumanCount(count))
}

impl Filters {
    /// As the API takes them; none where there are none.
    fn body(&self) -> Option<Value> {
        let given = self.pairs().into_iter();
        let given = given.filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        let body: serde_json::Map<String, Value> = given.collect();
        (!body.is_empty()).then(|| body.into())
    }

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
