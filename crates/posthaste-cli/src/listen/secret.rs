//! The secret that `listen` signs with: the same in every run, without a file to keep it in.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use posthaste::signature::Secret;
use sha2::Sha256;

/// Made of the key and the tenant; who does not know the key cannot make it, nor the key of it.
pub fn derived(key: &str, tenant: &str) -> Secret {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes());
    let mut mac = mac.expect("any key length will do");
    mac.update(b"posthaste listen ");
    mac.update(tenant.as_bytes());
    let bytes = mac.finalize().into_bytes();
    Secret::trusted(format!("whsec_{}", BASE64.encode(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_and_tenant_have_one_secret_for_ever() {
        // Worked out with Python's hmac.
        let secret = derived("pst_0123", "default");
        assert_eq!(
            secret.expose(),
            "whsec_nb4KC4mCVcubDwymLAq0KKI5sk0GoEOXCgQR4hgy/yM="
        );
        assert!(secret.expose().parse::<Secret>().is_ok());
        assert!(secret != derived("pst_0123", "acme"));
        assert!(secret != derived("pst_0124", "default"));
    }
}
