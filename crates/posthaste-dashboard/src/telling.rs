//! How someone is told that there is no page: in the frame of those that they may see, so that they
//! can go on from there.
//!
//! What an open page asks for by itself is answered so that a page about something else never stands
//! in its place: who has to sign in again does so with the whole page.

use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, header, request::Parts};
use url::{Position, Url};

use crate::{
    Pages,
    fault::{self, Fault},
    frame::Frame,
    platform::Platform,
    viewer::{Operator, Viewer},
};

const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
const HX_CURRENT_URL: HeaderName = HeaderName::from_static("hx-current-url");
const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");
const HX_REFRESH: HeaderName = HeaderName::from_static("hx-refresh");

/// Stands around every page, behind the portal's door.
pub(crate) async fn told(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut asked = parts.clone();
    let response = next.run(Request::from_parts(parts, body)).await;
    match response.extensions().get::<Fault>().cloned() {
        Some(fault) => tell(&fault, &mut asked, &pages).await,
        None => response,
    }
}

async fn tell(fault: &Fault, asked: &mut Parts, pages: &Pages) -> Response {
    let is_page = matches!(Asking::of(&asked.headers), Asking::Person);
    if is_page
        && !fault.is_outside()
        && let Some(frame) = frame(fault.title(), asked, pages).await
    {
        return fault.framed(frame);
    }
    outside(fault, &asked.headers)
}

/// For someone who is not let in, or a script: there is nothing to go on to.
pub(crate) fn outside(fault: &Fault, asked: &HeaderMap) -> Response {
    let status = fault.status();
    match (Asking::of(asked), fault) {
        (Asking::Person, _) => fault.clone().into_response(),
        (Asking::Page, Fault::SignIn { .. }) => {
            let sign_in = fault::sign_in(&opened(asked));
            (status, [(HX_REDIRECT, sign_in)]).into_response()
        }
        (Asking::Page, Fault::LinkEnded) => (status, [(HX_REFRESH, "true")]).into_response(),
        (Asking::Page | Asking::Script, _) => status.into_response(),
    }
}

/// Who asks, as far as the answer depends on it.
enum Asking {
    /// Whatever comes is shown.
    Person,
    /// An open page, for a piece of it (htmx).
    Page,
    /// For what is no page: a stream, figures.
    Script,
}

impl Asking {
    fn of(headers: &HeaderMap) -> Self {
        let accepted = headers
            .get(header::ACCEPT)
            .and_then(|kinds| kinds.to_str().ok());
        let any_page = |kinds: &str| kinds.contains("text/html") || kinds.contains("*/*");
        match headers.contains_key(HX_REQUEST) {
            true => Self::Page,
            false if accepted.is_none_or(any_page) => Self::Person,
            false => Self::Script,
        }
    }
}

/// The path of the page that asks, whatever host it says that it is on.
fn opened(headers: &HeaderMap) -> String {
    let page = headers
        .get(HX_CURRENT_URL)
        .and_then(|url| url.to_str().ok());
    let page = page.and_then(|url| Url::parse(url).ok());
    page.map_or_else(
        || "/dashboard".to_owned(),
        |url| url[Position::BeforePath..Position::AfterQuery].to_owned(),
    )
}

/// Of the pages that were asked for, else of those that whoever asked comes to first.
async fn frame(title: &str, asked: &mut Parts, pages: &Pages) -> Option<Frame> {
    if let Ok(viewer) = Viewer::from_request_parts(asked, pages).await {
        return Some(viewer.frame(title, None));
    }
    if let Ok(platform) = Platform::from_request_parts(asked, pages).await {
        return Some(platform.frame(title, None));
    }
    let operator = Operator::from_request_parts(asked, pages).await.ok()?;
    Some(operator.at_home().frame(title, None))
}
