//! What a receiver asks for beside a signature, as a body says it: `headers`, `auth` and `tls`.
//!
//! A secret that was shown as `***` may come back so, and is kept. What is wrong with a secret is
//! said, and nothing of it.

use std::collections::BTreeMap;

use posthaste::{
    signature::Secret,
    subscription::{
        Access, Auth, AuthError, HIDDEN, HeaderName, HeaderNameError, HeaderValue, TlsSettings,
    },
};
use posthaste_engine::operations::credentials::{AskedAuth, AskedClient, AskedHeader, AskedTls};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    fields::nested,
    problem::Kind,
    values::{Fault, Read, text},
};

/// Credentials: one of the two.
#[derive(Serialize, ToSchema)]
#[schema(as = Auth)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code)] // the document's shape
pub(crate) enum AuthShape {
    Basic(BasicShape),
    /// Write-only: it reads `***`.
    Bearer(String),
}

/// HTTP Basic.
#[derive(Serialize, ToSchema)]
#[schema(as = BasicAuth)]
pub(crate) struct BasicShape {
    /// Without a colon.
    username: String,
    /// Write-only: it reads `***`.
    password: String,
}

/// How connections are secured.
#[derive(Serialize, ToSchema)]
#[schema(as = Tls)]
pub(crate) struct TlsShape {
    /// Authorities that are trusted instead of the public ones.
    ca_pem: Option<String>,
    /// A certificate, and those between it and its authority; with its key alone.
    client_cert_pem: Option<String>,
    /// Write-only: it reads `***`. Not encrypted.
    client_key_pem: Option<String>,
}

/// Names and values.
pub(crate) fn headers(raw: &str) -> Read<BTreeMap<HeaderName, AskedHeader>> {
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_str(raw).map_err(|_| Fault::new("type", "expected an object"))?;
    if members.len() > Access::HEADERS_MAX {
        let detail = format!("expected at most {} headers", Access::HEADERS_MAX);
        return Err(header_fault("length", detail).into());
    }
    let (mut headers, mut faults) = (BTreeMap::new(), Vec::new());
    for (key, value) in members {
        let read = name(&key).and_then(|name| Ok((header(&name, value.get())?, name)));
        match read {
            Err(found) => faults.extend(found.into_iter().map(|fault| fault.at(&key))),
            Ok((value, name)) => {
                if headers.insert(name, value).is_some() {
                    faults
                        .push(header_fault("duplicate", "named before, in other letters").at(&key));
                }
            }
        }
    }
    faults.is_empty().then_some(headers).ok_or(faults)
}

fn name(key: &str) -> Read<HeaderName> {
    key.parse().map_err(|error: HeaderNameError| {
        let code = match error {
            HeaderNameError::Token => "invalid_name",
            HeaderNameError::Reserved | HeaderNameError::Authorization => "reserved_name",
        };
        header_fault(code, error.to_string()).into()
    })
}

/// A text, or `{"secret": text}`.
fn header(name: &HeaderName, raw: &str) -> Read<AskedHeader> {
    if raw.starts_with('{') {
        return nested(raw, &["secret"], |fields| {
            fields.required("secret", |raw| value(raw, true))
        });
    }
    value(raw, name.looks_secret())
}

fn value(raw: &str, secret: bool) -> Read<AskedHeader> {
    let text = text(raw).map_err(|_| header_fault("type", "expected a string or a secret"))?;
    if text == HIDDEN {
        return Ok(AskedHeader::Kept { secret });
    }
    let value = HeaderValue::new(&text, secret);
    let value = value.map_err(|error| header_fault("invalid_value", error.to_string()))?;
    Ok(AskedHeader::New(value))
}

fn header_fault(code: &'static str, detail: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(code, detail).of_kind(Kind::InvalidHeader)
}

/// `{"basic": {"username", "password"}}` or `{"bearer": "…"}`.
pub(crate) fn auth(raw: &str) -> Read<AskedAuth> {
    let (basic, bearer) = nested(raw, &["basic", "bearer"], |fields| {
        let basic = fields.present("basic", basic);
        Some((basic, fields.present("bearer", bearer)))
    })?;
    match (basic, bearer) {
        (Some(auth), None) | (None, Some(auth)) => Ok(auth),
        _ => Err(Fault::new("one_of", "expected basic or bearer, one of the two").into()),
    }
}

fn basic(raw: &str) -> Read<AskedAuth> {
    let (username, password) = nested(raw, &["username", "password"], |fields| {
        let username = fields.required("username", text);
        fields
            .required("password", text)
            .and_then(|password| Some((username?, password)))
    })?;
    let kept = password == HIDDEN;
    let auth = Auth::basic(&username, &password).map_err(refused)?;
    Ok(match kept {
        true => AskedAuth::BasicKept {
            username: username.into_owned(),
        },
        false => AskedAuth::New(auth),
    })
}

fn bearer(raw: &str) -> Read<AskedAuth> {
    let token = text(raw)?;
    if token == HIDDEN {
        return Ok(AskedAuth::BearerKept);
    }
    Ok(AskedAuth::New(Auth::bearer(&token).map_err(refused)?))
}

fn refused(error: AuthError) -> Fault {
    let detail = error.to_string();
    match error {
        AuthError::Username => Fault::new("invalid_username", detail).at("username"),
        AuthError::Password => Fault::new("invalid_password", detail).at("password"),
        AuthError::Token => Fault::new("invalid_token", detail),
    }
}

/// `{"ca_pem"?, "client_cert_pem"?, "client_key_pem"?}`; the last two go together. Whether they are
/// what they say is judged with what is there already.
pub(crate) fn tls(raw: &str) -> Read<AskedTls> {
    let known = &["ca_pem", "client_cert_pem", "client_key_pem"];
    let [ca, cert, key] = nested(raw, known, |fields| {
        Some([
            fields.optional("ca_pem", pem),
            fields.optional("client_cert_pem", pem),
            fields.optional("client_key_pem", pem),
        ])
    })?;
    let client = match (cert, key) {
        (None, None) => None,
        (Some(cert_pem), Some(key)) => Some(AskedClient {
            cert_pem,
            key_pem: (key != HIDDEN).then(|| Secret::trusted(key)),
        }),
        (Some(_), None) => return Err(alone("client_key_pem").into()),
        (None, Some(_)) => return Err(alone("client_cert_pem").into()),
    };
    if ca.is_none() && client.is_none() {
        let detail = "expected ca_pem, or client_cert_pem and client_key_pem, or null";
        return Err(Fault::new("required", detail).into());
    }
    Ok(AskedTls { ca_pem: ca, client })
}

fn alone(missing: &'static str) -> Fault {
    let detail = "client_cert_pem and client_key_pem go together";
    Fault::new("required", detail).at(missing)
}

fn pem(raw: &str) -> Read<String> {
    let text = text(raw)?;
    let most = TlsSettings::PEM_BYTES_MAX;
    if text.len() > most {
        return Err(Fault::new("length", format!("expected at most {most} bytes")).into());
    }
    Ok(text.into_owned())
}
