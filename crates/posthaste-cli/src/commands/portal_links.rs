//! `posthaste portal-links`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use data_encoding::BASE64;
use http::Method;
use serde_json::{Map, Value};

use crate::{
    client::{Call, ServerArguments},
    moment::duration,
    session::{Session, Wanted, object},
    table::{Column, column},
    usage,
};

const COLUMNS: &[Column] = &[
    column("ID", "/id"),
    column("NAME", "/theme/name").or(""),
    column("READ ONLY", "/read_only"),
    column("EXPIRES", "/expires_at"),
    column("BY", "/created_by").or(""),
    column("CREATED", "/created_at"),
];

const CREATE_HELP: &str = "\
Whoever has the link sees this tenant's events and deliveries and changes its subscriptions, without
a key, until it expires or is deleted.

Example:
  posthaste portal-links create --expires-in 1d --name 'Acme Shop' --accent '#0a7bd1' --logo acme.png";

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
    Create(Link),
    /// Those that are good, the newest first
    List {
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Revoke it; from now on it leads nowhere
    Delete { id: String },
}

#[derive(Args, Debug)]
struct Link {
    /// How long it is good, up to 30d [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expires_in: Option<std::time::Duration>,
    /// To look and not to change
    #[arg(long)]
    read_only: bool,
    /// What the portal is called
    #[arg(long)]
    name: Option<String>,
    /// A PNG, JPEG, WebP or SVG of 48 KiB at most
    #[arg(long, value_name = "FILE")]
    logo: Option<PathBuf>,
    /// The colour of buttons and links
    #[arg(long, value_name = "#RRGGBB")]
    accent: Option<String>,
    /// light, dark, or auto: as the reader's system has it
    #[arg(long)]
    mode: Option<String>,
}

impl Link {
    fn body(self) -> anyhow::Result<Value> {
        let logo = self.logo.as_deref().map(data_uri).transpose()?;
        let theme = [
            ("name", self.name),
            ("logo", logo),
            ("accent", self.accent),
            ("mode", self.mode),
        ];
        let theme = theme.into_iter();
        let theme: Map<_, Value> = theme
            .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
            .collect();
        let mut body = Map::new();
        let lasts = self.expires_in.map(|lasts| lasts.as_secs());
        body.extend(lasts.map(|lasts| ("expires_in_s".to_owned(), lasts.into())));
        body.extend(
            self.read_only
                .then(|| ("read_only".to_owned(), true.into())),
        );
        body.extend((!theme.is_empty()).then(|| ("theme".to_owned(), theme.into())));
        Ok(body.into())
    }
}

/// A picture by what its name ends with.
fn data_uri(file: &Path) -> anyhow::Result<String> {
    let extension = file.extension().and_then(|extension| extension.to_str());
    let media_type = match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("svg") => "image/svg+xml",
        _ => return Err(usage("--logo: expected a .png, .jpg, .webp or .svg")),
    };
    let bytes = std::fs::read(file);
    let bytes = bytes.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(format!(
        "data:{media_type};base64,{}",
        BASE64.encode(&bytes)
    ))
}

impl Arguments {
    pub async fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let session = Session::new(&self.server, json)?;
        match self.command {
            Command::Create(link) => {
                let call = Call::post("/portal-links").json(&link.body()?);
                session.show(call).await
            }
            Command::List { wanted } => session.list("/portal-links", &[], wanted, COLUMNS).await,
            Command::Delete { id } => {
                let call = Call::new(Method::DELETE, object("portal-links", &id));
                session
                    .done(call, |_| format!("{id} leads nowhere now"))
                    .await
            }
        }
    }
}
