//! The server's refusals, made readable.

use std::{fmt, time::Duration};

use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

/// An RFC 9457 problem.
#[derive(Clone, Debug)]
pub struct Problem {
    pub status: StatusCode,
    pub retry_after: Option<Duration>,
    pub wire: Wire,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wire {
    title: String,
    detail: String,
    required_scope: Option<String>,
    errors: Vec<FieldError>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct FieldError {
    pointer: String,
    code: String,
    detail: String,
}

impl Problem {
    /// Whatever the body is, there is something to say.
    pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let retry_after = headers.get(header::RETRY_AFTER);
        let seconds = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            status,
            retry_after: seconds.map(Duration::from_secs),
            wire: serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    /// Whether the same call may be made again later.
    pub fn is_passing(&self) -> bool {
        matches!(self.status.as_u16(), 408 | 429 | 502..=504)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.status.canonical_reason().unwrap_or("refused");
        let Wire {
            title,
            detail,
            required_scope,
            errors,
        } = &self.wire;
        let title = if title.is_empty() { reason } else { title };
        write!(f, "{title} ({})", self.status.as_u16())?;
        if !detail.is_empty() && detail != title {
            write!(f, ": {detail}")?;
        }
        if let Some(scope) = required_scope {
            write!(f, "\n  the key lacks the scope {scope}")?;
        }
        if self.status == StatusCode::UNAUTHORIZED {
            write!(f, "\n  give a key with --key or POSTHASTE_KEY")?;
        }
        errors.iter().try_for_each(|error| error.fmt(f))
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() {
            "/"
        } else {
            &self.pointer
        };
        let detail = if self.detail.is_empty() {
            &self.code
        } else {
            &self.detail
        };
        write!(f, "\n  {pointer}  {detail}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, shown: &str) {
        let status = StatusCode::from_u16(status).unwrap();
        let problem = Problem::read(status, &HeaderMap::new(), body.as_bytes());
        assert_eq!(problem.to_string(), shown);
    }

    #[test]
    fn a_problem_shows_title_detail_and_fields() {
        check(
            422,
            r#"{"title":"Invalid","status":422,"detail":"2 fields","errors":[{"pointer":"/type","code":"x","detail":"no such type"}]}"#,
            "Invalid (422): 2 fields\n  /type  no such type",
        );
        check(502, "<html>", "Bad Gateway (502)");
        check(
            403,
            r#"{"title":"Forbidden","required_scope":"events:read"}"#,
            "Forbidden (403)\n  the key lacks the scope events:read",
        );
    }
}
