//! Numbers as they are written, compared exactly: neither through floating point nor by working
//! out what an exponent says. `1e999999999` costs as much as its ten characters.

use std::cmp::Ordering;

/// Exponents further out than this count as this far out.
const EXPONENT_MAX: i128 = 10_i128.pow(36);

/// Compares two JSON numbers by value, in time that is linear in their texts.
pub(super) fn compare(one: &[u8], two: &[u8]) -> Ordering {
    let (one, two) = (Decimal::read(one), Decimal::read(two));
    match (one.sign(), two.sign()) {
        (1, 1) => one.compare_size(&two),
        (-1, -1) => two.compare_size(&one),
        (one, two) => one.cmp(&two),
    }
}

/// `0.d₁d₂d₃… × 10^magnitude`, with d₁ no zero; no digits is zero.
struct Decimal<'a> {
    negative: bool,
    magnitude: i128,
    /// Before and after the decimal point, without leading zeros.
    digits: [&'a [u8]; 2],
}

impl<'a> Decimal<'a> {
    fn read(text: &'a [u8]) -> Self {
        let (negative, text) = match text.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = split(text, |b| b == b'e' || b == b'E');
        let (whole, fraction) = split(mantissa, |b| b == b'.');
        let whole = without_zeros(whole);
        let (point, digits) = if whole.is_empty() {
            let digits = without_zeros(fraction);
            (length(digits) - length(fraction), [digits, b""])
        } else {
            (length(whole), [whole, fraction])
        };
        Self {
            negative,
            magnitude: read_exponent(exponent) + point,
            digits,
        }
    }

    fn sign(&self) -> i8 {
        let zero = self.significant().all(|digit| digit == b'0');
        match (zero, self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    fn significant(&self) -> impl Iterator<Item = u8> {
        self.digits.into_iter().flatten().copied()
    }

    fn padded(&self, length: usize) -> impl Iterator<Item = u8> {
        let zeros = std::iter::repeat(b'0');
        self.significant().chain(zeros).take(length)
    }

    /// Compares two that are not zero, whatever their signs.
    fn compare_size(&self, other: &Self) -> Ordering {
        let length = |of: &Self| of.digits[0].len() + of.digits[1].len();
        let longest = length(self).max(length(other));
        let magnitudes = self.magnitude.cmp(&other.magnitude);
        magnitudes.then_with(|| self.padded(longest).cmp(other.padded(longest)))
    }
}

fn split(text: &[u8], is_mark: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let mark = text.iter().position(|&byte| is_mark(byte));
    mark.map_or((text, b""), |at| (&text[..at], &text[at + 1..]))
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    &digits[zeros..]
}

fn length(digits: &[u8]) -> i128 {
    i128::try_from(digits.len()).unwrap_or(EXPONENT_MAX)
}

fn read_exponent(text: &[u8]) -> i128 {
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, text),
    };
    let size = digits.iter().fold(0, |size: i128, digit| {
        let value = i128::from(digit.wrapping_sub(b'0'));
        (size * 10 + value).min(EXPONENT_MAX)
    });
    if negative { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, expected: Ordering, two: &str) {
        assert_eq!(
            compare(one.as_bytes(), two.as_bytes()),
            expected,
            "{one} {two}"
        );
        let reverse = compare(two.as_bytes(), one.as_bytes());
        assert_eq!(reverse, expected.reverse(), "{two} {one}");
    }

    #[test]
    fn numbers_are_equal_by_value() {
        for (one, two) in [
            ("0", "-0"),
            ("0", "0.000e99"),
            ("1", "1.0"),
            ("1", "1e0"),
            ("100", "1E+2"),
            ("0.01", "1e-2"),
            ("0.010", "0.1e-1"),
            ("-12.50", "-1.25e1"),
            ("120", "12e1"),
            ("1e400", "10e399"),
            ("1e99999999999999999999", "10e99999999999999999998"),
        ] {
            check(one, Ordering::Equal, two);
        }
    }

    #[test]
    fn numbers_are_ordered_exactly() {
        for (less, more) in [
            ("9007199254740992", "9007199254740993"),
            ("0.1", "0.10000000000000000000000000000001"),
            ("9.99", "10"),
            ("-1", "0"),
            ("-1", "-0.5"),
            ("-10", "-9"),
            ("-1e400", "1e-400"),
            ("1e-400", "2e-400"),
            ("0", "1e-999999999"),
            ("1e399", "1e400"),
            ("9e999999998", "1e999999999"),
            ("1.2e3", "12e3"),
            ("99", "1e2"),
            ("-0.0", "0.0001"),
        ] {
            check(less, Ordering::Less, more);
        }
    }

    #[test]
    fn small_numbers_compare_as_they_do_elsewhere() {
        let texts = [
            "-1.5", "-1", "-0.25", "0", "0.3", "1", "1.5e0", "7", "12", "1e2", "1.01e2",
        ];
        for one in texts {
            for two in texts {
                let (x, y): (f64, f64) = (one.parse().unwrap(), two.parse().unwrap());
                check(one, x.partial_cmp(&y).unwrap(), two);
            }
        }
    }
}
