//! What a receiver asks for beside a signature, as it is shown: everything but what is secret.

use std::collections::BTreeMap;

use posthaste::subscription::{Access, Auth, HIDDEN, HeaderName, TlsSettings};
use serde::Serialize;

/// The members `headers`, `auth` and `tls` of a subscription.
pub(super) struct AccessView<'a> {
    pub headers: BTreeMap<&'a str, &'a str>,
    pub auth: Option<AuthView<'a>>,
    pub tls: Option<TlsView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AuthView<'a> {
    Basic {
        username: &'a str,
        password: &'static str,
    },
    Bearer(&'static str),
}

#[derive(Serialize)]
pub(super) struct TlsView<'a> {
    ca_pem: Option<&'a str>,
    client_cert_pem: Option<&'a str>,
    client_key_pem: Option<&'static str>,
}

impl<'a> AccessView<'a> {
    pub fn of(access: &'a Access) -> Self {
        let headers = access.headers.iter();
        Self {
            headers: headers
                .map(|(name, value)| (HeaderName::written(name), value.shown()))
                .collect(),
            auth: access.auth.as_ref().map(AuthView::of),
            tls: access.tls.as_ref().map(TlsView::of),
        }
    }
}

impl<'a> AuthView<'a> {
    fn of(auth: &'a Auth) -> Self {
        match auth {
            Auth::Basic { username, .. } => Self::Basic {
                username,
                password: HIDDEN,
            },
            Auth::Bearer(_) => Self::Bearer(HIDDEN),
        }
    }
}

impl<'a> TlsView<'a> {
    fn of(tls: &'a TlsSettings) -> Self {
        let client = tls.client.as_ref();
        Self {
            ca_pem: tls.ca_pem.as_deref(),
            client_cert_pem: client.map(|client| client.cert_pem.as_str()),
            client_key_pem: client.map(|_| HIDDEN),
        }
    }
}
