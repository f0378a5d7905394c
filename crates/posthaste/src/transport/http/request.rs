//! The POST, as each version of HTTP wants it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header::HOST};
use http_body_util::Full;

use super::fault;
use crate::{
    delivery::FailureClass,
    egress::TargetUrl,
    transport::{Headers, TransportError},
};

pub(super) type Body = Full<Bytes>;

/// What is to be sent, in a form that can be sent a second time.
pub(super) struct Outgoing<'a> {
    pub url: &'a TargetUrl,
    pub payload: Bytes,
    pub headers: &'a Headers,
}

impl Outgoing<'_> {
    /// For HTTP/1.1: path and query on the request line, the host in a header.
    pub fn http1(&self) -> Result<Request<Body>, TransportError> {
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 2);
        headers.insert(HOST, value(self.url.authority())?);
        self.request(self.url.path_and_query(), headers)
    }

    /// For HTTP/2, which takes the host from the URI.
    pub fn http2(&self) -> Result<Request<Body>, TransportError> {
        let headers = HeaderMap::with_capacity(self.headers.len() + 1);
        self.request(self.url.as_str(), headers)
    }

    fn request(&self, uri: &str, headers: HeaderMap) -> Result<Request<Body>, TransportError> {
        let mut request = Request::new(Full::new(self.payload.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.parse::<Uri>().map_err(|_| unsendable("URL"))?;
        *request.headers_mut() = headers;
        for (name, text) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            let name = name.map_err(|_| unsendable("header name"))?;
            request.headers_mut().append(name, value(text)?);
        }
        Ok(request)
    }
}

fn value(text: &str) -> Result<HeaderValue, TransportError> {
    HeaderValue::from_str(text).map_err(|_| unsendable("header value"))
}

fn unsendable(what: &str) -> TransportError {
    let detail = format!("the request has a {what} that HTTP cannot carry");
    fault::error(FailureClass::Internal, detail)
}
