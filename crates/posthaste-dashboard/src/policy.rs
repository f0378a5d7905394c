//! What a browser may do with a page: run our scripts, use our styles, ask this server, send forms
//! to it, and nothing else; keep nothing, and show it in no frame, unless a portal is to be framed.

use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

/// Styles and scripts are files: neither stands within a page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors ";
const NOBODY: &str = "'none'";
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// The answer with these headers, where it does not have its own.
pub(crate) async fn applied(mut response: Response) -> Response {
    let headers = response.headers_mut();
    // What may be framed says so by now.
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy(NOBODY));
        let deny = HeaderValue::from_static("DENY");
        headers.insert(header::X_FRAME_OPTIONS, deny);
    }
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "cookie"),
    ] {
        let value = HeaderValue::from_static(value);
        headers.entry(name).or_insert(value);
    }
    response
}

/// The answer with leave for pages of these origins to show it in a frame; a policy of its own
/// stands.
pub(crate) fn framed_by(mut response: Response, origins: &str) -> Response {
    let headers = response.headers_mut();
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy(origins));
        let anyone = HeaderValue::from_static("cross-origin");
        headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, anyone);
    }
    response
}

fn policy(framed_by: &str) -> HeaderValue {
    let written = format!("{POLICY}{framed_by}");
    HeaderValue::from_str(&written).expect("origins are visible ASCII")
}
