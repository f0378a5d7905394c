//! What a receiver asks for beside a signature, as someone asks for it to be sent: secrets that are
//! given, or kept where the `***` that was shown in their place comes back. Pure, but for the
//! reading of certificates.

use std::collections::BTreeMap;

use posthaste::{
    clock::Timestamp,
    egress::TargetUrl,
    signature::Secret,
    subscription::{Access, Auth, ClientCertificate, HeaderName, HeaderValue, TlsSettings},
    transport::http::{TlsFault, TlsIdentity},
};

/// Changes to what a subscription's requests carry; absent members stay as they are, each other one
/// is replaced as a whole.
#[derive(Clone, Debug, Default)]
pub struct AskedAccess {
    pub headers: Option<BTreeMap<HeaderName, AskedHeader>>,
    pub auth: Option<Option<AskedAuth>>,
    pub tls: Option<Option<AskedTls>>,
}

/// A header.
#[derive(Clone, Debug)]
pub enum AskedHeader {
    New(HeaderValue),
    /// The value that is there; whether it is a secret from now on, whatever it was.
    Kept {
        secret: bool,
    },
}

/// Credentials.
#[derive(Clone, Debug)]
pub enum AskedAuth {
    New(Auth),
    /// With the password that is there.
    BasicKept {
        username: String,
    },
    BearerKept,
}

/// TLS settings.
#[derive(Clone, Debug)]
pub struct AskedTls {
    pub ca_pem: Option<String>,
    pub client: Option<AskedClient>,
}

/// A client certificate.
#[derive(Clone)]
pub struct AskedClient {
    pub cert_pem: String,
    /// None keeps the one that is there.
    pub key_pem: Option<Secret>,
}

impl std::fmt::Debug for AskedClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AskedClient(***)")
    }
}

/// Why what is asked for cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// At this place.
    #[error("*** stands for a secret that is set, and none is set here")]
    NothingKept(String),
    #[error("TLS settings go with an https URL alone")]
    Plain,
    #[error(transparent)]
    Tls(TlsFault),
}

impl Unsendable {
    /// A JSON Pointer to the member.
    #[must_use]
    pub fn pointer(&self) -> String {
        match self {
            Self::NothingKept(pointer) => pointer.clone(),
            Self::Plain => "/tls".to_owned(),
            Self::Tls(fault) => format!("/tls/{}", fault.member().as_str()),
        }
    }

    /// A stable name of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NothingKept(_) => "nothing_to_keep",
            Self::Plain => "https_only",
            Self::Tls(fault) => fault.code(),
        }
    }
}

impl AskedAccess {
    /// What a subscription with these has from now on.
    ///
    /// # Errors
    /// [`Unsendable::NothingKept`].
    pub fn applied(self, now: &Access) -> Result<Access, Unsendable> {
        Ok(Access {
            headers: match self.headers {
                None => now.headers.clone(),
                Some(asked) => headers(asked, &now.headers)?,
            },
            auth: match self.auth {
                None => now.auth.clone(),
                Some(asked) => asked
                    .map(|auth| auth.applied(now.auth.as_ref()))
                    .transpose()?,
            },
            tls: match self.tls {
                None => now.tls.clone(),
                Some(asked) => asked.map(|tls| tls.applied(now.tls.as_ref())).transpose()?,
            },
        })
    }
}

fn headers(
    asked: BTreeMap<HeaderName, AskedHeader>,
    now: &BTreeMap<HeaderName, HeaderValue>,
) -> Result<BTreeMap<HeaderName, HeaderValue>, Unsendable> {
    let applied = asked.into_iter().map(|(name, asked)| {
        let value = match asked {
            AskedHeader::New(value) => value,
            AskedHeader::Kept { secret } => {
                let kept = now.get(&name).cloned();
                let none = || Unsendable::NothingKept(format!("/headers/{name}"));
                kept.ok_or_else(none)?.or_secret(secret)
            }
        };
        Ok((name, value))
    });
    applied.collect()
}

impl AskedAuth {
    fn applied(self, now: Option<&Auth>) -> Result<Auth, Unsendable> {
        let nothing = |place: &str| Unsendable::NothingKept(place.to_owned());
        match (self, now) {
            (Self::New(auth), _) => Ok(auth),
            (Self::BasicKept { username }, Some(Auth::Basic { password, .. })) => {
                let password = password.clone();
                Ok(Auth::Basic { username, password })
            }
            (Self::BearerKept, Some(bearer @ Auth::Bearer(_))) => Ok(bearer.clone()),
            (Self::BasicKept { .. }, _) => Err(nothing("/auth/basic/password")),
            (Self::BearerKept, _) => Err(nothing("/auth/bearer")),
        }
    }
}

impl AskedTls {
    fn applied(self, now: Option<&TlsSettings>) -> Result<TlsSettings, Unsendable> {
        let client = self.client.map(|asked| {
            let kept = || Some(now?.client.as_ref()?.key_pem.clone());
            let nothing = || Unsendable::NothingKept("/tls/client_key_pem".to_owned());
            Ok(ClientCertificate {
                key_pem: asked.key_pem.or_else(kept).ok_or_else(nothing)?,
                cert_pem: asked.cert_pem,
            })
        });
        Ok(TlsSettings {
            ca_pem: self.ca_pem,
            client: client.transpose()?,
        })
    }
}

/// Whether requests to this URL can be secured so.
///
/// # Errors
/// [`Unsendable::Plain`].
pub fn fits(tls: Option<&TlsSettings>, url: &TargetUrl) -> Result<(), Unsendable> {
    let fits = tls.is_none() || url.is_https();
    fits.then_some(()).ok_or(Unsendable::Plain)
}

/// Whether settings that are asked for are what they say, and of today.
///
/// # Errors
/// [`Unsendable::Tls`].
pub fn check(tls: Option<&TlsSettings>, now: Timestamp) -> Result<(), Unsendable> {
    let Some(settings) = tls else { return Ok(()) };
    let identity = TlsIdentity::new(settings).map_err(Unsendable::Tls)?;
    identity.check_dates(now).map_err(Unsendable::Tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str, secret: bool) -> (HeaderName, HeaderValue) {
        let value = HeaderValue::new(text, secret).unwrap();
        ("x-api-key".parse().unwrap(), value)
    }

    fn there() -> Access {
        Access {
            headers: [header("open sesame", true)].into(),
            auth: Auth::basic("ada", "old").ok(),
            tls: Some(TlsSettings {
                ca_pem: Some("an authority".to_owned()),
                client: Some(ClientCertificate {
                    cert_pem: "a certificate".to_owned(),
                    key_pem: Secret::trusted("a key".to_owned()),
                }),
            }),
        }
    }

    /// As someone who sends back what they were shown.
    fn shown() -> AskedAccess {
        let kept = AskedHeader::Kept { secret: true };
        let username = "ada".to_owned();
        AskedAccess {
            headers: Some([("x-api-key".parse().unwrap(), kept)].into()),
            auth: Some(Some(AskedAuth::BasicKept { username })),
            tls: Some(Some(AskedTls {
                ca_pem: Some("an authority".to_owned()),
                client: Some(AskedClient {
                    cert_pem: "a certificate".to_owned(),
                    key_pem: None,
                }),
            })),
        }
    }

    #[test]
    fn what_is_not_named_and_what_comes_back_as_shown_stays() {
        assert!(AskedAccess::default().applied(&there()).unwrap() == there());
        assert!(shown().applied(&there()).unwrap() == there());
    }

    #[test]
    fn what_is_named_replaces_what_was_there() {
        let asked = AskedAccess {
            headers: Some(BTreeMap::new()),
            auth: Some(None),
            tls: Some(None),
        };
        assert!(asked.applied(&there()).unwrap().is_none());
        let auth = Auth::bearer("new");
        let asked = AskedAccess {
            auth: Some(auth.clone().ok().map(AskedAuth::New)),
            ..AskedAccess::default()
        };
        assert_eq!(asked.applied(&there()).unwrap().auth, auth.ok());
    }

    #[track_caller]
    fn nothing_kept(asked: AskedAccess, now: &Access, pointer: &str) {
        let error = asked.applied(now).expect_err("nothing to keep");
        assert_eq!(
            (error.pointer().as_str(), error.code()),
            (pointer, "nothing_to_keep")
        );
    }

    #[test]
    fn a_secret_that_is_not_there_cannot_be_kept() {
        let only = |headers, auth, tls| AskedAccess { headers, auth, tls };
        let (asked, none) = (shown(), Access::default());
        nothing_kept(only(asked.headers, None, None), &none, "/headers/x-api-key");
        nothing_kept(only(None, asked.auth, None), &none, "/auth/basic/password");
        nothing_kept(only(None, None, asked.tls), &none, "/tls/client_key_pem");
        let bearer = Some(Some(AskedAuth::BearerKept));
        nothing_kept(only(None, bearer, None), &there(), "/auth/bearer");
    }

    #[test]
    fn tls_settings_need_tls() {
        let url = "http://example.com/".parse().unwrap();
        let tls = there().tls;
        assert_eq!(fits(tls.as_ref(), &url), Err(Unsendable::Plain));
        assert_eq!(fits(None, &url), Ok(()));
        let url = "https://example.com/".parse().unwrap();
        assert_eq!(fits(tls.as_ref(), &url), Ok(()));
        assert!(check(tls.as_ref(), Timestamp::from_millis(0)).is_err());
    }
}
