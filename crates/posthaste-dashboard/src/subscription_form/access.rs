//! What a receiver asks for beside a signature, in fields: headers, credentials and TLS.

use std::collections::BTreeMap;

use posthaste::{
    signature::Secret,
    subscription::{Access, Auth, HIDDEN, HeaderName, HeaderValue, TlsSettings},
};
use posthaste_engine::operations::credentials::{
    AskedAccess, AskedAuth, AskedClient, AskedHeader, AskedTls,
};

use crate::reading::Reading;

pub(super) fn read(reading: &mut Reading<'_>) -> AskedAccess {
    AskedAccess {
        headers: headers(reading),
        auth: auth(reading),
        tls: tls(reading),
    }
}

/// Three fields a row: name, value, and `secret` or nothing. A row without a name is none.
fn headers(reading: &mut Reading<'_>) -> Option<BTreeMap<HeaderName, AskedHeader>> {
    let form = reading.form;
    let rows = form.all("header_name").zip(form.all("header_value"));
    let rows = rows.zip(form.all("header_kind").map(|kind| kind == "secret"));
    let mut headers = BTreeMap::new();
    for ((name, value), secret) in rows {
        let name = name.trim();
        if name.is_empty() && value.trim().is_empty() {
            continue;
        }
        let name: HeaderName = reading.take("headers", name.parse())?;
        let secret = secret || name.looks_secret();
        let asked = match value {
            HIDDEN => AskedHeader::Kept { secret },
            value => AskedHeader::New(reading.take("headers", HeaderValue::new(value, secret))?),
        };
        if headers.insert(name.clone(), asked).is_some() {
            reading
                .wrongs
                .add("headers", format!("{name} is named twice"));
        }
    }
    let most = Access::HEADERS_MAX;
    let few = (headers.len() <= most).then_some(headers);
    reading.take(
        "headers",
        few.ok_or(format!("expected at most {most} headers")),
    )
}

fn auth(reading: &mut Reading<'_>) -> Option<Option<AskedAuth>> {
    let form = reading.form;
    let (username, password) = (form.typed("auth_username"), form.typed("auth_password"));
    match (reading.text("auth"), form.typed("auth_token")) {
        ("" | "none", _) => Some(None),
        ("basic", _) if password == HIDDEN => {
            reading.take("auth_username", Auth::basic(username, ""))?;
            let username = username.to_owned();
            Some(Some(AskedAuth::BasicKept { username }))
        }
        // What is typed is what is sent: a password may begin or end with a space.
        ("basic", _) => {
            let auth = reading.take("auth_username", Auth::basic(username, password))?;
            Some(Some(AskedAuth::New(auth)))
        }
        ("bearer", HIDDEN) => Some(Some(AskedAuth::BearerKept)),
        ("bearer", token) => {
            let auth = reading.take("auth_token", Auth::bearer(token))?;
            Some(Some(AskedAuth::New(auth)))
        }
        _ => reading.take("auth", Err("expected one of the list")),
    }
}

fn tls(reading: &mut Reading<'_>) -> Option<Option<AskedTls>> {
    let ca_pem = pem(reading, "ca_pem")?;
    let cert_pem = pem(reading, "client_cert_pem")?;
    let key_pem = pem(reading, "client_key_pem")?;
    let client = match (cert_pem, key_pem) {
        (None, None) => None,
        (Some(cert_pem), Some(key)) => Some(AskedClient {
            cert_pem,
            key_pem: (key != HIDDEN).then(|| Secret::trusted(key)),
        }),
        (Some(_), None) => return reading.take("client_key_pem", Err(TOGETHER)),
        (None, Some(_)) => return reading.take("client_cert_pem", Err(TOGETHER)),
    };
    let any = ca_pem.is_some() || client.is_some();
    Some(any.then_some(AskedTls { ca_pem, client }))
}

const TOGETHER: &str = "the client's certificate and its key go together";

/// A text of lines, as it is kept: with one behind the last; none where it is empty.
fn pem(reading: &mut Reading<'_>, field: &str) -> Option<Option<String>> {
    let text = reading.lines(field);
    let most = TlsSettings::PEM_BYTES_MAX;
    match text.as_str() {
        "" => Some(None),
        HIDDEN => Some(Some(text)),
        _ if text.len() > most => {
            reading.take(field, Err(format!("expected at most {most} bytes")))
        }
        _ => Some(Some(text + "\n")),
    }
}

/// The fields of what there is.
pub(super) fn written(access: &Access) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    for (name, value) in &access.headers {
        let kind = if value.is_secret() { "secret" } else { "" };
        fields.push(("header_name", name.written().to_owned()));
        fields.push(("header_value", value.shown().to_owned()));
        fields.push(("header_kind", kind.to_owned()));
    }
    match &access.auth {
        None => fields.push(("auth", "none".to_owned())),
        Some(Auth::Basic { username, .. }) => fields.extend([
            ("auth", "basic".to_owned()),
            ("auth_username", username.clone()),
            ("auth_password", HIDDEN.to_owned()),
        ]),
        Some(Auth::Bearer(_)) => {
            fields.extend([
                ("auth", "bearer".to_owned()),
                ("auth_token", HIDDEN.to_owned()),
            ]);
        }
    }
    let tls = access.tls.as_ref();
    let client = tls.and_then(|tls| tls.client.as_ref());
    let ca = tls.and_then(|tls| tls.ca_pem.clone());
    fields.extend(ca.map(|pem| ("ca_pem", pem)));
    fields.extend(client.map(|client| ("client_cert_pem", client.cert_pem.clone())));
    fields.extend(client.map(|_| ("client_key_pem", HIDDEN.to_owned())));
    fields
}

/// What a form asks for, without what is so already: a certificate that has expired meanwhile
/// stands in the way of nothing else.
pub(super) fn changed(asked: AskedAccess, now: &Access) -> AskedAccess {
    let same = |asked: &AskedAccess| asked.clone().applied(now).ok();
    let Some(applied) = same(&asked) else {
        return asked;
    };
    let tls = |tls: &Option<TlsSettings>| {
        let tls = tls.clone()?;
        let lines = |pem: String| pem.replace("\r\n", "\n").trim().to_owned();
        let client = tls
            .client
            .map(|client| (lines(client.cert_pem), client.key_pem));
        let client = client.map(|(cert, key)| (cert, key.expose().trim().to_owned()));
        Some((tls.ca_pem.map(lines), client))
    };
    AskedAccess {
        headers: asked.headers.filter(|_| applied.headers != now.headers),
        auth: asked.auth.filter(|_| applied.auth != now.auth),
        tls: asked.tls.filter(|_| tls(&applied.tls) != tls(&now.tls)),
    }
}
