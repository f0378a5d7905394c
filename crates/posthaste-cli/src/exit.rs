//! How the process ends: 0 done, 1 failed, 2 asked wrongly.

use std::process::ExitCode;

use crate::{
    configuration::ConfigurationError,
    paint::{Ink, Paint},
};

/// What was asked makes no sense, whatever the server.
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error that ends the process with 2.
pub fn usage(what: impl Into<String>) -> anyhow::Error {
    Usage(what.into()).into()
}

/// Says what went wrong on stderr.
pub fn with(error: &anyhow::Error) -> ExitCode {
    let label = Paint::for_stderr().ink(Ink::Red, "error:");
    eprintln!("{label} {error:#}");
    let wrongly = error.is::<Usage>() || error.is::<ConfigurationError>();
    ExitCode::from(if wrongly { 2 } else { 1 })
}
