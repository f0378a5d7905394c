//! Strangers' bytes as text that can be looked at: payloads, heads and bodies of answers. Nothing of
//! it is trusted: what would not show, or would turn the text around it, shows as its number.

use std::fmt::Write;

/// Characters that one piece of a page shows of it.
const SHOWN_MAX: usize = 512 * 1024;
/// Bytes that are shown in hexadecimal.
const HEX_MAX: usize = 16 * 1024;

/// Bytes as a page shows them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) text: String,
    /// Whether the bytes are no text, and stand there in hexadecimal.
    pub(crate) is_hex: bool,
    pub(crate) is_cut: bool,
}

impl Shown {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::text(visible(text)),
            Err(cut) if cut.error_len().is_none() && bytes.len() >= HEX_MAX => {
                // It was cut within a character when it was kept.
                let whole = &bytes[..cut.valid_up_to()];
                Self::text(visible(&String::from_utf8_lossy(whole)))
            }
            Err(_) => Self {
                text: hex(&bytes[..bytes.len().min(HEX_MAX)]),
                is_hex: true,
                is_cut: bytes.len() > HEX_MAX,
            },
        }
    }

    /// JSON with its structure made visible.
    pub(crate) fn pretty(json: &str) -> Self {
        Self::text(visible(&pretty(json)))
    }

    fn text(mut text: String) -> Self {
        let mut ends = (0..=SHOWN_MAX.min(text.len())).rev();
        let end = ends.find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let is_cut = end < text.len();
        text.truncate(end);
        Self {
            text,
            is_hex: false,
            is_cut,
        }
    }
}

/// Text with its line ends and tabs, and the rest of what cannot be seen as `\u202e`.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(one) = rest.next() {
        match one {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\n' | '\t' => shown.push(one),
            hidden if is_hidden(hidden) => {
                write!(shown, "\\u{:04x}", u32::from(hidden)).expect("a String takes any text");
            }
            _ => shown.push(one),
        }
    }
    shown
}

/// Controls, and what decides the direction of others. Joiners stay: scripts and emoji need them.
pub(crate) fn is_hidden(one: char) -> bool {
    let unseen = matches!(
        one,
        '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{2028}' | '\u{2029}'
    );
    let turns = matches!(one, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    one.is_control() || unseen || turns
}

/// Offset, sixteen bytes, and those of them that are ASCII.
fn hex(bytes: &[u8]) -> String {
    let mut dump = String::with_capacity(bytes.len() * 5);
    for (row, line) in bytes.chunks(16).enumerate() {
        write!(dump, "{:06x} ", row * 16).expect("a String takes any text");
        for at in 0..16 {
            match line.get(at) {
                Some(byte) => write!(dump, " {byte:02x}"),
                None => write!(dump, "   "),
            }
            .expect("a String takes any text");
        }
        let seen = |byte: &u8| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        };
        dump.push_str("  ");
        dump.extend(line.iter().map(seen));
        dump.push('\n');
    }
    dump
}

/// Valid JSON on many lines. Strings and numbers stand as they were written, to the last byte.
pub(crate) fn pretty(json: &str) -> String {
    let mut written = String::with_capacity(json.len() * 2);
    let (mut depth, mut rest) = (0_usize, json.char_indices().peekable());
    while let Some((at, one)) = rest.next() {
        if written.len() > SHOWN_MAX {
            break;
        }
        match one {
            ' ' | '\t' | '\n' | '\r' => {}
            '"' => {
                let length = string_length(&json[at..]);
                written.push_str(&json[at..at + length]);
                while rest.next_if(|(next, _)| *next < at + length).is_some() {}
            }
            '{' | '[' => {
                written.push(one);
                while rest
                    .next_if(|(_, next)| next.is_ascii_whitespace())
                    .is_some()
                {}
                if let Some((_, close)) = rest.next_if(|(_, next)| matches!(next, '}' | ']')) {
                    written.push(close);
                } else {
                    depth += 1;
                    new_line(&mut written, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut written, depth);
                written.push(one);
            }
            ',' => {
                written.push(one);
                new_line(&mut written, depth);
            }
            ':' => written.push_str(": "),
            _ => written.push(one),
        }
    }
    written
}

fn new_line(written: &mut String, depth: usize) {
    written.push('\n');
    written.extend(std::iter::repeat_n("  ", depth));
}

/// Of the string that a text begins with, with its quotes.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: &str) {
        assert_eq!(pretty(json), expected);
    }

    #[test]
    fn json_is_laid_out_and_no_number_or_string_is_written_otherwise() {
        check("1.0", "1.0");
        check("-0", "-0");
        check("1e400", "1e400");
        check("9007199254740993", "9007199254740993");
        check(
            r#"{"a":1.0,"b":[1E5,0.10]}"#,
            "{\n  \"a\": 1.0,\n  \"b\": [\n    1E5,\n    0.10\n  ]\n}",
        );
        check(" { } ", "{}");
        check(
            "[ [ ] , { \"a\" : null } ]",
            "[\n  [],\n  {\n    \"a\": null\n  }\n]",
        );
        check(r#"{"a":"{,:\"[ ]\\"}"#, "{\n  \"a\": \"{,:\\\"[ ]\\\\\"\n}");
        check(r#""\u00e9é""#, r#""\u00e9é""#);
        check(r#"{"é":"}"}"#, "{\n  \"é\": \"}\"\n}");
    }

    #[test]
    fn whatever_is_laid_out_is_the_same_json() {
        let long = format!("[{}0.10]", "{\"a\":[1.50,{}]},".repeat(100));
        let squeezed = pretty(&long);
        let squeezed: String = squeezed.split_whitespace().collect();
        assert_eq!(squeezed, long);
    }

    #[test]
    fn a_huge_text_ends_somewhere() {
        let deep = format!(
            "{}{}{}",
            "[".repeat(120),
            "1,".repeat(100_000),
            "]".repeat(120)
        );
        let shown = Shown::pretty(&deep);
        assert!(shown.is_cut && shown.text.len() <= SHOWN_MAX);
    }

    #[track_caller]
    fn shows(bytes: &[u8], expected: &str, is_hex: bool) {
        let shown = Shown::of(bytes);
        assert_eq!((shown.text.as_str(), shown.is_hex), (expected, is_hex));
    }

    #[test]
    fn what_cannot_be_seen_is_shown_by_its_number() {
        shows(b"", "", false);
        shows(b"<script>\r\n\t&", "<script>\n\t&", false);
        shows(
            "a\u{202e}b\u{0}\r\u{feff}".as_bytes(),
            "a\\u202eb\\u0000\\u000d\\ufeff",
            false,
        );
        shows("👩\u{200d}🚀".as_bytes(), "👩\u{200d}🚀", false);
        let gap = " ".repeat(13 * 3);
        shows(b"\xffA\0", &format!("000000  ff 41 00{gap}  .A.\n"), true);
    }

    #[test]
    fn a_text_that_was_cut_within_a_character_is_text() {
        let mut kept = "é".repeat(8192).into_bytes();
        kept.insert(0, b'x');
        kept.truncate(16 * 1024);
        let shown = Shown::of(&kept);
        assert!(!shown.is_hex && shown.text.ends_with('é'));
    }
}
