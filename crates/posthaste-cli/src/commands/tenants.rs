//! `posthaste tenants`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

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
        #[arg(long)]
        name: Option<String>,
    },
    /// All of them
    List {
        #[command(flatten)]
        wanted: Wanted,
    },
    /// One of them
    Show { id: String },
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let session = Session::new(&self.server, json)?;
        match self.command {
            Command::Create { id, name } => {
                let mut body = json!({"id": id});
                if let Some(name) = name {
                    body["name"] = name.into();
                }
                session.show(Call::post("/tenants").json(&body)).await
            }
            Command::List { wanted } => session.list("/tenants", &[], wanted, COLUMNS).await,
            Command::Show { id } => session.show(Call::get(object("tenants", &id))).await,
        }
    }
}
