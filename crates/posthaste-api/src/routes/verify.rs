//! `POST /verify`: the server-side check of a signature, for receivers that want a second opinion.

use std::collections::BTreeMap;

use axum::{extract::State, response::Response};
use http::StatusCode;
use posthaste::signature::{Scheme, XWebhookHash, explain, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Api, answer,
    body::JsonText,
    parameters::Parameters,
    principal::{AnyKey, Authorized},
    problem::Problem,
    values::{Fault, Read, named, text},
};

/// A request as a receiver got it.
#[derive(ToSchema)]
#[schema(as = Verification)]
#[allow(dead_code)] // the document's shape
pub(crate) struct VerifyShape {
    /// `standard`, `pt` or `x-webhook`.
    scheme: String,
    secret: String,
    headers: BTreeMap<String, String>,
    /// The body's text, exactly.
    body: String,
}

/// Whether it verifies.
#[derive(Serialize, ToSchema)]
#[schema(as = Verified)]
pub(crate) struct VerifyView {
    valid: bool,
    /// Why not, and behind `; ` what would explain it, where that can be told.
    reason: Option<String>,
}

/// Check a signature.
#[utoipa::path(
    post, path = "/api/v1/webhooks/verify", tag = "verify",
    request_body = VerifyShape,
    responses((status = 200, description = "Whether it verifies, and why not", body = VerifyView)),
)]
pub(crate) async fn verify_signature(
    _: Authorized<AnyKey>,
    State(api): State<Api>,
    parameters: Parameters,
    body: JsonText,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let mut fields = body.fields(&["scheme", "secret", "headers", "body"])?;
    let known = named("invalid_scheme", "expected standard, pt or x-webhook");
    let scheme = fields.required("scheme", known);
    let secret = fields.required("secret", text);
    let headers = fields.required("headers", headers);
    let sent = fields.required("body", text);
    fields.finish()?;
    let (Some(scheme), Some(secret), Some(headers), Some(sent)) = (scheme, secret, headers, sent)
    else {
        unreachable!("no fault, so all were there");
    };
    let hash = hash(scheme, &headers);
    let now = api.engine.clock().wall();
    let result = explain(scheme, hash, &secret, &headers, sent.as_bytes(), now);
    let view = VerifyView {
        valid: result.is_ok(),
        reason: result.err().map(|why| why.to_string()),
    };
    Ok(answer::json(StatusCode::OK, &view))
}

fn headers(raw: &str) -> Read<Vec<(String, String)>> {
    let headers: BTreeMap<String, String> = serde_json::from_str(raw)
        .map_err(|_| Fault::new("type", "expected an object of names and text"))?;
    Ok(headers.into_iter().collect())
}

/// The hash that the signature itself names.
fn hash(scheme: Scheme, headers: &[(String, String)]) -> XWebhookHash {
    let own = |name: &str| name.eq_ignore_ascii_case(header::X_WEBHOOK_SIGNATURE);
    let sha512 = headers
        .iter()
        .any(|(name, value)| own(name) && value.starts_with("sha512="));
    match scheme {
        Scheme::XWebhook if sha512 => XWebhookHash::Sha512,
        Scheme::XWebhook | Scheme::Standard | Scheme::Pt => XWebhookHash::Sha256,
    }
}
