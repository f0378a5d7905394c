//! `posthaste audit`.

use std::process::ExitCode;

use clap::Args;

use crate::{
    client::ServerArguments,
    moment::moment,
    session::{Session, Wanted},
    table::{Column, column},
};

const COLUMNS: &[Column] = &[
    column("AT", "/at"),
    column("KEY", "/actor/key_id").or("(none)"),
    column("NAME", "/actor/key_name"),
    column("ACTION", "/action"),
    column("OBJECT", "/object"),
    column("FROM", "/address"),
    column("MEMBERS", "/details").names(),
];

const HELP: &str = "\
Examples:
  posthaste audit --since 7d
  posthaste audit --action subscription.reveal_secret --all
  posthaste audit --object sub_05z4c8q1s0g00 --json

Every change and every reveal of a secret has an entry (docs/operating/audit.md).";

/// Who changed or revealed what, the newest first.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Not before this time (RFC 3339), or 30m, 2h, 7d ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<String>,
    /// Before this time (RFC 3339), or 30m, 2h, 7d ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<String>,
    /// By this key alone (key_…)
    #[arg(long, value_name = "KEY")]
    actor: Option<String>,
    /// This action alone, such as subscription.create
    #[arg(long)]
    action: Option<String>,
    /// To this alone: an id, a tenant, an event type
    #[arg(long, value_name = "ID")]
    object: Option<String>,
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    server: ServerArguments,
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let session = Session::new(&self.server, json)?;
        let filters = [
            ("since", self.since.as_deref()),
            ("until", self.until.as_deref()),
            ("actor", self.actor.as_deref()),
            ("action", self.action.as_deref()),
            ("object", self.object.as_deref()),
        ];
        session.list("/audit", &filters, self.wanted, COLUMNS).await
    }
}
