//! What every answer tells a browser, should one see it: take it for nothing but what it says it
//! is, run nothing in it, frame it nowhere, and tell nobody where it came from.
//!
//! A page that needs more says so itself: its own policy stands.

use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

const HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The answer with these headers, where it does not have its own.
pub(crate) fn guarded(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// The answer with word that this host is to be asked over TLS alone, for a year.
pub(crate) fn over_tls(mut response: Response) -> Response {
    let year = HeaderValue::from_static("max-age=31536000");
    let headers = response.headers_mut();
    headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn a_policy_of_its_own_stands() {
        let own = HeaderValue::from_static("default-src 'self'");
        let mut page = Response::new(Body::empty());
        page.headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, own.clone());
        let page = guarded(page);
        let policies: Vec<_> = page
            .headers()
            .get_all(header::CONTENT_SECURITY_POLICY)
            .iter()
            .collect();
        assert_eq!(policies, [&own]);
        assert_eq!(page.headers()[header::REFERRER_POLICY], "no-referrer");
    }
}
