//! Signing in with a key.

use askama::Template;
use axum::{
    Router,
    body::Body,
    extract::State,
    response::{AppendHeaders, IntoResponse, Response},
    routing::get,
};
use http::header;

use crate::{Pages, fault::Fault, posted, query::Query, render};

pub(crate) fn routes() -> Router<Pages> {
    Router::new().route("/dashboard/sign-in", get(form).post(sign_in))
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Form {
    next: String,
    is_wrong: bool,
}

async fn form(query: Query) -> Result<Response, Fault> {
    render::page(&Form {
        next: next(&query),
        is_wrong: false,
    })
}

async fn sign_in(State(pages): State<Pages>, body: Body) -> Result<Response, Fault> {
    let fields = posted::read(body).await?;
    let key = fields.text("key").unwrap_or_default().trim();
    let Some(principal) = pages.engine.authenticate(key, None) else {
        return render::refused(&Form {
            next: next(&fields),
            is_wrong: true,
        });
    };
    let cookie = pages.sessions.open(principal).cookie();
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie)]);
    Ok((cookie, render::see(&next(&fields))).into_response())
}

/// The page that was wanted: one of ours, and no other site's.
fn next(query: &Query) -> String {
    let wanted = query.text("next").unwrap_or("/dashboard");
    let ours = wanted == "/dashboard" || wanted.starts_with("/dashboard/");
    if ours { wanted } else { "/dashboard" }.to_owned()
}
