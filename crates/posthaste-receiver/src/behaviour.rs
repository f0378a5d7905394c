//! What a receiver does to a request, well or badly.

use std::{str::FromStr, time::Duration};

use bytes::Bytes;

/// What happens to one request.
#[derive(Clone, Debug, PartialEq)]
pub enum Behaviour {
    Answer(Reply),
    /// Reads the request and never answers.
    Hang,
    /// Accepts the connection and reads nothing.
    HangBeforeRead,
    /// Resets the connection: with the request unread, with half of its body read, or with all.
    ResetBeforeRead,
    ResetDuringBody,
    ResetAfterBody,
    /// Reads the request and closes without an answer.
    CloseEarly,
    /// A 200, then the connection is reset in the middle of its body.
    ResetAnswer,
    /// A 200 whose body comes a few bytes at a time, for ever.
    Trickle {
        bytes: usize,
        every: Duration,
    },
    /// A 200 whose body stops half-way, on an open connection.
    StallBody,
    Redirect {
        status: u16,
        to: String,
    },
    /// A 200 with a body of that many bytes.
    HugeBody {
        bytes: usize,
    },
    /// A 200 with a head of at least that many bytes.
    HugeHead {
        bytes: usize,
    },
    /// Interim answers (103) without end.
    Endless1xx,
    /// Bytes that are no HTTP.
    Garbage,
    /// An answer as before HTTP/1.0: a body without a head.
    Http09,
    /// A 200, and where its first header would stand, the status line of a 500.
    TwoStatusLines,
    /// Ends its half of the connection without an answer, and keeps the other open.
    HalfClose,
    /// A 200, and then the end of a connection that was to be kept.
    AnswerAndClose,
    /// A 200 with two bytes of a body that was said to have a hundred, then the end.
    WrongLength,
    /// A status for a share of the requests, 200 for the others; the same ones for the same seed.
    FailShare {
        share: f64,
        status: u16,
        seed: u64,
    },
}

/// A proper answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// How long it takes to come.
    pub delay: Duration,
}

impl Reply {
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            delay: Duration::ZERO,
        }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self { body, ..self }
    }

    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

impl From<Reply> for Behaviour {
    fn from(reply: Reply) -> Self {
        Self::Answer(reply)
    }
}

impl Behaviour {
    /// An answer with this status and nothing else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Answer(Reply::status(status))
    }

    /// Whether it is done before anything of the request is read.
    #[must_use]
    pub fn is_before_read(&self) -> bool {
        matches!(self, Self::HangBeforeRead | Self::ResetBeforeRead)
    }
}

/// Not a behaviour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BehaviourError {
    #[error(
        "unknown behaviour {0:?}; there are: status=503 delay=200ms body=TEXT header=NAME:VALUE \
             redirect=302:URL fail=SHARE[:STATUS[:SEED]] trickle=BYTES/TIME huge-body=BYTES \
             huge-head=BYTES hang hang-before-read reset-before-read reset-during-body \
             reset-after-body close-early half-close reset-answer answer-and-close stall-body \
             endless-1xx garbage http-0.9 two-status-lines wrong-length, and script=500,hang,200"
    )]
    Unknown(String),
    #[error("{name}={value:?} is not {expected}")]
    Value {
        name: &'static str,
        value: String,
        expected: &'static str,
    },
    #[error("{0:?} does not go together with an answer's status, delay, header or body")]
    Mixed(String),
}

/// One behaviour: a word (`hang`), a setting (`huge-body=1000000`), or the settings of an answer
/// with commas between (`delay=200ms,status=200`).
impl FromStr for Behaviour {
    type Err = BehaviourError;

    fn from_str(text: &str) -> Result<Self, BehaviourError> {
        if let Some(word) = word(text) {
            return Ok(word);
        }
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        match name {
            "redirect" => redirect(value),
            "fail" => fail(value),
            "trickle" => trickle(value),
            "huge-body" => bytes("huge-body", value).map(|bytes| Self::HugeBody { bytes }),
            "huge-head" => bytes("huge-head", value).map(|bytes| Self::HugeHead { bytes }),
            _ => reply(text).map(Self::Answer),
        }
    }
}

fn word(text: &str) -> Option<Behaviour> {
    Some(match text {
        "hang" => Behaviour::Hang,
        "hang-before-read" => Behaviour::HangBeforeRead,
        "reset-before-read" => Behaviour::ResetBeforeRead,
        "reset-during-body" => Behaviour::ResetDuringBody,
        "reset-after-body" => Behaviour::ResetAfterBody,
        "close-early" => Behaviour::CloseEarly,
        "reset-answer" => Behaviour::ResetAnswer,
        "stall-body" => Behaviour::StallBody,
        "endless-1xx" => Behaviour::Endless1xx,
        "garbage" => Behaviour::Garbage,
        "http-0.9" => Behaviour::Http09,
        "two-status-lines" => Behaviour::TwoStatusLines,
        "half-close" => Behaviour::HalfClose,
        "answer-and-close" => Behaviour::AnswerAndClose,
        "wrong-length" => Behaviour::WrongLength,
        _ => return None,
    })
}

fn reply(text: &str) -> Result<Reply, BehaviourError> {
    let mut reply = Reply::status(200);
    for setting in text.split(',') {
        let unknown = || match word(setting) {
            Some(_) => BehaviourError::Mixed(setting.to_owned()),
            None => BehaviourError::Unknown(setting.to_owned()),
        };
        let (name, value) = setting.split_once('=').ok_or_else(unknown)?;
        reply = match name {
            "status" => Reply {
                status: status("status", value)?,
                ..reply
            },
            "delay" => reply.after(duration("delay", value)?),
            "body" => reply.body(value.to_owned()),
            "header" => {
                let expected = "NAME:VALUE";
                let (name, value) = value
                    .split_once(':')
                    .ok_or_else(|| wrong("header", value, expected))?;
                reply.header(name.trim(), value.trim())
            }
            _ => return Err(unknown()),
        };
    }
    Ok(reply)
}

fn redirect(value: &str) -> Result<Behaviour, BehaviourError> {
    let (code, to) = value.split_once(':').ok_or_else(|| {
        wrong(
            "redirect",
            value,
            "STATUS:URL, such as 302:http://example.com/",
        )
    })?;
    Ok(Behaviour::Redirect {
        status: status("redirect", code)?,
        to: to.to_owned(),
    })
}

fn fail(value: &str) -> Result<Behaviour, BehaviourError> {
    let wrong = || {
        wrong(
            "fail",
            value,
            "a share from 0 to 1, such as 0.3, 0.3:503 or 0.3:503:7",
        )
    };
    let mut parts = value.splitn(3, ':');
    let share = parts.next().and_then(|share| share.parse().ok());
    let share = share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(wrong)?;
    let code = parts.next().map_or(Ok(500), |code| status("fail", code))?;
    let seed = parts
        .next()
        .map_or(Ok(0), str::parse)
        .map_err(|_| wrong())?;
    Ok(Behaviour::FailShare {
        share,
        status: code,
        seed,
    })
}

fn trickle(value: &str) -> Result<Behaviour, BehaviourError> {
    let expected = || wrong("trickle", value, "BYTES/TIME, such as 1/100ms");
    let (count, every) = value.split_once('/').ok_or_else(expected)?;
    Ok(Behaviour::Trickle {
        bytes: bytes("trickle", count)?,
        every: duration("trickle", every)?,
    })
}

fn status(name: &'static str, value: &str) -> Result<u16, BehaviourError> {
    let status = value
        .parse()
        .ok()
        .filter(|status| (200..600).contains(status));
    status.ok_or_else(|| wrong(name, value, "a status from 200 to 599"))
}

fn bytes(name: &'static str, value: &str) -> Result<usize, BehaviourError> {
    value
        .parse()
        .map_err(|_| wrong(name, value, "a number of bytes"))
}

fn duration(name: &'static str, value: &str) -> Result<Duration, BehaviourError> {
    let ms = match value.strip_suffix("ms") {
        Some(ms) => ms.parse().ok(),
        None => value
            .strip_suffix('s')
            .and_then(|s| s.parse::<u64>().ok()?.checked_mul(1000)),
    };
    let expected = "a time such as 200ms or 3s";
    ms.map(Duration::from_millis)
        .ok_or_else(|| wrong(name, value, expected))
}

fn wrong(name: &'static str, value: &str, expected: &'static str) -> BehaviourError {
    BehaviourError::Value {
        name,
        value: value.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: impl Into<Behaviour>) {
        assert_eq!(text.parse(), Ok(expected.into()), "{text}");
    }

    #[test]
    fn behaviours_are_read_from_the_command_line() {
        let ms = Duration::from_millis;
        check("status=503", Reply::status(503));
        check("delay=200ms,status=200", Reply::status(200).after(ms(200)));
        check("delay=3s", Reply::status(200).after(ms(3000)));
        check(
            "status=429,header=retry-after:5,body=no",
            Reply::status(429).header("retry-after", "5").body("no"),
        );
        check("hang", Behaviour::Hang);
        check(
            "redirect=302:http://a/",
            Behaviour::Redirect {
                status: 302,
                to: "http://a/".into(),
            },
        );
        check(
            "trickle=1/100ms",
            Behaviour::Trickle {
                bytes: 1,
                every: ms(100),
            },
        );
        check("huge-body=10", Behaviour::HugeBody { bytes: 10 });
        check(
            "fail=0.25",
            Behaviour::FailShare {
                share: 0.25,
                status: 500,
                seed: 0,
            },
        );
        check(
            "fail=1:503:7",
            Behaviour::FailShare {
                share: 1.0,
                status: 503,
                seed: 7,
            },
        );
    }

    #[track_caller]
    fn refused(text: &str, says: &str) {
        let error = text.parse::<Behaviour>().unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }

    #[test]
    fn what_is_no_behaviour_is_refused_with_what_would_be_one() {
        refused("hagn", "there are: status=503");
        refused("status=99", "a status from 200 to 599");
        refused("delay=5", "200ms or 3s");
        refused("fail=2", "a share from 0 to 1");
        refused("redirect=302", "STATUS:URL");
        refused("hang,status=200", "does not go together");
        refused("", "unknown behaviour");
    }
}
