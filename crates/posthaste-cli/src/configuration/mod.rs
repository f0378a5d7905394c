//! Configuration in two steps: what was written ([`written`]), then what is meant ([`meant`]).
//!
//! Each step collects its complaints, so that one start names all of them, each with its key, its
//! value and what would have been right. No setting is read but from here.

mod keys;
mod written;
mod meant;
mod shown;

use std::path::{Path, PathBuf};

pub use meant::{Configuration, Database, LogFormat, TlsFiles};
pub use shown::shown;
pub use written::{Flag, Written};

/// Looked for in the working directory.
const FILE: &str = "posthaste.toml";

/// Everything that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigurationError(Vec<String>);

impl std::fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the configuration cannot be used")?;
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl std::error::Error for ConfigurationError {}

/// Reads file, environment and flags.
///
/// # Errors
/// Unknown keys, and a file that is missing though it was named, or is no TOML.
pub fn read(file: Option<&Path>, flags: Vec<Flag>) -> Result<Written, ConfigurationError> {
    let (mut written, mut complaints) = (Written::default(), Vec::new());
    let path = file.map_or_else(|| PathBuf::from(FILE), Path::to_owned);
    match std::fs::read_to_string(&path) {
        Ok(text) => written.add_file(&path, &text, &mut complaints),
        Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => complaints.push(format!("cannot read {}: {error}", path.display())),
    }
    let variables = std::env::vars_os();
    let variables = variables
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
    written.add_environment(variables, &mut complaints);
    written.add_flags(flags, &mut complaints);
    if complaints.is_empty() {
        Ok(written)
    } else {
        Err(ConfigurationError(complaints))
    }
}

#[cfg(test)]
mod tests;
