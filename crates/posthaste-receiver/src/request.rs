//! Reading a request: just enough HTTP/1.1 to find where it ends.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::{io::AsyncReadExt, net::TcpStream};

/// Bytes of a head at most.
const HEAD_MAX: usize = 64 * 1024;

/// Bytes of a body at most: more than any batch.
const BODY_MAX: usize = 64 * 1024 * 1024;

/// A request's head, whole and raw.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub raw: Bytes,
    pub content_length: usize,
    pub expects_continue: bool,
    pub closes: bool,
}

impl Head {
    fn read(raw: &Bytes) -> io::Result<Self> {
        let mut head = Self {
            raw: raw.clone(),
            content_length: 0,
            expects_continue: false,
            closes: false,
        };
        for (name, value) in lines(raw) {
            match name {
                n if n.eq_ignore_ascii_case("content-length") => {
                    head.content_length = value.parse().map_err(|_| bad("content-length"))?;
                }
                n if n.eq_ignore_ascii_case("transfer-encoding") => {
                    return Err(bad(
                        "transfer-encoding: this receiver wants a content-length",
                    ));
                }
                n if n.eq_ignore_ascii_case("expect") => head.expects_continue = true,
                n if n.eq_ignore_ascii_case("connection") => {
                    head.closes = value.eq_ignore_ascii_case("close");
                }
                _ => {}
            }
        }
        if head.content_length > BODY_MAX {
            return Err(bad("content-length: too long"));
        }
        Ok(head)
    }

    pub fn path(&self) -> &str {
        path(&self.raw)
    }
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// The words of the request line: method, path, version.
fn request_line(raw: &[u8]) -> impl Iterator<Item = &str> {
    let line = raw.split(|&b| b == b'\r').next().unwrap_or_default();
    str::from_utf8(line).unwrap_or_default().split(' ')
}

pub(crate) fn method(raw: &[u8]) -> &str {
    request_line(raw).next().unwrap_or_default()
}

/// Path and query.
pub(crate) fn path(raw: &[u8]) -> &str {
    request_line(raw).nth(1).unwrap_or_default()
}

/// Header names and values in the order received; a line that is no text is left out.
pub(crate) fn lines(raw: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let lines = raw.split(|&b| b == b'\n').skip(1);
    lines.filter_map(|line| {
        let (name, value) = str::from_utf8(line).ok()?.split_once(':')?;
        Some((name, value.trim()))
    })
}

/// The next head on a connection; nothing where it has ended between two requests.
pub(crate) async fn head(stream: &mut TcpStream, buf: &mut BytesMut) -> io::Result<Option<Head>> {
    let mut searched = 0;
    loop {
        if let Some(at) = find_end(&buf[searched..]) {
            let raw = buf.split_to(searched + at).freeze();
            return Head::read(&raw).map(Some);
        }
        searched = buf.len().saturating_sub(3);
        if buf.len() > HEAD_MAX {
            return Err(bad("head: too long"));
        }
        buf.reserve(4096);
        if stream.read_buf(buf).await? == 0 {
            let clean = buf.is_empty();
            return if clean {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

fn find_end(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at + 4)
}

/// The first `length` bytes of a body.
pub(crate) async fn body(
    stream: &mut TcpStream,
    buf: &mut BytesMut,
    length: usize,
) -> io::Result<Bytes> {
    buf.reserve(length.saturating_sub(buf.len()));
    while buf.len() < length {
        if stream.read_buf(buf).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(buf.split_to(length).freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &[u8] =
        b"POST /a?b=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nX-A:  b:c \r\n\r\n";

    #[test]
    fn a_head_gives_its_parts_in_order() {
        let head = Head::read(&Bytes::from_static(RAW)).unwrap();
        assert_eq!((method(RAW), head.path()), ("POST", "/a?b=1"));
        assert_eq!(head.content_length, 12);
        let headers: Vec<_> = lines(RAW).collect();
        assert_eq!(
            headers,
            [("Host", "x"), ("Content-Length", "12"), ("X-A", "b:c")]
        );
    }

    #[test]
    fn a_length_that_cannot_be_kept_is_refused() {
        for line in [
            "content-length: x",
            "content-length: 99999999999",
            "transfer-encoding: chunked",
        ] {
            let raw = format!("POST / HTTP/1.1\r\n{line}\r\n\r\n");
            assert!(Head::read(&raw.into()).is_err(), "{line}");
        }
    }
}
