//! The outermost layer: every answer leaves with an `x-request-id`, also that of a panic, which
//! becomes a problem like any other.

use std::{
    any::Any,
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue};
use posthaste::chance::Chance;
use posthaste_callers::RequestId;
use tower::{Layer, Service};

use crate::problem::{Kind, Problem};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names requests.
#[derive(Clone)]
pub(crate) struct RequestIds(Arc<Chance>);

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Chance::from_system()))
    }

    /// Names a response that no request led to.
    pub(crate) fn name(&self, response: &mut Response) {
        response.headers_mut().insert(X_REQUEST_ID, self.next());
    }

    fn next(&self) -> HeaderValue {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bits = self.0.bits();
        let digit = |n: usize| DIGITS[(bits >> (60 - 4 * n) & 15) as usize];
        let text: [u8; 16] = std::array::from_fn(digit);
        HeaderValue::from_bytes(&text).expect("hexadecimal digits are visible ASCII")
    }
}

impl<S> Layer<S> for RequestIds {
    type Service = Named<S>;

    fn layer(&self, inner: S) -> Named<S> {
        let ids = self.clone();
        Named { ids, inner }
    }
}

#[derive(Clone)]
pub(crate) struct Named<S> {
    ids: RequestIds,
    inner: S,
}

impl<S> Service<Request> for Named<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let id = self.ids.next();
        request.extensions_mut().insert(RequestId(id.clone()));
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            let mut response = match answer.await {
                Ok(answer) => answer?,
                Err(panic) => after_panic(&id, &*panic),
            };
            response.headers_mut().insert(X_REQUEST_ID, id);
            Ok(response)
        })
    }
}

fn after_panic(id: &HeaderValue, panic: &(dyn Any + Send)) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("");
    tracing::error!(request_id = ?id, message, "request.panicked");
    let detail = "this request failed by our own fault; its id is in x-request-id";
    Problem::new(Kind::Internal, detail).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_problem_with_an_id() {
        let panics = tower::service_fn(|_: Request| async {
            assert!(std::hint::black_box(false), "as asked");
            Ok::<Response, Infallible>(Response::new(Body::empty()))
        });
        let named = RequestIds::new().layer(panics);
        let response = named.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()[X_REQUEST_ID].len(), 16);
    }
}
