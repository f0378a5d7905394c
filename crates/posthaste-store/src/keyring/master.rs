//! The two kinds of keys. Neither has Debug or Serialize; both are wiped when dropped.

use std::str::FromStr;

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use posthaste::event::TenantId;
use zeroize::Zeroizing;

use super::{
    Context, What,
    cipher::{Fingerprint, Key, SealError},
};

/// What wraps the data keys: 32 bytes that the operator keeps.
///
/// It is not shown by mistake:
/// ```compile_fail
/// fn shown(key: &posthaste_store::keyring::MasterKey) { println!("{key:?}"); }
/// ```
/// ```compile_fail
/// fn written(key: &posthaste_store::keyring::MasterKey) { serde_json::to_string(key).unwrap(); }
/// ```
#[derive(Clone)]
pub struct MasterKey(Key);

/// What seals the secrets of one tenant, or the server's own.
#[derive(Clone)]
pub struct DataKey(Key);

/// Not the text of a master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 bytes in base64 or hex")]
pub struct KeyFormatError;

fn data_key_of(tenant: Option<&TenantId>) -> Context<'_> {
    let (what, row) = (What::DataKey, 0);
    Context { what, tenant, row }
}

const CHECK: Context<'_> = Context {
    what: What::Check,
    tenant: None,
    row: 0,
};

impl MasterKey {
    #[must_use]
    pub fn generate() -> Self {
        Self(Key::generate())
    }

    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint()
    }

    /// As it stands in its file: base64.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(self.0.bytes()))
    }

    /// What a store keeps to know its master key by.
    #[must_use]
    pub fn check_value(&self) -> Vec<u8> {
        self.0.seal(CHECK, b"")
    }

    /// # Errors
    /// It is not the key that made the check value.
    pub fn check(&self, value: &[u8]) -> Result<(), SealError> {
        self.0.open(CHECK, value).map(drop)
    }

    /// A data key as a store keeps it.
    #[must_use]
    pub fn wrap(&self, tenant: Option<&TenantId>, key: &DataKey) -> Vec<u8> {
        self.0.seal(data_key_of(tenant), key.0.bytes())
    }

    /// The data key in what [`Self::wrap`] made.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn data_key(
        &self,
        tenant: Option<&TenantId>,
        wrapped: &[u8],
    ) -> Result<DataKey, SealError> {
        let bytes = self.0.open(data_key_of(tenant), wrapped)?;
        let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| SealError::Form)?;
        Ok(DataKey(Key::new(Zeroizing::new(*bytes))))
    }
}

impl FromStr for MasterKey {
    type Err = KeyFormatError;

    fn from_str(text: &str) -> Result<Self, KeyFormatError> {
        let text = text.trim();
        let decoded = match text.len() {
            64 => HEXLOWER_PERMISSIVE.decode(text.as_bytes()),
            _ => BASE64_NOPAD.decode(text.trim_end_matches('=').as_bytes()),
        };
        let decoded = Zeroizing::new(decoded.map_err(|_| KeyFormatError)?);
        let bytes: &[u8; 32] = decoded.as_slice().try_into().map_err(|_| KeyFormatError)?;
        Ok(Self(Key::new(Zeroizing::new(*bytes))))
    }
}

impl DataKey {
    #[must_use]
    pub fn generate() -> Self {
        Self(Key::generate())
    }

    #[must_use]
    pub fn seal(&self, context: Context<'_>, plain: &[u8]) -> Vec<u8> {
        self.0.seal(context, plain)
    }

    /// # Errors
    /// See [`SealError`].
    pub fn open(
        &self,
        context: Context<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.0.open(context, sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, is_a_key: bool) {
        assert_eq!(text.parse::<MasterKey>().is_ok(), is_a_key, "{text}");
    }

    #[test]
    fn a_master_key_is_written_in_base64_or_hex() {
        check("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", true);
        check(" AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n", true);
        check(&"0a".repeat(32), true);
        check(&"0A".repeat(32), true);
        check(&"0a".repeat(31), false);
        check(&"0g".repeat(32), false);
        check("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", false);
        check("a passphrase of thirty-two bytes", false);
        check("", false);
    }

    #[test]
    fn what_is_written_is_read_back_as_the_same_key() {
        let key = MasterKey::generate();
        let again: MasterKey = key.expose().parse().map_err(drop).ok().unwrap();
        assert_eq!(again.fingerprint(), key.fingerprint());
        assert_eq!(again.check(&key.check_value()), Ok(()));
        assert!(MasterKey::generate().check(&key.check_value()).is_err());
    }

    #[test]
    fn a_data_key_comes_out_of_its_wrapping_for_its_tenant_alone() {
        let (master, key) = (MasterKey::generate(), DataKey::generate());
        let [acme, globex] = ["acme", "globex"].map(|id| id.parse::<TenantId>().unwrap());
        let wrapped = master.wrap(Some(&acme), &key);
        let unwrapped = master.data_key(Some(&acme), &wrapped).ok().unwrap();
        assert_eq!(unwrapped.0.fingerprint(), key.0.fingerprint());
        for other in [Some(&globex), None] {
            let refused = master.data_key(other, &wrapped).map(drop);
            assert_eq!(refused, Err(SealError::Broken));
        }
    }
}
