//! Whether events leave alone or in batches: what someone asks for, beside what is so already and
//! the format that the bodies have. Pure, for a subscription that is made and one that is changed.

use posthaste::{body::BodyFormat, subscription::BatchLimits};
use serde::{Deserialize, Serialize};

/// How many events a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One.
    Single,
    /// Those that gather within [`BatchLimits`].
    Batch,
}

impl Mode {
    /// The mode of a subscription with these limits.
    #[must_use]
    pub fn of(batch: Option<&BatchLimits>) -> Self {
        match batch {
            Some(_) => Self::Batch,
            None => Self::Single,
        }
    }
}

/// Why mode, batch and format do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Limits of a batch, and no batches.
    #[error("batch goes with the mode batch alone")]
    Limits,
    /// A receiver could not tell the events apart.
    #[error("batches are posted in the format envelope or cloudevents")]
    Format {
        /// Whether the format was asked for, or the mode beside a format that is there already.
        asked: bool,
    },
}

/// A batch's limits, of a subscription that has those of `now`. Limits that are asked for replace
/// the ones before as a whole; asking for none asks for the defaults.
///
/// # Errors
/// [`Unfit::Limits`].
pub fn limits(
    now: Option<BatchLimits>,
    mode: Option<Mode>,
    asked: Option<Option<BatchLimits>>,
) -> Result<Option<BatchLimits>, Unfit> {
    match (mode.unwrap_or(Mode::of(now.as_ref())), asked) {
        (Mode::Batch, None) => Ok(Some(now.unwrap_or_default())),
        (Mode::Batch, Some(asked)) => Ok(Some(asked.unwrap_or_default())),
        (Mode::Single, None | Some(None)) => Ok(None),
        (Mode::Single, Some(Some(_))) => Err(Unfit::Limits),
    }
}

/// Whether bodies of a format can share a request, where they have to.
///
/// # Errors
/// [`Unfit::Format`].
pub fn fits(batch: Option<&BatchLimits>, format: BodyFormat, asked: bool) -> Result<(), Unfit> {
    match (batch, format) {
        (None, _) | (Some(_), BodyFormat::Envelope | BodyFormat::CloudEvents) => Ok(()),
        (Some(_), BodyFormat::Flat | BodyFormat::Raw) => Err(Unfit::Format { asked }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: BatchLimits = BatchLimits {
        max_events: 7,
        max_wait_ms: 50,
        max_bytes: 2048,
    };

    #[test]
    fn what_is_asked_for_meets_what_is_so_already() {
        #[track_caller]
        fn check(
            now: Option<BatchLimits>,
            mode: Option<Mode>,
            asked: Option<Option<BatchLimits>>,
            expected: Result<Option<BatchLimits>, Unfit>,
        ) {
            assert_eq!(limits(now, mode, asked), expected);
        }
        let default = BatchLimits::default();
        let (single, batch) = (Some(Mode::Single), Some(Mode::Batch));
        check(None, None, None, Ok(None));
        check(None, None, Some(None), Ok(None));
        check(None, None, Some(Some(FEW)), Err(Unfit::Limits));
        check(None, single, Some(Some(FEW)), Err(Unfit::Limits));
        check(None, batch, None, Ok(Some(default)));
        check(None, batch, Some(None), Ok(Some(default)));
        check(None, batch, Some(Some(FEW)), Ok(Some(FEW)));
        check(Some(FEW), None, None, Ok(Some(FEW)));
        check(Some(FEW), batch, None, Ok(Some(FEW)));
        check(Some(default), None, Some(Some(FEW)), Ok(Some(FEW)));
        check(Some(FEW), None, Some(None), Ok(Some(default)));
        check(Some(FEW), single, None, Ok(None));
        check(Some(FEW), single, Some(Some(FEW)), Err(Unfit::Limits));
    }

    #[test]
    fn events_that_share_a_request_can_be_told_apart() {
        for (format, in_batches) in [
            (BodyFormat::Envelope, true),
            (BodyFormat::CloudEvents, true),
            (BodyFormat::Flat, false),
            (BodyFormat::Raw, false),
        ] {
            assert_eq!(fits(None, format, true), Ok(()));
            assert_eq!(fits(Some(&FEW), format, true).is_ok(), in_batches);
        }
    }
}
