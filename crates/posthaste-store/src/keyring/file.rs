//! The master key in a file that its owner alone may read.
//!
//! While a rotation is under way the new key stands beside it in `.new`; the one before the last
//! rotation stays in `.old`, which backups from before still need.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{MasterKey, MasterKeyError};

/// More than any form of a key has.
const BYTES_MAX: u64 = 1024;

/// Where a master key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKeyFile(PathBuf);

impl MasterKeyFile {
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn beside(&self, suffix: &str) -> Self {
        let mut name = self.0.as_os_str().to_owned();
        name.push(OsStr::new(suffix));
        Self(name.into())
    }

    /// The key of a rotation under way.
    #[must_use]
    pub fn new_one(&self) -> Self {
        self.beside(".new")
    }

    /// The key before the last rotation.
    #[must_use]
    pub fn old_one(&self) -> Self {
        self.beside(".old")
    }

    fn failed(&self, error: io::Error) -> MasterKeyError {
        let path = self.0.clone();
        MasterKeyError::Io { path, error }
    }

    /// None where there is no file.
    ///
    /// # Errors
    /// It cannot be read, others may read it, or it holds no key.
    pub fn read(&self) -> Result<Option<MasterKey>, MasterKeyError> {
        let file = match File::open(&self.0) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        self.refuse_exposed(&file)?;
        let mut text = Zeroizing::new(String::with_capacity(BYTES_MAX as usize));
        let read = file.take(BYTES_MAX).read_to_string(&mut text);
        read.map_err(|error| self.failed(error))?;
        let place = || self.0.display().to_string();
        let key = text.parse();
        key.map(Some)
            .map_err(|_| MasterKeyError::Malformed(place()))
    }

    /// As ssh does with a private key: one's own file must be closed to others. Another owner's
    /// (a mounted secret) is its owner's affair.
    #[cfg(unix)]
    fn refuse_exposed(&self, file: &File) -> Result<(), MasterKeyError> {
        use std::os::unix::fs::MetadataExt;
        let found = file.metadata().map_err(|error| self.failed(error))?;
        let ours = found.uid() == rustix::process::geteuid().as_raw();
        match found.mode() & 0o777 {
            mode if ours && mode & 0o077 != 0 => Err(MasterKeyError::Exposed {
                path: self.0.clone(),
                mode,
            }),
            _ => Ok(()),
        }
    }

    #[cfg(not(unix))]
    fn refuse_exposed(&self, _file: &File) -> Result<(), MasterKeyError> {
        Ok(())
    }

    /// Writes a key where there is no file, durably.
    ///
    /// # Errors
    /// It cannot be written, or there is a file.
    pub fn create(&self, key: &MasterKey) -> Result<(), MasterKeyError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let write = || {
            let mut file = options.open(&self.0)?;
            file.write_all(key.expose().as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            self.sync_directory()
        };
        write().map_err(|error| self.failed(error))
    }

    /// Puts a key into [`Self::new_one`], in place of one that came to nothing.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn stage(&self, key: &MasterKey) -> Result<(), MasterKeyError> {
        let new = self.new_one();
        match fs::remove_file(&new.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(new.failed(error)),
            _ => new.create(key),
        }
    }

    /// The new key takes the place of the present one, which becomes the old one. A crash between
    /// the steps leaves each key in one of the three files.
    ///
    /// # Errors
    /// A file cannot be renamed.
    pub fn promote(&self) -> Result<(), MasterKeyError> {
        let rename = || {
            match fs::rename(&self.0, self.old_one().0) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => fs::rename(self.new_one().0, &self.0)?,
            }
            self.sync_directory()
        };
        rename().map_err(|error| self.failed(error))
    }

    fn sync_directory(&self) -> io::Result<()> {
        let directory = self.0.parent().filter(|parent| *parent != Path::new(""));
        #[cfg(unix)]
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    }
}
