//! `posthaste keys rotate-master`: another master key for a store on this machine. It asks no server;
//! one that runs on the store keeps it out.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use posthaste::clock::{Clock, SystemClock};
use posthaste_sqlite::{Options, Rotated, SqliteStore};
use posthaste_store::keyring::{MasterKey, MasterKeyFile, MasterKeySource};
use serde_json::json;

use crate::{
    configuration::{self, Configuration, Database, Flag},
    stdout, usage,
};

const HELP: &str = "\
The store must have no server running on it. Backups that were made before still need the old key,
which is kept in <key file>.old until the next rotation.

Examples:
  posthaste keys rotate-master --data-dir /var/lib/posthaste
  openssl rand -base64 32 > new.key && chmod 600 new.key
  posthaste keys rotate-master --new-key-file new.key";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// A file with the new key, 32 bytes in base64 or hex; without one, a key is made
    #[arg(long, value_name = "FILE")]
    new_key_file: Option<PathBuf>,
    /// The server's file of settings [default: posthaste.toml, where there is one]
    #[arg(long, value_name = "FILE", env = "POSTHASTE_CONFIG")]
    config: Option<PathBuf>,
}

impl Arguments {
    pub fn run(&self, data_dir: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
        let configuration = self.configuration(data_dir)?;
        let source = configuration.master_key;
        let new = self.new_key(&source)?;
        let options = Options {
            master_key: Some(source.clone()),
            ..Options::default()
        };
        let Database::Sqlite(path) = configuration.database;
        let rotated =
            SqliteStore::rotate_master(&path, &options, &new, SystemClock::new().now())
                .with_context(|| format!("cannot rotate the master key of {}", path.display()))?;
        match json {
            true => stdout::line(in_json(rotated))?,
            false => stdout::line(in_words(rotated, &source))?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn configuration(&self, data_dir: Option<&Path>) -> anyhow::Result<Configuration> {
        let flags = data_dir.iter().map(|dir| Flag {
            flag: "--data-dir",
            key: "data_dir",
            text: dir.display().to_string(),
        });
        let written = configuration::read(self.config.as_deref(), flags.collect())?;
        Ok(Configuration::from_written(&written)?)
    }

    /// A key that nobody would know of afterwards is not made.
    fn new_key(&self, source: &MasterKeySource) -> anyhow::Result<MasterKey> {
        match (&self.new_key_file, source) {
            (Some(path), _) => {
                let key = MasterKeyFile::at(path).read()?;
                key.with_context(|| format!("there is no file {}", path.display()))
            }
            (None, MasterKeySource::File(_)) => Ok(MasterKey::generate()),
            (None, MasterKeySource::Given { from, .. }) => Err(usage(format!(
                "--new-key-file is needed: the master key comes from {from}, which the new one has \
                 to replace"
            ))),
        }
    }
}

fn in_json(rotated: Rotated) -> serde_json::Value {
    json!({
        "from": rotated.from.to_string(),
        "to": rotated.to.to_string(),
        "data_keys": rotated.data_keys,
    })
}

fn in_words(rotated: Rotated, source: &MasterKeySource) -> String {
    let Rotated {
        from,
        to,
        data_keys,
    } = rotated;
    let done = format!("the master key is now {to}; it was {from} (data keys: {data_keys})");
    let next = match source {
        MasterKeySource::Given { from, .. } => {
            format!("put the new key into {from} before the next start")
        }
        MasterKeySource::File(file) => format!(
            "it is in {}; the old one is in {}, which backups from before need",
            file.path().display(),
            file.old_one().path().display()
        ),
    };
    format!("{done}\n{next}")
}
