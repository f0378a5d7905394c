//! `ANY /inbox/{token}`: what comes to an inbox, from anyone. No key, no method and no type is asked
//! for; a request is kept as it came and answered as its inbox says.
//!
//! The answer comes from this server's own origin, so a browser is told to run nothing of it.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use posthaste_engine::inboxes::{BODY_READ, Incoming, Incomplete, NotReceived, PATH, Reply};
use posthaste_store::inbox::Via;

use crate::{
    Api,
    problem::{Kind, Problem},
    sse::Draining,
};

/// Bodies that are read at once; more wait within their deadline.
pub(crate) const READ_AT_ONCE: usize = 128;
/// No page of an origin that also has a dashboard.
const POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// Send something to an inbox: by any method, to any path below it.
#[utoipa::path(
    post, path = "/inbox/{token}", tag = "inboxes", security(()),
    params(("token" = String, Path, description = "out of the inbox's `url`")),
    request_body(content = String, content_type = "*/*"),
    responses(
        (status = "default", description = "What the inbox is set to answer; 200 unless it is"),
        (status = 404, description = "There is no such inbox", body = crate::problem::ProblemView<'static>, content_type = "application/problem+json"),
        (status = 413, description = "The body is over 2 MiB; its beginning is kept"),
        (status = 429, description = "The inbox takes no more for now", body = crate::problem::ProblemView<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn receive(
    State(api): State<Api>,
    draining: Draining,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (token, path) = token_and_path(&parts);
    let place = api.engine.enter_inbox(token)?;
    let (body, incomplete) = read(&api, body).await;
    let incoming = Incoming {
        method: parts.method.to_string(),
        path: path.to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: headers(&parts.headers),
        via: Via::Network(api.options.callers.caller(&parts).address),
        body,
        incomplete,
    };
    let reply = place.keep(incoming).await?;
    wait(reply.delay, draining).await;
    Ok(answered(reply, incomplete.is_some()))
}

/// As they were written: nothing is decoded.
fn token_and_path(parts: &Parts) -> (&str, &str) {
    let below = parts.uri.path().strip_prefix(PATH).unwrap_or_default();
    let end = below.find('/').unwrap_or(below.len());
    below.split_at(end)
}

/// As they came, but for cookies: a browser that is led here sends those of this server's pages, and
/// who reads an inbox would be signed in with them.
fn headers(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let told = |name: &HeaderName, value: &HeaderValue| match *name {
        header::COOKIE => b"***".to_vec(),
        _ => value.as_bytes().to_vec(),
    };
    let all = headers.iter();
    all.map(|(name, value)| (name.as_str().to_owned(), told(name, value)))
        .collect()
}

/// As much of a body as is read, and why no more.
async fn read(api: &Api, mut body: Body) -> (Bytes, Option<Incomplete>) {
    let mut read = BytesMut::new();
    let whole = async {
        let _turn = api.inbox_bodies.acquire().await.ok();
        collect(&mut body, &mut read).await
    };
    let ended = tokio::time::timeout(api.options.body_deadline, whole).await;
    let incomplete = ended.unwrap_or(Some(Incomplete::TooLate));
    (read.freeze(), incomplete)
}

async fn collect(body: &mut Body, read: &mut BytesMut) -> Option<Incomplete> {
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Some(Incomplete::BrokenOff);
        };
        let data = frame.into_data().unwrap_or_default();
        let room = BODY_READ - read.len();
        read.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Some(Incomplete::TooLarge);
        }
    }
    None
}

/// The answer's delay, cut short when the server stops.
async fn wait(delay: Duration, mut draining: Draining) {
    tokio::time::timeout(delay, draining.begun()).await.ok();
}

fn answered(reply: Reply, closes: bool) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let without_body = matches!(reply.status, 204 | 205 | 304);
    let mut response = match without_body {
        true => status.into_response(),
        false => (status, reply.body).into_response(),
    };
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if !without_body {
        let form = HeaderValue::from_static(reply.content_type.as_str());
        headers.insert(header::CONTENT_TYPE, form);
    }
    if let Some(seconds) = reply.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if closes {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl From<NotReceived> for Problem {
    fn from(error: NotReceived) -> Self {
        match error {
            NotReceived::NoInbox => Self::not_found("inbox"),
            NotReceived::TooMany { retry_after } => {
                let detail = "the inbox takes no more for now; nothing was kept";
                Self::new(Kind::RateLimited, detail).retry_after(retry_after)
            }
            NotReceived::Storage(error) => error.into(),
        }
    }
}
