//! JSON strings: out of their escapes, and into the fewest.

use std::borrow::Cow;

/// Bytes before the end of a string.
pub(super) fn string_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Bytes of the number or word that a text begins with; one at least.
pub(super) fn literal_length(text: &[u8]) -> usize {
    let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
    text.iter().position(ends).unwrap_or(text.len()).max(1)
}

/// The text of a checked string, given what stands between its quotation marks.
pub(super) fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = raw.iter().position(|&b| b == b'\\') else {
        return Cow::Borrowed(raw);
    };
    let (plain, mut rest) = raw.split_at(first);
    let mut text = Vec::with_capacity(raw.len());
    text.extend_from_slice(plain);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => rest = unescape_one(rest, &mut text),
            _ => text.push(byte),
        }
    }
    Cow::Owned(text)
}

/// Adds what one escape stands for, and returns what follows it.
fn unescape_one<'a>(rest: &'a [u8], text: &mut Vec<u8>) -> &'a [u8] {
    let Some((&letter, rest)) = rest.split_first() else {
        return rest;
    };
    text.push(match letter {
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unescape_unicode(rest, text),
        itself => itself,
    });
    rest
}

fn unescape_unicode<'a>(rest: &'a [u8], text: &mut Vec<u8>) -> &'a [u8] {
    let first = hex4(rest).unwrap_or_default();
    let mut rest = rest.get(4..).unwrap_or_default();
    let low = rest.strip_prefix(br"\u").and_then(hex4);
    let code = match low {
        Some(low) if is_high(first) && is_low(low) => {
            rest = rest.get(6..).unwrap_or_default();
            pair(first, low)
        }
        _ => u32::from(first),
    };
    let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    rest
}

/// The number that the first four hex digits are.
pub(super) fn hex4(text: &[u8]) -> Option<u16> {
    text.get(..4)?.iter().try_fold(0, |number, &digit| {
        let value = char::from(digit).to_digit(16)?;
        Some(number << 4 | u16::try_from(value).ok()?)
    })
}

pub(super) fn is_high(unit: u16) -> bool {
    (0xD800..0xDC00).contains(&unit)
}

pub(super) fn is_low(unit: u16) -> bool {
    (0xDC00..0xE000).contains(&unit)
}

fn pair(high: u16, low: u16) -> u32 {
    0x1_0000 + (u32::from(high & 0x3FF) << 10 | u32::from(low & 0x3FF))
}

/// Writes a string with the escapes that it cannot do without; everything else stands as it is.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut plain = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[plain..at]);
        write_escape(out, byte);
        plain = at + 1;
    }
    out.extend_from_slice(&text[plain..]);
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let letter = match byte {
        0x08 => b'b',
        0x0C => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        b'"' | b'\\' => byte,
        _ => {
            out.extend_from_slice(br"\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            return out.push(HEX[usize::from(byte & 15)]);
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, text: &str, minimal: &str) {
        assert_eq!(unescape(raw.as_bytes()), text.as_bytes(), "{raw}");
        let mut written = Vec::new();
        write_string(&mut written, text.as_bytes());
        assert_eq!(
            String::from_utf8(written).unwrap(),
            format!("\"{minimal}\"")
        );
    }

    #[test]
    fn escapes_are_read_and_the_fewest_are_written() {
        check("plain é", "plain é", "plain é");
        check(r"Zo\u00eb \u00C9", "Zoë É", "Zoë É");
        check(r"\ud83e\udd80\ud83D\uDCEF!", "🦀📯!", "🦀📯!");
        check(r"a\/b", "a/b", "a/b");
        check(r#"\"\\"#, "\"\\", r#"\"\\"#);
        check(r"\b\f\n\r\t", "\x08\x0C\n\r\t", r"\b\f\n\r\t");
        check(r"\u0000\u001F\u007f", "\0\x1f\x7f", "\\u0000\\u001f\x7f");
    }
}
