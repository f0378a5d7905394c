//! Which server, by which key, for which tenant.

use std::path::PathBuf;

use clap::Args;
use url::Url;

use super::socket::Trust;
use crate::{
    admin_key,
    configuration::{self, Configuration, Flag},
    usage,
};

/// The flags of every command that talks to a server.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub struct ServerArguments {
    /// The server's address
    #[arg(
        long,
        global = true,
        env = "POSTHASTE_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:8400"
    )]
    pub server: Url,
    /// The key; without one, <data dir>/admin.key where it is readable
    #[arg(
        long,
        global = true,
        env = "POSTHASTE_KEY",
        hide_env_values = true,
        value_name = "KEY"
    )]
    pub key: Option<String>,
    /// The tenant that a platform key acts for
    #[arg(long, global = true, env = "POSTHASTE_TENANT", value_name = "ID")]
    pub tenant: Option<String>,
    /// An authority that certifies the server, in PEM, beside the public ones
    #[arg(long, global = true, env = "POSTHASTE_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Where the server on this machine keeps its data, for admin.key
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// A server, and who asks.
#[derive(Clone, Debug)]
pub struct Target {
    pub server: Url,
    pub key: Option<String>,
    pub tenant: Option<String>,
    /// Of a server over TLS.
    pub trust: Option<Trust>,
}

impl ServerArguments {
    /// # Errors
    /// A URL that is neither http nor https; a key or tenant that no header can carry; a
    /// configuration that cannot be read, where it is needed to find the key; an authority that is
    /// none.
    pub fn target(&self) -> anyhow::Result<Target> {
        if !matches!(self.server.scheme(), "http" | "https") {
            return Err(usage(format!(
                "--server {}: expected http:// or https://",
                self.server
            )));
        }
        let key = match &self.key {
            Some(key) => Some(key.trim().to_owned()),
            None => self.own_key()?,
        };
        let tenant = self.tenant.clone();
        for (name, value) in [("--key", &key), ("--tenant", &tenant)] {
            let visible = |value: &String| value.bytes().all(|b| b.is_ascii_graphic());
            if !value.as_ref().is_none_or(visible) {
                return Err(usage(format!("{name}: expected visible ASCII")));
            }
        }
        let trust = match self.server.scheme() {
            "https" => Some(Trust::new(self.ca.as_deref())?),
            _ => None,
        };
        Ok(Target {
            server: self.server.clone(),
            key,
            tenant,
            trust,
        })
    }

    /// The key that the server on this machine made at its first start.
    fn own_key(&self) -> anyhow::Result<Option<String>> {
        let flags = self.data_dir.iter().map(|dir| Flag {
            flag: "--data-dir",
            key: "data_dir",
            text: dir.display().to_string(),
        });
        let written = configuration::read(None, flags.collect())?;
        let data_dir = Configuration::from_written(&written)?.data_dir;
        let key = admin_key::read(&admin_key::file_in(&data_dir));
        Ok(key.map(|key| key.expose().to_owned()))
    }
}
