//! Where a store's master key comes from, and which of what is there is the right one.

use std::{fmt, io, path::PathBuf};

use super::{Fingerprint, MasterKey, MasterKeyFile};

/// Where the master key comes from.
#[derive(Clone)]
pub enum MasterKeySource {
    /// A file, which is made where nothing is sealed yet.
    File(MasterKeyFile),
    /// The key itself, and where it was written.
    Given { key: MasterKey, from: String },
}

impl fmt::Debug for MasterKeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => f.debug_tuple("File").field(&file.path()).finish(),
            Self::Given { from, .. } => f.debug_tuple("Given").field(from).finish(),
        }
    }
}

/// Why there is no master key to open a store with.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    #[error("cannot use the master key file {}: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error(
        "others may read the master key file {} (mode {mode:04o}): chmod 600 it, and think about who has read it",
        .path.display()
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{0} holds no master key: expected 32 bytes in base64 or hex")]
    Malformed(String),
    #[error("the secrets are sealed with the master key {wanted}, but this is {found}")]
    Wrong { wanted: Fingerprint, found: Found },
    #[error(
        "the secrets are sealed with the master key {wanted}, and there is none at {}: restore it; \
         without it they cannot be read by anyone",
        .path.display()
    )]
    Missing { wanted: Fingerprint, path: PathBuf },
}

/// A key that is another one, and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub key: Fingerprint,
    pub place: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (from {})", self.key, self.place)
    }
}

impl MasterKeySource {
    /// The key of a store that has values sealed with `wanted`; or, of one that has none yet, the
    /// one to begin with.
    ///
    /// # Errors
    /// See [`MasterKeyError`]. One that is missing is never made where it is wanted.
    pub fn key(&self, wanted: Option<Fingerprint>) -> Result<MasterKey, MasterKeyError> {
        match (self, wanted) {
            (Self::Given { key, .. }, None) => Ok(key.clone()),
            (Self::Given { key, from }, Some(wanted)) => given(key, from, wanted),
            (Self::File(file), Some(wanted)) => find(file, wanted),
            (Self::File(file), None) => first(file),
        }
    }
}

fn given(key: &MasterKey, from: &str, wanted: Fingerprint) -> Result<MasterKey, MasterKeyError> {
    if key.fingerprint() == wanted {
        return Ok(key.clone());
    }
    let (key, place) = (key.fingerprint(), from.to_owned());
    let found = Found { key, place };
    Err(MasterKeyError::Wrong { wanted, found })
}

fn first(file: &MasterKeyFile) -> Result<MasterKey, MasterKeyError> {
    if let Some(key) = file.read()? {
        return Ok(key);
    }
    let key = MasterKey::generate();
    file.create(&key)?;
    Ok(key)
}

/// In the file, or beside it: a rotation that a crash cut off is brought to its end, and a store
/// that comes from a backup finds the key before the last rotation.
fn find(file: &MasterKeyFile, wanted: Fingerprint) -> Result<MasterKey, MasterKeyError> {
    let is_wanted = |key: &MasterKey| key.fingerprint() == wanted;
    let present = file.read()?;
    if let Some(key) = present.as_ref().filter(|key| is_wanted(key)) {
        return Ok(key.clone());
    }
    if let Some(key) = file.new_one().read()?.filter(is_wanted) {
        file.promote()?;
        return Ok(key);
    }
    if let Some(key) = file.old_one().read()?.filter(is_wanted) {
        return Ok(key);
    }
    let path = file.path().to_owned();
    Err(match present {
        None => MasterKeyError::Missing { wanted, path },
        Some(key) => MasterKeyError::Wrong {
            wanted,
            found: Found {
                key: key.fingerprint(),
                place: path.display().to_string(),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Place {
        directory: tempfile::TempDir,
        file: MasterKeyFile,
    }

    impl Place {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let file = MasterKeyFile::at(directory.path().join("master.key"));
            Self { directory, file }
        }

        fn key(&self, wanted: Option<Fingerprint>) -> Result<Fingerprint, String> {
            let key = MasterKeySource::File(self.file.clone()).key(wanted);
            key.map(|key| key.fingerprint())
                .map_err(|error| error.to_string())
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(self.directory.path()).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<_> = names.collect();
            names.sort();
            names
        }
    }

    #[test]
    fn the_first_start_makes_a_key_that_its_owner_alone_may_read() {
        let place = Place::new();
        let made = place.key(None).unwrap();
        assert_eq!(place.key(None), Ok(made), "it is used from then on");
        assert_eq!(place.key(Some(made)), Ok(made));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(place.file.path())
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_missing_key_is_never_made_anew() {
        let place = Place::new();
        let wanted = MasterKey::generate().fingerprint();
        let refused = place.key(Some(wanted)).unwrap_err();
        assert!(refused.contains(&wanted.to_string()), "{refused}");
        assert!(refused.contains("master.key"), "{refused}");
        assert_eq!(place.names(), [""; 0]);
    }

    #[test]
    fn a_wrong_key_is_named_with_the_one_that_is_wanted() {
        let place = Place::new();
        let (wanted, found) = (
            MasterKey::generate().fingerprint(),
            place.key(None).unwrap(),
        );
        let refused = place.key(Some(wanted)).unwrap_err();
        for named in [wanted.to_string(), found.to_string(), "master.key".into()] {
            assert!(refused.contains(&named), "{refused}");
        }
        let key = MasterKey::generate();
        let from = String::from("THE_VARIABLE");
        let refused = MasterKeySource::Given { key, from }.key(Some(wanted));
        let refused = refused.map(drop).unwrap_err().to_string();
        assert!(refused.contains("THE_VARIABLE"), "{refused}");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let place = Place::new();
        place.key(None).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            let permissions = fs::Permissions::from_mode(mode);
            fs::set_permissions(place.file.path(), permissions).unwrap();
            let refused = place.key(None).unwrap_err();
            assert!(refused.contains("chmod 600"), "{refused}");
        }
    }

    #[test]
    fn a_file_without_a_key_is_refused() {
        let place = Place::new();
        place.key(None).unwrap();
        for text in ["", "secret", "0123456789abcdef"] {
            fs::write(place.file.path(), text).unwrap();
            let refused = place.key(None).unwrap_err();
            assert!(refused.contains("base64 or hex"), "{refused}");
        }
    }

    /// Every state that a crash in the middle of a rotation leaves: the store wants `first` until
    /// its transaction is committed, and `second` from then on.
    #[test]
    fn a_rotation_may_be_cut_off_anywhere() {
        let place = Place::new();
        let first = place.key(None).unwrap();
        let second = MasterKey::generate();
        place.file.stage(&second).unwrap();
        assert_eq!(place.key(Some(first)), Ok(first), "staged, not committed");
        let second = second.fingerprint();
        assert_eq!(place.key(Some(second)), Ok(second), "committed");
        assert_eq!(place.names(), ["master.key", "master.key.old"]);
        assert_eq!(place.key(Some(first)), Ok(first), "a backup from before");
        fs::rename(place.file.path(), place.file.new_one().path()).unwrap();
        assert_eq!(place.key(Some(second)), Ok(second), "between two renames");
        assert_eq!(place.names(), ["master.key", "master.key.old"]);
    }
}
