//! What a browser may do with a page: run our scripts, use our styles, ask this server, send forms
//! to it, and nothing else; keep nothing, and show it in no frame.

use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

/// Styles and scripts are files: neither stands within a page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 2] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::CACHE_CONTROL, "no-store"),
];

/// The answer with these headers, where it does not have its own.
pub(crate) async fn applied(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}
