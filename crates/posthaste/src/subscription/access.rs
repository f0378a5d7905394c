//! What a receiver asks for beside a signature: headers, credentials, a client certificate, an
//! authority of its own.
//!
//! Nearly all of it is secret, so it is kept in one value of its own, which has no Debug that
//! shows anything. Its `Serialize` is the store's: no API shows it.

use std::{collections::BTreeMap, fmt};

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::header::{HIDDEN, HeaderName, HeaderValue, OwnHeader};
use crate::signature::Secret;

/// Bytes of a user name, a password or a token at most.
const CREDENTIAL_MAX: usize = 4096;

/// What a subscription's requests carry so that its receiver lets them in.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Access {
    /// At most [`Access::HEADERS_MAX`].
    pub headers: BTreeMap<HeaderName, HeaderValue>,
    /// What stands in `authorization`.
    pub auth: Option<Auth>,
    /// How its connections are secured.
    pub tls: Option<TlsSettings>,
}

impl Access {
    /// Headers of one subscription.
    pub const HEADERS_MAX: usize = 20;

    /// Whether it asks for nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The headers as they are sent.
    #[must_use]
    pub fn own_headers(&self) -> Vec<OwnHeader> {
        let auth = self.auth.iter().map(|auth| OwnHeader {
            name: HeaderName::authorization(),
            value: HeaderValue::trusted(auth.header(), true),
        });
        let headers = self.headers.iter().map(|(name, value)| OwnHeader {
            name: name.clone(),
            value: value.clone(),
        });
        auth.chain(headers).collect()
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Access({HIDDEN})")
    }
}

/// Credentials.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// HTTP Basic.
    Basic {
        /// Without a colon.
        username: String,
        /// Perhaps empty.
        #[serde(with = "exposed")]
        password: Secret,
    },
    /// A bearer token.
    Bearer(#[serde(with = "exposed")] Secret),
}

/// Why credentials are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Of Basic.
    #[error("expected at most 4,096 bytes of visible text without a colon")]
    Username,
    /// Of Basic.
    #[error("expected at most 4,096 bytes of visible text")]
    Password,
    /// Of Bearer.
    #[error("expected 1 to 4,096 visible ASCII characters without white space")]
    Token,
}

impl Auth {
    /// # Errors
    /// The user name has a colon, or one of the two is no visible text.
    pub fn basic(username: &str, password: &str) -> Result<Self, AuthError> {
        let visible =
            |text: &str| text.len() <= CREDENTIAL_MAX && !text.chars().any(char::is_control);
        if !visible(username) || username.contains(':') {
            return Err(AuthError::Username);
        }
        if !visible(password) {
            return Err(AuthError::Password);
        }
        Ok(Self::Basic {
            username: username.to_owned(),
            password: Secret::trusted(password.to_owned()),
        })
    }

    /// # Errors
    /// It is no token.
    pub fn bearer(token: &str) -> Result<Self, AuthError> {
        let fits = (1..=CREDENTIAL_MAX).contains(&token.len());
        if !fits || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AuthError::Token);
        }
        Ok(Self::Bearer(Secret::trusted(token.to_owned())))
    }

    /// The value of `authorization`.
    fn header(&self) -> String {
        match self {
            Self::Basic { username, password } => {
                let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
                format!("Basic {}", BASE64.encode(pair.as_bytes()))
            }
            Self::Bearer(token) => format!("Bearer {}", token.expose()),
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Basic(***)",
            Self::Bearer(_) => "Bearer(***)",
        })
    }
}

/// How connections to a receiver are secured. Whether the texts are what they say is judged where
/// TLS is known (`transport::http::TlsIdentity`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsSettings {
    /// Authorities that are trusted instead of the public ones, for this subscription alone.
    pub ca_pem: Option<String>,
    /// Whom the sender shows itself as.
    pub client: Option<ClientCertificate>,
}

impl TlsSettings {
    /// Bytes of one PEM text at most.
    pub const PEM_BYTES_MAX: usize = 32 * 1024;
}

/// A certificate to show to a receiver that asks for one, and its key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// The certificate, and those between it and its authority.
    pub cert_pem: String,
    /// Unencrypted; it never leaves again.
    #[serde(with = "exposed")]
    pub key_pem: Secret,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({HIDDEN})")
    }
}

/// A secret in what a store keeps.
pub(super) mod exposed {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::signature::Secret;

    pub fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::trusted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "canary-4711";

    fn access() -> Access {
        let value = |secret| HeaderValue::new(CANARY, secret).unwrap();
        Access {
            headers: [
                ("x-api-key".parse().unwrap(), value(true)),
                ("x-team".parse().unwrap(), value(false)),
            ]
            .into(),
            auth: Some(Auth::basic("ada", CANARY).unwrap()),
            tls: Some(TlsSettings {
                ca_pem: None,
                client: Some(ClientCertificate {
                    cert_pem: "a certificate".into(),
                    key_pem: Secret::trusted(CANARY.into()),
                }),
            }),
        }
    }

    #[test]
    fn a_store_reads_what_it_wrote() {
        for auth in [access().auth, Auth::bearer(CANARY).ok(), None] {
            let access = Access { auth, ..access() };
            let text = serde_json::to_string(&access).unwrap();
            assert!(
                serde_json::from_str::<Access>(&text).unwrap() == access,
                "{text}"
            );
        }
        assert!(serde_json::from_str::<Access>("{}").unwrap().is_none());
    }

    #[test]
    fn debug_shows_nothing() {
        let access = access();
        let shown = format!(
            "{access:?} {:?} {:?} {:?}",
            access.auth, access.tls, access.headers
        );
        assert!(!shown.contains(CANARY), "{shown}");
    }

    #[test]
    fn credentials_are_a_header() {
        let sent = |auth| {
            let auth = Some(auth);
            let headers = Access {
                auth,
                ..Access::default()
            }
            .own_headers();
            let [header] = &headers[..] else {
                panic!("one header")
            };
            assert_eq!(header.value.shown(), "***");
            format!("{}: {}", header.name, header.value.expose())
        };
        // The example of RFC 7617.
        let basic = sent(Auth::basic("Aladdin", "open sesame").unwrap());
        assert_eq!(basic, "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let bearer = sent(Auth::bearer("mF_9.B5f-4.1JqM").unwrap());
        assert_eq!(bearer, "authorization: Bearer mF_9.B5f-4.1JqM");
    }

    #[test]
    fn credentials_that_a_header_cannot_carry_are_refused() {
        assert_eq!(Auth::basic("a:b", "c"), Err(AuthError::Username));
        assert_eq!(Auth::basic("a\n", "c"), Err(AuthError::Username));
        assert_eq!(Auth::basic("a", "c\r\nx: y"), Err(AuthError::Password));
        assert!(Auth::basic("", "c:d é").is_ok());
        for bad in ["", "a b", "a\n", "é", &"a".repeat(4097)] {
            assert_eq!(Auth::bearer(bad), Err(AuthError::Token), "{bad:?}");
        }
    }
}
