//! The OpenAPI document for people, without a key and without another host: one page and one
//! script, which is vendored (`assets/README.md`) and stored as it is sent, compressed.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, header};

const PAGE: &str = include_str!("../../assets/docs.html");
const SCRIPT: &[u8] = include_bytes!("../../assets/redoc-2.5.4.js.gz");
/// What the page may do: run its script, which writes its own styles, and read the document.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; \
     connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// This document, for people.
#[utoipa::path(
    get, path = "/docs", tag = "server", security(()),
    responses((status = 200, description = "A page", content((String = "text/html")))),
)]
pub(crate) async fn docs() -> Response {
    const HEADERS: [(HeaderName, &str); 2] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (HEADERS, PAGE).into_response()
}

/// Every browser takes it compressed, and nobody else has a use for it.
pub(crate) async fn script() -> Response {
    const HEADERS: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CONTENT_ENCODING, "gzip"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (HEADERS, SCRIPT).into_response()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_script_is_the_one_whose_sum_is_written_down() {
        let sum = HEXLOWER.encode(&Sha256::digest(SCRIPT));
        let sums = include_str!("../../assets/README.md");
        assert!(sums.contains(&sum), "{sum}");
    }

    #[test]
    fn the_page_names_no_other_host() {
        assert!(!PAGE.contains("//"), "{PAGE}");
    }
}
