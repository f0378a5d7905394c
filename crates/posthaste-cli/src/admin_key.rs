//! The platform's first key, which nobody could make through the API.
//!
//! One is made where the store has none, and its file is replaced: a file that outlived its store,
//! or a key that was deleted, never comes back to life.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use posthaste::signature::Secret;
use posthaste_engine::{Engine, operations::new_key_value};
use zeroize::Zeroizing;

/// Where the key is, and the key itself where this process may know it.
pub struct AdminKey {
    pub place: String,
    pub value: Option<Secret>,
}

/// Sees to it that there is one: the operator's, or else one of our own making.
pub async fn ensure(
    engine: &Engine,
    data_dir: &Path,
    chosen: Option<&Secret>,
) -> anyhow::Result<AdminKey> {
    let file = file_in(data_dir);
    if let Some(chosen) = chosen {
        engine.ensure_platform_key(chosen.expose()).await?;
        return Ok(AdminKey {
            place: "POSTHASTE_ADMIN_KEY".to_owned(),
            value: Some(chosen.clone()),
        });
    }
    if engine.keys(None).is_empty() {
        let key = new_key_value();
        write(&file, key.expose()).with_context(|| format!("cannot write {}", file.display()))?;
        engine.ensure_platform_key(key.expose()).await?;
        tracing::info!(file = %file.display(), "admin_key.made");
    }
    Ok(AdminKey {
        place: file.display().to_string(),
        value: read(&file),
    })
}

pub fn file_in(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.key")
}

/// None where it cannot be read.
pub fn read(file: &Path) -> Option<Secret> {
    let text = Zeroizing::new(fs::read_to_string(file).ok()?);
    Some(Secret::trusted(text.trim().to_owned()))
}

/// A directory that its owner alone may enter.
pub fn make_data_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Whole or not at all, and never readable by others, not even for a moment.
fn write(file: &Path, key: &str) -> io::Result<()> {
    let new = file.with_extension("key.new");
    if let Err(error) = fs::remove_file(&new)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(&new)?;
    writeln!(written, "{key}")?;
    written.sync_all()?;
    fs::rename(new, file)
}
