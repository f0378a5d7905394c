//! The sorted-compact form: what `flat` bodies are, and what a signature over JSON can rest on.
//!
//! Objects are sorted by the UTF-8 bytes of their unescaped keys at every depth, arrays keep their
//! order, no white space, the fewest escapes, numbers as they were written. It sorts by itself and
//! not through serde_json, whose maps change their order with another crate's feature.

use std::borrow::Cow;

use super::text::{literal_length, string_length, unescape, write_string};

/// The sorted-compact form of a checked text. Of equal keys in one object the last one wins.
///
/// No depth makes it recurse; a text that was not checked gives bytes without meaning.
#[must_use]
pub fn sorted(text: &[u8]) -> Vec<u8> {
    let mut sorter = Sorter {
        out: Vec::with_capacity(text.len()),
        open: Vec::new(),
    };
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        rest = match byte {
            b' ' | b'\n' | b'\r' | b'\t' | b':' => &rest[1..],
            b'"' => sorter.string(&rest[1..]),
            b'{' | b'[' | b'}' | b']' | b',' => sorter.punctuation(byte, &rest[1..]),
            _ => sorter.literal(rest),
        };
    }
    sorter.out
}

struct Sorter<'a> {
    out: Vec<u8>,
    open: Vec<Open<'a>>,
}

/// An array or object whose end was not seen yet.
enum Open<'a> {
    Array,
    Object {
        members: Vec<Member<'a>>,
        at_key: bool,
    },
}

/// A key, and where its member begins in the output; it ends, with a comma, where the next begins.
struct Member<'a> {
    key: Cow<'a, [u8]>,
    start: usize,
}

impl<'a> Sorter<'a> {
    fn punctuation(&mut self, byte: u8, rest: &'a [u8]) -> &'a [u8] {
        let members = match byte {
            b'}' => self.open.pop(),
            b']' => self.open.pop().filter(|_| false),
            _ => None,
        };
        if let Some(Open::Object { members, .. }) = members {
            close(&mut self.out, members);
        }
        self.out.push(byte);
        match (byte, self.open.last_mut()) {
            (b'{', _) => self.open.push(Open::object()),
            (b'[', _) => self.open.push(Open::Array),
            (b',', Some(Open::Object { at_key, .. })) => *at_key = true,
            _ => {}
        }
        rest
    }

    /// A key or a string; `rest` begins behind its first quotation mark.
    fn string(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let length = string_length(rest);
        let (raw, rest) = rest.split_at(length);
        let text = unescape(raw);
        let start = self.out.len();
        write_string(&mut self.out, &text);
        if let Some(Open::Object { members, at_key }) = self.open.last_mut()
            && std::mem::take(at_key)
        {
            members.push(Member { key: text, start });
            self.out.push(b':');
        }
        rest.get(1..).unwrap_or_default()
    }

    /// A number or a word, as it stands.
    fn literal(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let (literal, rest) = rest.split_at(literal_length(rest));
        self.out.extend_from_slice(literal);
        rest
    }
}

impl Open<'_> {
    fn object() -> Self {
        Self::Object {
            members: Vec::new(),
            at_key: true,
        }
    }
}

/// Puts an object's members, which end the output, into their order.
fn close(out: &mut Vec<u8>, mut members: Vec<Member<'_>>) {
    let Some(first) = members.first().map(|member| member.start) else {
        return;
    };
    out.push(b',');
    if !members.is_sorted_by(|one, two| one.key < two.key) {
        let written = out.split_off(first);
        let ends: Vec<usize> = members.iter().skip(1).map(|m| m.start).collect();
        let ends = ends.into_iter().chain([first + written.len()]);
        let mut spans: Vec<_> = members.drain(..).zip(ends).collect();
        spans.sort_by(|(one, _), (two, _)| one.key.cmp(&two.key));
        for (n, (member, end)) in spans.iter().enumerate() {
            let next = spans.get(n + 1).map(|(next, _)| &next.key);
            if next != Some(&member.key) {
                out.extend_from_slice(&written[member.start - first..end - first]);
            }
        }
    }
    out.pop();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = sorted(text.as_bytes());
        assert_eq!(String::from_utf8(found).unwrap(), expected, "{text}");
    }

    #[test]
    fn objects_are_sorted_at_every_depth_and_arrays_are_not() {
        check(
            r#"{"b":1,"a":{"d":4,"c":3}}"#,
            r#"{"a":{"c":3,"d":4},"b":1}"#,
        );
        check(
            r#"[3,1,{"y":1,"x":[ ]}, {} ]"#,
            r#"[3,1,{"x":[],"y":1},{}]"#,
        );
        check(
            r#"{"a":[{"b":1,"a":2}],"":0}"#,
            r#"{"":0,"a":[{"a":2,"b":1}]}"#,
        );
        check(" 1 ", "1");
        check("\"a\\/b\"", "\"a/b\"");
    }

    #[test]
    fn keys_are_compared_by_the_bytes_of_their_text() {
        check(r#"{"～":1,"🦀":2,"é":3}"#, r#"{"é":3,"～":1,"🦀":2}"#);
        check(r#"{"b":1,"\u0061":2}"#, r#"{"a":2,"b":1}"#);
        check(r#"{"ab":1,"a":2,"a\"":3}"#, r#"{"a":2,"a\"":3,"ab":1}"#);
    }

    #[test]
    fn numbers_stay_as_they_were_written() {
        check(
            r#"{"f":1.0,"e":1E400,"n":-0,"b":123456789012345678901234567890}"#,
            r#"{"b":123456789012345678901234567890,"e":1E400,"f":1.0,"n":-0}"#,
        );
    }

    #[test]
    fn of_equal_keys_the_last_one_wins() {
        check(r#"{"t":1,"a":2,"t":3}"#, r#"{"a":2,"t":3}"#);
        check(r#"{"t":1,"t":3}"#, r#"{"t":3}"#);
    }

    #[test]
    fn what_was_never_checked_neither_recurses_nor_panics() {
        for text in [
            "", "{", "}", "]", "[}", "\"", "\"\\", "{\"a", "{,,}", "\"\\u12", "\\",
        ] {
            let _ = sorted(text.as_bytes());
        }
        assert_eq!(sorted(&[b'['; 1_000_000]).len(), 1_000_000);
    }
}
