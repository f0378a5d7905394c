//! The POST, as each version of HTTP wants it.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header::HOST};
use http_body_util::Full;

use super::{fault, identity::TlsIdentity};
use crate::{
    delivery::FailureClass,
    subscription::OwnHeader,
    transport::{Post, TransportError},
};

pub(super) type Body = Full<Bytes>;

/// What is to be sent, in a form that can be sent a second time.
pub(super) struct Outgoing<'a>(pub Post<'a>);

impl Outgoing<'_> {
    /// By what a connection may be shared: scheme, host and port; in front of them the TLS identity
    /// that it was opened with, and the tenant's list that its address was judged by.
    pub fn key(&self) -> Cow<'_, str> {
        let (post, origin) = (&self.0, self.0.url.origin());
        let identity = post.tls.map(TlsIdentity::digest);
        let list = post.denied.and_then(|denied| denied.mark());
        match (identity, list) {
            (None, None) => origin.into(),
            (identity, list) => {
                let or_none = |mark: Option<&str>| mark.unwrap_or("-").to_owned();
                format!("{} {} {origin}", or_none(identity), or_none(list)).into()
            }
        }
    }

    /// For HTTP/1.1: path and query on the request line, the host in a header.
    pub fn http1(&self) -> Result<Request<Body>, TransportError> {
        let mut headers = HeaderMap::with_capacity(self.count() + 2);
        headers.insert(HOST, value(self.0.url.authority())?);
        self.request(self.0.url.path_and_query(), headers)
    }

    /// For HTTP/2, which takes the host from the URI.
    pub fn http2(&self) -> Result<Request<Body>, TransportError> {
        let headers = HeaderMap::with_capacity(self.count() + 1);
        self.request(self.0.url.as_str(), headers)
    }

    fn count(&self) -> usize {
        self.0.headers.len() + self.0.own.len()
    }

    fn request(&self, uri: &str, headers: HeaderMap) -> Result<Request<Body>, TransportError> {
        let mut request = Request::new(Full::new(self.0.payload.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.parse::<Uri>().map_err(|_| unsendable("URL"))?;
        *request.headers_mut() = headers;
        for (name, text) in self.0.headers {
            request.headers_mut().append(named(name)?, value(text)?);
        }
        for own in self.0.own {
            request
                .headers_mut()
                .append(named(own.name.as_str())?, own_value(own)?);
        }
        Ok(request)
    }
}

fn named(name: &str) -> Result<HeaderName, TransportError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable("header name"))
}

/// HTTP/2 keeps what is secret out of its compression.
fn own_value(own: &OwnHeader) -> Result<HeaderValue, TransportError> {
    let mut value = value(own.value.expose())?;
    value.set_sensitive(own.value.is_secret());
    Ok(value)
}

fn value(text: &str) -> Result<HeaderValue, TransportError> {
    HeaderValue::from_str(text).map_err(|_| unsendable("header value"))
}

fn unsendable(what: &str) -> TransportError {
    let detail = format!("the request has a {what} that HTTP cannot carry");
    fault::error(FailureClass::Internal, detail)
}
