//! What an answer means: a final 2xx is a delivery, 410 is good-bye, and the rest is a failure.

use super::{Answer, TransportError};
use crate::delivery::{FailureClass, Outcome};

impl From<&Answer> for Outcome {
    fn from(answer: &Answer) -> Self {
        match answer.status {
            status @ 200..=299 => Self::Accepted { status },
            410 => Self::Gone,
            status => Self::Refused {
                class: FailureClass::Http,
                status: Some(status),
                // The waits that a receiver may ask for are those of 429 and 503.
                retry_after: answer.retry_after.filter(|_| matches!(status, 429 | 503)),
            },
        }
    }
}

impl From<&Result<Answer, TransportError>> for Outcome {
    fn from(answered: &Result<Answer, TransportError>) -> Self {
        match answered {
            Ok(answer) => answer.into(),
            Err(error) => Self::Refused {
                class: error.class,
                status: None,
                retry_after: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn two_hundreds_deliver_410_ends_and_all_else_fails() {
        let minute = Some(Duration::from_secs(60));
        let outcome = |status| {
            let retry_after = minute;
            Outcome::from(&Answer {
                retry_after,
                ..Answer::from(status)
            })
        };
        let refused = |status, retry_after| Outcome::Refused {
            class: FailureClass::Http,
            status: Some(status),
            retry_after,
        };
        for status in [200, 204, 299] {
            assert_eq!(outcome(status), Outcome::Accepted { status });
        }
        for status in [100, 199, 300, 302, 400, 404, 500] {
            assert_eq!(outcome(status), refused(status, None));
        }
        assert_eq!(outcome(429), refused(429, minute));
        assert_eq!(outcome(503), refused(503, minute));
        assert_eq!(outcome(410), Outcome::Gone);
    }
}
