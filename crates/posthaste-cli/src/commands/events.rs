//! `posthaste events`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::deliveries::sent_again;
use crate::{
    client::{Call, ServerArguments},
    moment::moment,
    session::{Session, Wanted, object},
    table::{Column, column},
};

const COLUMNS: &[Column] = &[
    column("ID", "/id"),
    column("TYPE", "/type"),
    column("CREATED", "/created_at"),
    column("DELIVERIES", "/deliveries"),
    column("SOURCE", "/source"),
    column("CORRELATION", "/correlation_id"),
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
    /// What was published, the newest first
    List {
        /// An exact type, or a prefix such as order.*
        #[arg(long = "type", value_name = "TYPE")]
        event_type: Option<String>,
        /// Not before this time: RFC 3339, or 30m, 2h, 7d ago
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<String>,
        /// Before this time
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: Option<String>,
        /// Of what it belongs to
        #[arg(long, value_name = "ID")]
        correlation_id: Option<String>,
        /// With this text somewhere in their data
        #[arg(long)]
        text: Option<String>,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// One of them, with its data
    Show { id: String },
    /// Send it again, to all subscriptions that match today
    Redeliver {
        id: String,
        /// To this subscription instead, whatever it wants; may be repeated
        #[arg(long, value_name = "ID")]
        to: Vec<String>,
    },
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let session = Session::new(&self.server, json)?;
        match self.command {
            Command::List {
                event_type,
                since,
                until,
                correlation_id,
                text,
                wanted,
            } => {
                let filters = [
                    ("type", event_type.as_deref()),
                    ("since", since.as_deref()),
                    ("until", until.as_deref()),
                    ("correlation_id", correlation_id.as_deref()),
                    ("text", text.as_deref()),
                ];
                session.list("/events", &filters, wanted, COLUMNS).await
            }
            Command::Redeliver { id, to } => {
                let mut call = Call::post(object("events", &id) + "/redeliver");
                if !to.is_empty() {
                    call = call.json(&json!({"subscriptions": to}));
                }
                session.done(call, sent_again).await
            }
            Command::Show { id } => session.show(Call::get(object("events", &id))).await,
        }
    }
}
