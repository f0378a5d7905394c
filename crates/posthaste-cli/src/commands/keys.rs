//! `posthaste keys`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value};

use super::rotate_master;
use crate::{
    client::{Call, ServerArguments},
    moment::deadline,
    session::{Session, Wanted, object},
    table::{Column, column},
};

const COLUMNS: &[Column] = &[
    column("ID", "/id"),
    column("NAME", "/name"),
    column("SCOPES", "/scopes"),
    column("TENANT", "/tenant").or("(platform)"),
    column("EXPIRES", "/expires_at").or("never"),
    column("FROM", "/allowed_ips").or("anywhere"),
    column("LAST USED", "/last_used_at").or("never"),
    column("CREATED", "/created_at"),
];

const CREATE_HELP: &str = "\
Scopes: events:publish events:read subscriptions:read subscriptions:write deliveries:read
  deliveries:write event-types:write keys:manage portal:create tenants:manage *

Example:
  posthaste keys create --name shop --scopes events:publish --allowed-ip 203.0.113.0/24

A key is replaced without a gap by making a second one, using it, and deleting the first when its
LAST USED stands still.";

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make one; it is shown this once
    #[command(after_help = CREATE_HELP)]
    Create {
        #[arg(long)]
        name: Option<String>,
        /// What it may do
        #[arg(long, value_name = "SCOPE,…", value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        /// Until when (RFC 3339)
        #[arg(long, value_name = "TIME", conflicts_with = "expires_in")]
        expires_at: Option<String>,
        /// How long from now: 12h, 90d
        #[arg(long, value_name = "TIME", value_parser = deadline)]
        expires_in: Option<String>,
        /// An address or a network that it may be used from; may be given again
        #[arg(long = "allowed-ip", value_name = "CIDR")]
        allowed_ips: Vec<String>,
        /// A key of the platform instead of the tenant's
        #[arg(long)]
        platform: bool,
    },
    /// All of them, the newest first
    List {
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Delete it; from now on it opens nothing
    Delete { id: String },
    /// Seal a store's secrets with another master key, while no server runs on it
    RotateMaster(rotate_master::Arguments),
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let session = Session::new(&self.server, json)?;
        match self.command {
            Command::Create {
                name,
                scopes,
                expires_at,
                expires_in,
                allowed_ips,
                platform,
            } => {
                let mut body = Map::from_iter([("scopes".to_owned(), Value::from(scopes))]);
                body.extend(name.map(|name| ("name".to_owned(), name.into())));
                let expires_at = expires_at.or(expires_in);
                body.extend(expires_at.map(|time| ("expires_at".to_owned(), time.into())));
                body.insert("allowed_ips".to_owned(), allowed_ips.into());
                body.extend(platform.then(|| ("platform".to_owned(), true.into())));
                session.show(Call::post("/keys").json(&body.into())).await
            }
            Command::List { wanted } => session.list("/keys", &[], wanted, COLUMNS).await,
            Command::Delete { id } => {
                let call = Call::new(Method::DELETE, object("keys", &id));
                session.done(call, |_| format!("{id} is deleted")).await
            }
            Command::RotateMaster(arguments) => {
                arguments.run(self.server.data_dir.as_deref(), json)
            }
        }
    }
}
