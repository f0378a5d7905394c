//! Signing in: with a key, or with a link that is good once; and signing out.
//!
//! Each sign-in makes a token of its own: none that was there before is ever let in by it. The link
//! leads to a page with a button, since those who look at links before people do (chats, scanners)
//! follow them, and press nothing.

use askama::Template;
use axum::{
    Router,
    body::Body,
    extract::State,
    response::{AppendHeaders, IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use posthaste_callers::Caller;
use posthaste_engine::operations::Principal;

use crate::{
    Pages,
    fault::Fault,
    frame::Note,
    origin, path,
    posted::{self, Posted},
    query::Query,
    render, viewer,
    viewer::Operator,
};

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/dashboard/sign-in", get(form).post(sign_in))
        .route("/dashboard/sign-in/{token}", get(link).post(redeem))
        .route("/dashboard/sign-out", post(sign_out))
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Form {
    next: String,
    /// Why they are here, where that is not what they meant to do.
    note: Option<Note>,
    error: Option<&'static str>,
}

impl Form {
    fn new(next: String, error: Option<&'static str>) -> Self {
        let (_, query) = next.split_once('?').unwrap_or_default();
        let note = Query::parse(query).text("note").and_then(Note::coded);
        let note = note.filter(|note| *note == Note::Undone);
        Self { next, note, error }
    }
}

#[derive(Template)]
#[template(path = "sign_in_link.html")]
struct LinkForm {
    path: String,
    next: String,
}

/// Browsers name the origin of these pages' forms, so that another site's are told apart where there
/// is no token yet; they say no more of it than that.
fn named(mut response: Response) -> Response {
    let origin = HeaderValue::from_static("origin");
    let headers = response.headers_mut();
    headers.insert(header::REFERRER_POLICY, origin);
    response
}

/// In development, who looks from this machine is signed in; whoever has just signed out is not.
async fn form(State(pages): State<Pages>, parts: Parts, query: Query) -> Result<Response, Fault> {
    let (next, caller) = (next(&query), pages.options.callers.caller(&parts));
    let known = pages.cookie.token(&parts.headers);
    if let Some(token) = known
        && let Some(_) = pages.engine.session(&token.0, caller.address).await?
    {
        return Ok(render::see(&next));
    }
    let key = pages.options.own_key.as_ref();
    let by_itself = key.filter(|_| query.text("out").is_none() && origin::is_visit(&parts));
    if let Some(key) = by_itself.filter(|_| origin::is_at_home(&parts, &caller))
        && let Some(holder) = pages.engine.authenticate(key.expose(), caller.address)
    {
        return opened(&pages, &holder, &caller, &next).await;
    }
    render::page(&Form::new(next, None)).map(named)
}

async fn sign_in(State(pages): State<Pages>, parts: Parts, body: Body) -> Result<Response, Fault> {
    let caller = ours(&pages, &parts)?;
    let fields = posted::read(body).await?;
    let (next, key) = (next(&fields), fields.text("key").unwrap_or_default());
    match pages.engine.authenticate(key.trim(), caller.address) {
        Some(holder) => opened(&pages, &holder, &caller, &next).await,
        None => refused(&pages, &caller, next, "This key opens nothing here."),
    }
}

async fn link(parts: Parts, query: Query) -> Result<Response, Fault> {
    let (path, next) = (parts.uri.path().to_owned(), next(&query));
    render::page(&LinkForm { path, next }).map(named)
}

async fn redeem(
    State(pages): State<Pages>,
    mut parts: Parts,
    body: Body,
) -> Result<Response, Fault> {
    let caller = ours(&pages, &parts)?;
    let next = next(&posted::read(body).await?);
    let token = path::named(&mut parts, &pages, "token").await;
    let token = token.unwrap_or_default();
    match pages.engine.redeem(&token, caller.address).await? {
        Some(holder) => opened(&pages, &holder, &caller, &next).await,
        None => {
            let used = "This link was used, or is older than five minutes: ask for a new one.";
            refused(&pages, &caller, next, used)
        }
    }
}

async fn sign_out(
    State(pages): State<Pages>,
    operator: Operator,
    _: Posted,
) -> Result<Response, Fault> {
    let (token, holder) = (&operator.token.0, &operator.principal);
    operator.engine().close_session(token, holder).await?;
    let cookie = AppendHeaders([(header::SET_COOKIE, pages.cookie.cleared())]);
    Ok((cookie, render::see("/dashboard/sign-in?out=1")).into_response())
}

/// Who sends it, from one of our own pages.
fn ours(pages: &Pages, parts: &Parts) -> Result<Caller, Fault> {
    let headers: &HeaderMap = &parts.headers;
    match origin::is_own(headers, &pages.options.public_url, false) {
        true => Ok(pages.options.callers.caller(parts)),
        false => Err(Fault::Forged),
    }
}

async fn opened(
    pages: &Pages,
    holder: &Principal,
    caller: &Caller,
    next: &str,
) -> Result<Response, Fault> {
    let engine = viewer::acting(&pages.engine, holder, caller);
    let session = engine.open_session(holder).await?;
    let cookie = pages.cookie.set(session.token.expose());
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie)]);
    Ok((cookie, render::see(next)).into_response())
}

/// Counts with the wrong keys that the API is shown.
fn refused(
    pages: &Pages,
    caller: &Caller,
    next: String,
    why: &'static str,
) -> Result<Response, Fault> {
    let now = pages.engine.clock().elapsed();
    let Some(wait) = pages.options.callers.failed(caller, now) else {
        return render::refused(&Form::new(next, Some(why))).map(named);
    };
    let error = Some("Too many failed attempts from this address: try again later.");
    let form = Form::new(next, error);
    let mut response = render::with_status(StatusCode::TOO_MANY_REQUESTS, &form)?;
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    Ok(named(response))
}

/// The page that was wanted: one of ours, and no other site's.
fn next(query: &Query) -> String {
    let wanted = query.text("next").unwrap_or("/dashboard");
    let path = wanted.split('?').next().unwrap_or_default();
    let ours = path == "/dashboard" || path.starts_with("/dashboard/");
    let plain = wanted
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if ours && plain { wanted } else { "/dashboard" }.to_owned()
}
