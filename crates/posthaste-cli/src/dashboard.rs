//! `posthaste dashboard`: a link that signs in, for a browser that has no key.

use std::process::ExitCode;

use clap::Args;

use crate::{
    client::{Call, ServerArguments},
    session::Session,
};

const HELP: &str = "\
The link works once, within five minutes, and opens what the key opens. It begins with the server's
public URL: set public_url (POSTHASTE_PUBLIC_URL) where that is not what the server listens on.

Example:
  posthaste dashboard --server https://hooks.example.com --key pst_…";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let session = Session::new(&self.server, json)?;
        let url = |link: &serde_json::Value| link["url"].as_str().unwrap_or_default().to_owned();
        session.done(Call::post("/dashboard-links"), url).await
    }
}
