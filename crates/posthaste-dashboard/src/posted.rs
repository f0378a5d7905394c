//! A form that was sent from one of our own pages, by whoever had that page: nothing is changed
//! for another site's form.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Request},
};
use http_body_util::{BodyExt, Limited};

use crate::{Pages, fault::Fault, origin, query::Query, viewer::Who};

const BYTES_MAX: usize = 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(30);

/// The header that stands for the field `csrf` where a script sends.
const X_CSRF: &str = "x-csrf";

/// A form's fields.
pub(crate) struct Posted(Query);

impl std::ops::Deref for Posted {
    type Target = Query;

    fn deref(&self) -> &Query {
        &self.0
    }
}

impl FromRequest<Pages> for Posted {
    type Rejection = Fault;

    async fn from_request(request: Request, pages: &Pages) -> Result<Self, Fault> {
        let (mut parts, body) = request.into_parts();
        let who = Who::from_request_parts(&mut parts, pages).await?;
        // Our pages tell nobody where they are, so that a form of theirs may come from nowhere.
        if !origin::is_own(&parts.headers, &pages.options.public_url, true) {
            return Err(Fault::Forged);
        }
        let header = parts
            .headers
            .get(X_CSRF)
            .and_then(|csrf| csrf.to_str().ok());
        let fields = read(body).await?;
        let shown = header.or(fields.text("csrf")).unwrap_or_default();
        match who.token().is_shown(shown) {
            true => Ok(Self(fields)),
            false => Err(Fault::Forged),
        }
    }
}

/// The fields of a body, whoever sent it.
pub(crate) async fn read(body: Body) -> Result<Query, Fault> {
    let whole = Limited::new(body, BYTES_MAX).collect();
    let whole = tokio::time::timeout(DEADLINE, whole).await;
    let whole = whole.map_err(|_| Fault::TooLate)?;
    let bytes = whole.map_err(|_| Fault::TooLarge)?.to_bytes();
    Query::sent(&bytes)
}
