//! How much room a store takes: its file, and what SQLite keeps beside it.

use std::{fs, io, path::Path};

/// What SQLite appends to the name of the database for its files.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];

pub(crate) fn bytes(path: &Path) -> io::Result<u64> {
    BESIDE.iter().try_fold(0, |sum, suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::metadata(name) {
            Ok(file) => Ok(sum + file.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(sum),
            Err(error) => Err(error),
        }
    })
}
