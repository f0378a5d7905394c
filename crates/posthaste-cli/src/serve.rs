//! `posthaste serve`.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use posthaste::signature::Secret;

use crate::{
    configuration::{self, Configuration, Flag},
    log,
    paint::{Ink, Paint},
    server::Server,
    shutdown::Shutdown,
    stdout,
};

const HELP: &str = "\
Examples:
  posthaste serve --dev
  posthaste serve --listen 0.0.0.0:8400 --data-dir /var/lib/posthaste
  POSTHASTE_EGRESS_ALLOW=10.0.0.0/8 posthaste serve
  posthaste serve --print-config > posthaste.toml

Every setting may stand in posthaste.toml, or in the environment as POSTHASTE_ and its key in
capitals, dots as _ . Flags win over the environment, which wins over the file.";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Address and port of the API [default: 127.0.0.1:8400]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Where everything is kept [default: ./posthaste-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// sqlite:<path> [default: <data dir>/posthaste.db]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The file of settings [default: posthaste.toml, where there is one]
    #[arg(long, value_name = "FILE", env = "POSTHASTE_CONFIG")]
    config: Option<PathBuf>,
    /// What is logged: a level, or target=level,… [default: info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// For development: loopback and plain http may be targets, and the key is printed
    #[arg(long)]
    dev: bool,
    /// Show the settings, and where each comes from, and end
    #[arg(long)]
    print_config: bool,
}

impl Arguments {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let written = configuration::read(self.config.as_deref(), self.flags())?;
        let configuration = Configuration::from_written(&written)?;
        if self.print_config {
            stdout::print(configuration::shown(&configuration))?;
            return Ok(ExitCode::SUCCESS);
        }
        log::start(&configuration.log, configuration.log_format);
        let shutdown = Shutdown::on_signals()?;
        let server = Server::start(&configuration).await?;
        if server.is_exposed() {
            tracing::warn!(
                address = %server.address,
                "keys and events can be read on their way here: set tls.certificate and tls.key, \
                 or listen on 127.0.0.1 behind a proxy that speaks TLS"
            );
        }
        announce(&server, configuration.dev);
        server.run(shutdown).await?;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }

    fn flags(&self) -> Vec<Flag> {
        let written = [
            ("--listen", "listen", self.listen.clone()),
            ("--data-dir", "data_dir", self.data_dir.clone()),
            ("--database", "database", self.database.clone()),
            ("--log", "log", self.log.clone()),
            ("--log-format", "log_format", self.log_format.clone()),
            ("--dev", "dev", self.dev.then(|| "true".to_owned())),
        ];
        let given = written.into_iter();
        given
            .filter_map(|(flag, key, text)| {
                Some(Flag {
                    flag,
                    key,
                    text: text?,
                })
            })
            .collect()
    }
}

/// The line that says it is ready, and the one that says where to look; in development also how to begin. A server goes on where
/// nobody reads it.
fn announce(server: &Server, dev: bool) {
    let paint = Paint::for_stdout();
    let (version, url) = (env!("CARGO_PKG_VERSION"), server.url());
    let url_shown = paint.ink(Ink::Cyan, &url);
    let dashboard = paint.ink(Ink::Cyan, &server.dashboard());
    let mut text = format!("Posthaste {version} is ready at {url_shown}\n");
    text += &format!("The dashboard is at {dashboard}\n");
    let (place, key) = (&server.key.place, server.key.value.as_ref());
    let key = key.map(Secret::expose);
    let [key_label, try_label] = ["key", "try"].map(|label| paint.ink(Ink::Bold, label));
    if let Some(key) = key.filter(|_| dev) {
        text += &format!("\n  {key_label}  {key}  {}\n", paint.ink(Ink::Dim, place));
        text += &format!("  {try_label}  {}\n\n", curl(&url, key));
    } else if dev {
        text += &format!("\n  {key_label}  is not in {place}; give one as POSTHASTE_ADMIN_KEY\n\n");
    }
    stdout::print(text).ok();
}

/// Publishes an event; ready to paste.
pub fn curl(url: &str, key: &str) -> String {
    format!(
        "curl {url}/api/v1/webhooks/events -H 'Authorization: Bearer {key}' \\\n         \
         -H 'Content-Type: application/json' -d '{{\"type\":\"order.created\",\"data\":{{\"id\":42}}}}'"
    )
}
