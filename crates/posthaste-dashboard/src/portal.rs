//! The door of the portal: a link's token stands in the path, and is all that anyone shows. No cookie
//! is set or read, so that a frame in any browser, in another site's page, works as a window does.
//!
//! Nothing is changed by a page that a frame cannot carry: forms are under the same path, and other
//! sites do not know it.

use axum::{
    Router,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use http::{HeaderName, HeaderValue, header, request::Parts};
use posthaste::origin::Origin;
use posthaste_callers::Caller;
use posthaste_engine::{Engine, operations::Portal};
use posthaste_store::audit::Actor;

use crate::{Pages, fault::Fault, origin, path, policy, render, session::Token, telling, theme};

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
/// A picture of a stranger's: nothing within it runs, and it asks for nothing.
const LOGO_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
/// What is the same for as long as a link is.
const KEPT: &str = "private, max-age=300";

/// Someone who came through a link.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) portal: Portal,
    pub(crate) token: Token,
    caller: Caller,
}

impl Guest {
    /// The engine in their hands.
    pub(crate) fn engine(&self, pages: &Pages) -> Engine {
        let (address, request_id) = (self.caller.address, self.caller.request_id.clone());
        pages.engine.by(Actor {
            key: None,
            portal_link: Some(self.portal.link.id),
            address,
            request_id,
        })
    }

    pub(crate) fn base(&self) -> String {
        format!("/portal/{}", self.token.0)
    }
}

/// The look of a portal, beside its pages.
pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/theme.css", get(styles))
        .route("/logo", get(logo))
        .route("/{*path}", any(nothing_here))
}

/// Beside the portals: no link, or a page of one with a slash too many.
pub(crate) fn without_a_page() -> Router<Pages> {
    Router::new()
        .route("/portal", any(async || Fault::LinkEnded))
        .route("/portal/", any(async || Fault::LinkEnded))
        .route("/portal/{token}/", any(nothing_here))
}

/// Lets in whoever has a link that is good, and says whose pages may frame what they see. What says
/// that a link is not may be framed by all: there is nothing on it to be misled into.
pub(crate) async fn door(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let token = path::named(&mut parts, &pages, "token").await;
    let token = Token(token.unwrap_or_default());
    let portal = match pages.engine.portal(&token.0).await {
        Ok(Some(portal)) => portal,
        Ok(None) => {
            let ended = telling::outside(&Fault::LinkEnded, &parts.headers);
            return policy::framed_by(ended, "*");
        }
        Err(error) => return Fault::from(error).into_response(),
    };
    let tenant = pages.engine.tenant(&portal.link.tenant);
    let origins = tenant.map_or_else(Vec::new, |tenant| tenant.portal_origins);
    let guest = Guest {
        portal,
        token,
        caller: pages.options.callers.caller(&parts),
    };
    parts.extensions.insert(guest);
    let response = next.run(Request::from_parts(parts, body)).await;
    framed(response, &origins)
}

fn framed(response: Response, origins: &[Origin]) -> Response {
    if origins.is_empty() {
        return response;
    }
    let origins: Vec<_> = origins.iter().map(Origin::as_str).collect();
    policy::framed_by(response, &origins.join(" "))
}

async fn styles(axum::Extension(guest): axum::Extension<Guest>) -> Response {
    let accent = guest.portal.link.theme.accent;
    let styles = accent.map(theme::css).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, KEPT),
    ];
    (headers, styles).into_response()
}

async fn logo(axum::Extension(guest): axum::Extension<Guest>) -> Result<Response, Fault> {
    let logo = guest.portal.logo.ok_or(Fault::NotFound("logo"))?;
    let headers = [
        (header::CONTENT_TYPE, logo.media_type),
        (header::CACHE_CONTROL, KEPT),
        (header::CONTENT_SECURITY_POLICY, LOGO_POLICY),
    ];
    let mut response = (headers, logo.bytes).into_response();
    let own = HeaderValue::from_static("same-origin");
    response
        .headers_mut()
        .insert(CROSS_ORIGIN_RESOURCE_POLICY, own);
    Ok(response)
}

async fn nothing_here(parts: Parts) -> Result<Response, Fault> {
    let page = origin::without_slash(&parts);
    page.map(|page| render::see(&page))
        .ok_or(Fault::NotFound("page"))
}
