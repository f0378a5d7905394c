//! Where requests begin and end in the bytes of a connection, settled before anything else reads
//! them.
//!
//! A request that two programs would divide differently is a way to smuggle one past the other. So
//! whatever leaves room for that is refused and ends the connection: a length beside chunks or a
//! second length, another transfer coding than `chunked`, a line that ends in a bare line feed, a
//! folded line, a character that no header may have. It is pure, and takes its bytes in any pieces.

mod head;
mod chunks;

use crate::framing::{chunks::Chunks, head::Head};

/// Why a connection ends before its request was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is no HTTP, or two programs might read it as two different things.
    Malformed,
    /// The request line is over 8 KiB.
    LineTooLong,
    /// The head is over 16 KiB, or has more than 100 headers.
    HeadTooLarge,
    /// The head did not come within its time.
    TooLate,
}

/// The place in a connection, from one request to the next.
#[derive(Debug)]
pub(crate) enum Framing {
    Head(Head),
    Body { left: u64 },
    Chunks(Chunks),
}

impl Framing {
    pub(crate) fn new() -> Self {
        Self::Head(Head::default())
    }

    /// How many of the bytes that came may be read by others. A head goes on whole or not at all,
    /// so zero means that more has to come first; then the same bytes are given again with it.
    ///
    /// # Errors
    /// What came is refused, with everything behind it.
    pub(crate) fn passes(&mut self, came: &[u8]) -> Result<usize, Fault> {
        let (passed, next) = match self {
            Self::Head(head) => match head.read(came)? {
                Some((length, next)) => (length, Some(next)),
                None => (0, None),
            },
            Self::Body { left } => {
                let passed = usize::try_from(*left).map_or(came.len(), |left| left.min(came.len()));
                *left -= passed as u64;
                (passed, (*left == 0).then(Self::new))
            }
            Self::Chunks(chunks) => {
                let (passed, ended) = chunks.read(came)?;
                (passed, ended.then(Self::new))
            }
        };
        if let Some(next) = next {
            *self = next;
        }
        Ok(passed)
    }

    /// Whether a head is awaited, or coming.
    pub(crate) fn is_at_head(&self) -> bool {
        matches!(self, Self::Head(_))
    }
}

#[cfg(test)]
mod tests;
