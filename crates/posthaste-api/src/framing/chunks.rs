//! A body in chunks: followed to its end, a byte at a time where it is no data.

use super::{Fault, head::is_text};

/// Digits of a chunk's size: 4 GiB is more than any body may have.
const DIGITS_MAX: u8 = 8;
/// Bytes behind the size of one chunk.
const EXTENSION_BYTES_MAX: u16 = 1024;
/// Bytes of all trailers.
const TRAILER_BYTES_MAX: u16 = 4 * 1024;

/// What the next byte is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Chunks {
    Size { digits: u8, size: u64 },
    Extension { bytes: u16, size: u64 },
    SizeEnd { size: u64 },
    Data { left: u64 },
    DataReturn,
    DataEnd,
    Trailer { line: u16, bytes: u16 },
    TrailerEnd { line: u16, bytes: u16 },
    Ended,
}

impl Default for Chunks {
    fn default() -> Self {
        Self::Size { digits: 0, size: 0 }
    }
}

impl Chunks {
    /// How many of these bytes belong to the body, and whether it ends with them.
    pub(super) fn read(&mut self, came: &[u8]) -> Result<(usize, bool), Fault> {
        let mut at = 0;
        while at < came.len() && !matches!(self, Self::Ended) {
            if let Self::Data { left } = self {
                let rest = came.len() - at;
                let data = usize::try_from(*left).map_or(rest, |left| left.min(rest));
                *left -= data as u64;
                at += data;
                if *left == 0 {
                    *self = Self::DataReturn;
                }
            } else {
                *self = self.after(came[at]).ok_or(Fault::Malformed)?;
                at += 1;
            }
        }
        Ok((at, matches!(self, Self::Ended)))
    }

    /// None where this byte may not come.
    fn after(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Size { digits, size }, _) => Self::size(digits, size, byte),
            (Self::Extension { size, .. }, b'\r') => Some(Self::SizeEnd { size }),
            (Self::Extension { bytes, size }, _) => {
                let bytes = bytes + 1;
                let fits = is_text(byte) && bytes <= EXTENSION_BYTES_MAX;
                fits.then_some(Self::Extension { bytes, size })
            }
            (Self::SizeEnd { size: 0 }, b'\n') => Some(Self::Trailer { line: 0, bytes: 0 }),
            (Self::SizeEnd { size: left }, b'\n') => Some(Self::Data { left }),
            (Self::DataReturn, b'\r') => Some(Self::DataEnd),
            (Self::DataEnd, b'\n') => Some(Self::default()),
            (Self::Trailer { line, bytes }, b'\r') => Some(Self::TrailerEnd { line, bytes }),
            (Self::Trailer { line, bytes }, _) => {
                let (line, bytes) = (line + 1, bytes + 1);
                let fits = is_text(byte) && bytes <= TRAILER_BYTES_MAX;
                fits.then_some(Self::Trailer { line, bytes })
            }
            (Self::TrailerEnd { line: 0, .. }, b'\n') => Some(Self::Ended),
            (Self::TrailerEnd { bytes, .. }, b'\n') => Some(Self::Trailer {
                line: 0,
                bytes: bytes + 2,
            }),
            _ => None,
        }
    }

    fn size(digits: u8, size: u64, byte: u8) -> Option<Self> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            let digits = digits + 1;
            let size = size * 16 + u64::from(digit);
            return (digits <= DIGITS_MAX).then_some(Self::Size { digits, size });
        }
        match byte {
            _ if digits == 0 => None,
            b'\r' => Some(Self::SizeEnd { size }),
            b';' | b' ' | b'\t' => Some(Self::Extension { bytes: 1, size }),
            _ => None,
        }
    }
}
