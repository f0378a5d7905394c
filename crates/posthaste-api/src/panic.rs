//! A panic in a handler is a 500 for the one who asked, and no one else's affair: the connection and
//! the server go on. What it says is in the log alone, where the panic itself stands too.

use std::panic::AssertUnwindSafe;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

use crate::problem::{Kind, Problem};

/// Around every route.
pub(crate) async fn caught(request: Request, next: Next) -> Response {
    // The route, and not the path: in that a token may stand.
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answer.unwrap_or_else(|_| {
        let route = route.as_ref().map_or("", MatchedPath::as_str);
        tracing::error!(%method, route, "request.panicked");
        Problem::new(Kind::Internal, "a mistake of ours: it is in the log").into_response()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::{Router, body::Body, middleware::from_fn, routing::get};
    use http::StatusCode;
    use tower::ServiceExt;

    use super::*;

    fn ask(path: &str) -> Request {
        Request::get(path).body(Body::empty()).expect("a request")
    }

    #[tokio::test]
    async fn a_panic_in_a_handler_is_a_500_and_the_next_request_is_answered() {
        static HELD: Mutex<()> = Mutex::new(());
        let bug = async || -> &'static str {
            let _held = HELD.lock();
            panic!("with a secret in its message");
        };
        let routes = Router::new()
            .route("/bug", get(bug))
            .route("/fine", get(async || "fine"))
            .layer(from_fn(caught));
        let answer = routes
            .clone()
            .oneshot(ask("/bug"))
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(answer.into_body(), 4096).await;
        let body = String::from_utf8(body.expect("a body").to_vec()).expect("text");
        assert!(body.contains("/problems/internal"), "{body}");
        assert!(!body.contains("secret"), "{body}");
        let answer = routes.oneshot(ask("/fine")).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
    }
}
