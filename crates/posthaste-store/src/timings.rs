//! The phases of an attempt as bytes: one that says which there are, then numbers of seven bits a
//! byte. An attempt over a connection that was open takes three or four bytes.

use posthaste::transport::Timings;

use crate::rollup::{Garbled, read_varint, write_varint};

/// As they are stored.
#[must_use]
pub fn to_bytes(timings: &Timings) -> Vec<u8> {
    let phases = [
        timings.dns_us,
        timings.connect_us,
        timings.tls_us,
        timings.first_byte_us,
    ];
    let mut bytes = vec![0];
    for (bit, us) in phases.into_iter().enumerate() {
        if let Some(us) = us {
            bytes[0] |= 1 << bit;
            write_varint(&mut bytes, us.into());
        }
    }
    bytes
}

/// From the stored bytes.
///
/// # Errors
/// [`Garbled`].
pub fn from_bytes(bytes: &[u8]) -> Result<Timings, Garbled> {
    let (&there, mut rest) = bytes.split_first().ok_or(Garbled)?;
    let mut phase = |bit: u8| match there & (1 << bit) {
        0 => Ok(None),
        _ => u32::try_from(read_varint(&mut rest)?)
            .map(Some)
            .map_err(|_| Garbled),
    };
    let timings = Timings {
        dns_us: phase(0)?,
        connect_us: phase(1)?,
        tls_us: phase(2)?,
        first_byte_us: phase(3)?,
    };
    match there < 1 << 4 && rest.is_empty() {
        true => Ok(timings),
        false => Err(Garbled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(phases: [Option<u32>; 4], expected: &[u8]) {
        let [dns_us, connect_us, tls_us, first_byte_us] = phases;
        let timings = Timings {
            dns_us,
            connect_us,
            tls_us,
            first_byte_us,
        };
        let bytes = to_bytes(&timings);
        assert_eq!(bytes, expected);
        assert_eq!(from_bytes(&bytes), Ok(timings));
        assert_eq!(from_bytes(&[&bytes, &[0][..]].concat()), Err(Garbled));
        assert_eq!(from_bytes(&bytes[..bytes.len() - 1]), Err(Garbled));
    }

    #[test]
    fn only_what_there_is_takes_room() {
        check([None, None, None, Some(200)], &[8, 0xC8, 1]);
        check([Some(1), Some(2), Some(3), Some(4)], &[15, 1, 2, 3, 4]);
        check([None, Some(0), None, None], &[2, 0]);
        let most = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
        check(
            [Some(u32::MAX), None, None, None],
            &[&[1], &most[..]].concat(),
        );
    }

    #[test]
    fn bytes_that_are_none_are_refused() {
        for bytes in [
            &[][..],
            &[16][..],
            &[1][..],
            &[1, 0x80][..],
            &[8, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F][..],
        ] {
            assert_eq!(from_bytes(bytes), Err(Garbled), "{bytes:?}");
        }
    }
}
