//! The API's certificate on disk: read at the start, and again whenever its files have changed.
//!
//! Files are compared by what is in them, every few seconds, so it does not matter how they are
//! exchanged: written over, renamed or linked elsewhere. A pair that cannot be used (also one of
//! which only half is new) is logged, and the one before stays.

use std::{path::Path, time::Duration};

use anyhow::Context;
use posthaste_api::{Tls, TlsError};
use sha2::{Digest, Sha256};

use crate::configuration::TlsFiles;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(2);

/// What is in both files.
struct Pair {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Pair {
    async fn read(files: &TlsFiles) -> anyhow::Result<Self> {
        Ok(Self {
            certificate: read("tls.certificate", &files.certificate).await?,
            key: read("tls.key", &files.key).await?,
        })
    }

    /// Of all of it, the lengths included.
    fn hash(&self) -> [u8; 32] {
        let certificate = Sha256::digest(&self.certificate);
        Sha256::new()
            .chain_update(certificate)
            .chain_update(&self.key)
            .finalize()
            .into()
    }
}

async fn read(key: &str, file: &Path) -> anyhow::Result<Vec<u8>> {
    let read = tokio::fs::read(file).await;
    read.with_context(|| format!("cannot read {key} = \"{}\"", file.display()))
}

/// The listener's certificate, kept up to date by [`Self::watch`].
pub struct Certificate {
    files: TlsFiles,
    tls: Tls,
    /// Of the last pair that was tried; none of files that could not be read.
    tried: Option<[u8; 32]>,
}

impl Certificate {
    /// # Errors
    /// Which file cannot be read or used, and why.
    pub async fn load(files: &TlsFiles) -> anyhow::Result<Self> {
        let pair = Pair::read(files).await?;
        let tls = Tls::new(&pair.certificate, &pair.key);
        Ok(Self {
            tls: tls.map_err(|error| unusable(files, &error))?,
            tried: Some(pair.hash()),
            files: files.clone(),
        })
    }

    pub fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// Takes over what changes, for ever.
    pub async fn watch(mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let pair = Pair::read(&self.files).await;
            let hash = pair.as_ref().ok().map(Pair::hash);
            if std::mem::replace(&mut self.tried, hash) == hash {
                continue;
            }
            match pair.and_then(|pair| self.take(&pair)) {
                Ok(()) => tracing::info!("certificate.reloaded"),
                Err(error) => tracing::error!("{error:#}; the certificate before stays in use"),
            }
        }
    }

    fn take(&self, pair: &Pair) -> anyhow::Result<()> {
        let taken = self.tls.replace(&pair.certificate, &pair.key);
        taken.map_err(|error| unusable(&self.files, &error))
    }
}

fn unusable(files: &TlsFiles, error: &TlsError) -> anyhow::Error {
    let (key, file) = match error {
        TlsError::Certificate(_) => ("tls.certificate", &files.certificate),
        TlsError::Key(_) => ("tls.key", &files.key),
    };
    anyhow::anyhow!("{key} = \"{}\" {error}", file.display())
}
