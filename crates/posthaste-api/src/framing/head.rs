//! A request's head: its bounds, its grammar, and what it says about the body behind it.

use http::Uri;

use super::{Fault, Framing, chunks::Chunks};

/// The largest head, its last empty line included.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The longest request line, without its end.
const LINE_BYTES_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 100;

/// How far a head was looked at; its bytes stay with whoever reads.
#[derive(Debug, Default)]
pub(crate) struct Head {
    /// Where the line begins that has no end yet.
    line: usize,
    /// What is before it has no line end in this line.
    seen: usize,
    /// The end of the request line.
    request_line: Option<usize>,
}

impl Head {
    /// The length of the head and what follows it, once all of it is there.
    pub(super) fn read(&mut self, came: &[u8]) -> Result<Option<(usize, Framing)>, Fault> {
        while let Some(feed) = came[self.seen..].iter().position(|&byte| byte == b'\n') {
            let end = self.seen + feed;
            let line = came[self.line..end].strip_suffix(b"\r");
            let line = line.ok_or(Fault::Malformed)?;
            self.bounds(end + 1, line.len())?;
            match (line.is_empty(), self.request_line) {
                (true, Some(first)) => return heading(came, first, end + 1).map(Some),
                // Empty lines may stand before a request.
                (true, None) => {}
                (false, None) => self.request_line = Some(request_line(line, end + 1)?),
                (false, Some(_)) => {}
            }
            (self.line, self.seen) = (end + 1, end + 1);
        }
        self.seen = came.len();
        let line = &came[self.line..];
        self.bounds(came.len(), line.strip_suffix(b"\r").unwrap_or(line).len())?;
        Ok(None)
    }

    fn bounds(&self, head: usize, line: usize) -> Result<(), Fault> {
        if self.request_line.is_none() && line > LINE_BYTES_MAX {
            return Err(Fault::LineTooLong);
        }
        match head > HEAD_BYTES_MAX {
            true => Err(Fault::HeadTooLarge),
            false => Ok(()),
        }
    }
}

/// Where the headers begin, if this is a line to ask with.
fn request_line(line: &[u8], end: usize) -> Result<usize, Fault> {
    let mut parts = line.split(|&byte| byte == b' ');
    let (method, target, version) = (parts.next(), parts.next(), parts.next());
    let method = method.is_some_and(is_token);
    let target = target.is_some_and(|target| Uri::try_from(target).is_ok());
    let version = matches!(version, Some(b"HTTP/1.1" | b"HTTP/1.0"));
    match method && target && version && parts.next().is_none() {
        true => Ok(end),
        false => Err(Fault::Malformed),
    }
}

/// What the headers say about each other and about the body.
#[derive(Default)]
struct Said {
    headers: usize,
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
}

fn heading(head: &[u8], first: usize, end: usize) -> Result<(usize, Framing), Fault> {
    let is_newer = head[..first].ends_with(b"HTTP/1.1\r\n");
    let lines = head[first..end - 2].split(|&byte| byte == b'\n');
    let mut said = Said::default();
    for line in lines.filter_map(|line| line.strip_suffix(b"\r")) {
        said.header(line)?;
    }
    if said.headers > HEADERS_MAX {
        return Err(Fault::HeadTooLarge);
    }
    let hosts = said.hosts <= 1 && (said.hosts == 1 || !is_newer);
    let next = match (said.length, said.chunked) {
        (None | Some(0), false) => Framing::new(),
        (Some(left), false) => Framing::Body { left },
        (None, true) if is_newer => Framing::Chunks(Chunks::default()),
        (_, true) => return Err(Fault::Malformed),
    };
    match hosts {
        true => Ok((end, next)),
        false => Err(Fault::Malformed),
    }
}

impl Said {
    fn header(&mut self, line: &[u8]) -> Result<(), Fault> {
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = line.split_at(colon.ok_or(Fault::Malformed)?);
        if !is_token(name) || !value.iter().all(|&byte| is_text(byte)) {
            return Err(Fault::Malformed);
        }
        let value = value[1..].trim_ascii();
        self.headers += 1;
        if name.eq_ignore_ascii_case(b"host") {
            self.hosts += 1;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let before = self.length.replace(length(value)?);
            return before.map_or(Ok(()), |_| Err(Fault::Malformed));
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let again = std::mem::replace(&mut self.chunked, true);
            if again || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Fault::Malformed);
            }
        }
        Ok(())
    }
}

/// Decimal digits alone.
fn length(value: &[u8]) -> Result<u64, Fault> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(value).ok().filter(|_| digits);
    text.and_then(|text| text.parse().ok())
        .ok_or(Fault::Malformed)
}

fn is_token(name: &[u8]) -> bool {
    let of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty() && name.iter().all(of_token)
}

/// What may stand in a header's value.
pub(super) fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
