//! A plain HTTP/1.1 client over a socket: it can also send what no library would.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

use serde_json::Value;

use crate::wait::SOON;

/// One response, its header names in lower case.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The JSON of an answer that has to have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() {
            return Value::Null;
        }
        self.json()
    }

    /// The slug of a problem.
    #[track_caller]
    pub fn problem(&self) -> String {
        let problem = self.json();
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(problem["status"], self.status, "{problem}");
        for member in ["title", "detail"] {
            assert!(problem[member].is_string(), "{member} in {problem}");
        }
        let slug = problem["type"].as_str().unwrap_or_default();
        slug.trim_start_matches("/problems/").to_owned()
    }
}

/// A connection that is kept.
pub struct Wire(BufReader<TcpStream>);

impl Wire {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.set_write_timeout(Some(SOON))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    pub fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.0.get_mut().write_all(request)?;
        self.answer()
    }

    /// Writes as much as the other side takes: it may answer, and hang up, before the end.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).ok();
    }

    pub fn answer(&mut self) -> io::Result<Answer> {
        let mut answer = self.head()?;
        answer.body = self.body(&answer)?;
        Ok(answer)
    }

    /// The head of an answer whose body may have no end.
    pub fn head(&mut self) -> io::Result<Answer> {
        let status_line = self.line()?;
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|text| text.parse().ok());
        let status =
            status.ok_or_else(|| io::Error::other(format!("no status: {status_line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Answer {
            status,
            headers,
            body: Vec::new(),
        })
    }

    /// Whether what is being answered ends, within a time that is shorter than a stream's silence.
    pub fn ends_soon(&mut self) -> bool {
        let patience = Some(std::time::Duration::from_secs(8));
        self.0.get_ref().set_read_timeout(patience).ok();
        self.chunks().is_ok()
    }

    /// The first line of an answer that may have no end.
    pub fn first_line(&mut self) -> io::Result<String> {
        self.line()
    }

    /// Whether the other side has hung up, once it has said all.
    pub fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn body(&mut self, answer: &Answer) -> io::Result<Vec<u8>> {
        if answer.header("transfer-encoding") == Some("chunked") {
            return self.chunks();
        }
        let length = answer
            .header("content-length")
            .and_then(|text| text.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body)?;
        Ok(body)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(&self.line()?, 16).map_err(io::Error::other)?;
            let mut chunk = vec![0; size + 2];
            self.0.read_exact(&mut chunk)?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Ok(body);
            }
        }
    }
}

/// One who speaks to a server: with a key, for a tenant, or with neither.
#[derive(Clone, Debug)]
pub struct Client {
    pub address: SocketAddr,
    headers: Vec<(String, String)>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            headers: Vec::new(),
        }
    }

    /// The same with one more header.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    pub fn with_key(&self, key: &str) -> Self {
        self.with("authorization", &format!("Bearer {key}"))
    }

    pub fn head(&self, method: &str, path: &str) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head
    }

    /// The bytes of a request with a JSON body, unless a content type was chosen.
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let mut head = self.head(method, path);
        let chosen = |(name, _): &(String, String)| name == "content-type";
        if !body.is_empty() && !self.headers.iter().any(chosen) {
            head.push_str("content-type: application/json\r\n");
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        [head.as_bytes(), body].concat()
    }

    #[track_caller]
    pub fn send(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.raw(&self.request(method, path, body))
    }

    /// Sends these very bytes and reads one answer, which may come before they are all taken.
    #[track_caller]
    pub fn raw(&self, bytes: &[u8]) -> Answer {
        let mut wire = Wire::open(self.address).expect("the server accepts connections");
        wire.push(bytes);
        wire.answer().expect("the server answers")
    }
}
