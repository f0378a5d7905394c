//! The scanner: one pass over a text that says whether it is exactly one JSON value that means one
//! thing. It builds nothing, and allocates only for an object with many keys or with escaped ones.

use std::{borrow::Cow, collections::HashSet};

use super::text::{hex4, is_high, is_low, unescape};

/// Why a text is not one JSON value that means one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} at byte {offset}", kind.message())]
pub struct JsonFault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Bytes before the place where it shows.
    pub offset: usize,
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Something else was expected there.
    Syntax,
    /// The text ends inside the value, or holds none.
    End,
    /// Something follows the value.
    Trailing,
    /// Not UTF-8: also overlong forms and encoded surrogates.
    Utf8,
    /// Arrays and objects nested deeper than allowed.
    Depth,
    /// A key stands twice in one object, however it is escaped.
    DuplicateKey,
    /// Half of a surrogate pair.
    Surrogate,
}

impl FaultKind {
    /// A stable slug for machines.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::End => "truncated",
            Self::Trailing => "trailing_data",
            Self::Utf8 => "invalid_utf8",
            Self::Depth => "depth",
            Self::DuplicateKey => "duplicate_key",
            Self::Surrogate => "lone_surrogate",
        }
    }

    /// The same for people.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Syntax => "unexpected character",
            Self::End => "the text ends too early",
            Self::Trailing => "something follows the JSON value",
            Self::Utf8 => "the text is not UTF-8",
            Self::Depth => "arrays and objects are nested too deep",
            Self::DuplicateKey => "a key stands twice in one object",
            Self::Surrogate => "a surrogate stands without its other half",
        }
    }
}

/// The deepest nesting that any caller may allow, for the sake of the stack.
pub const DEPTH_CEILING: usize = 256;

/// Checks that the text is exactly one value of RFC 8259, with white space around it at most.
///
/// `depth_max` is how deep arrays and objects may nest (the outermost counts 1), at most
/// [`DEPTH_CEILING`]. Numbers may have any size: they are never computed.
///
/// # Errors
/// The first fault; a text that is not UTF-8 is that, whatever else is wrong with it.
pub fn check(text: &[u8], depth_max: usize) -> Result<(), JsonFault> {
    if let Err(error) = std::str::from_utf8(text) {
        let offset = error.valid_up_to();
        let kind = FaultKind::Utf8;
        return Err(JsonFault { kind, offset });
    }
    let mut scanner = Scanner { text, at: 0 };
    scanner.space();
    scanner.value(depth_max.min(DEPTH_CEILING))?;
    scanner.space();
    match scanner.peek() {
        None => Ok(()),
        Some(_) => Err(scanner.fault(FaultKind::Trailing)),
    }
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

type Scan<T = ()> = Result<T, JsonFault>;

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn fault(&self, kind: FaultKind) -> JsonFault {
        let offset = self.at;
        JsonFault { kind, offset }
    }

    /// The fault of finding something else here, or nothing.
    fn unexpected(&self) -> JsonFault {
        self.fault(match self.peek() {
            Some(_) => FaultKind::Syntax,
            None => FaultKind::End,
        })
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn takes(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Scan {
        match self.takes(byte) {
            true => Ok(()),
            false => Err(self.unexpected()),
        }
    }

    fn value(&mut self, depth_left: usize) -> Scan {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(depth_left),
            Some(b'[') => self.array(depth_left),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &[u8]) -> Scan {
        word.iter().try_for_each(|&byte| self.expect(byte))
    }

    fn number(&mut self) -> Scan {
        self.takes(b'-');
        if !self.takes(b'0') {
            self.digits()?;
        }
        if self.takes(b'.') {
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            let _sign = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        Ok(())
    }

    /// One digit at least. A number that goes on after a leading zero fails where its follower is
    /// expected.
    fn digits(&mut self) -> Scan {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        match self.at > start {
            true => Ok(()),
            false => Err(self.unexpected()),
        }
    }

    fn array(&mut self, depth_left: usize) -> Scan {
        let depth_left = self.open(depth_left)?;
        if self.takes(b']') {
            return Ok(());
        }
        loop {
            self.value(depth_left)?;
            if self.closes(b']')? {
                return Ok(());
            }
        }
    }

    fn object(&mut self, depth_left: usize) -> Scan {
        let depth_left = self.open(depth_left)?;
        if self.takes(b'}') {
            return Ok(());
        }
        let mut keys = Keys::default();
        loop {
            self.key(&mut keys)?;
            self.value(depth_left)?;
            if self.closes(b'}')? {
                return Ok(());
            }
        }
    }

    /// Steps into an array or object: what depth is left inside it.
    fn open(&mut self, depth_left: usize) -> Scan<usize> {
        let inside = depth_left.checked_sub(1);
        let inside = inside.ok_or_else(|| self.fault(FaultKind::Depth))?;
        self.at += 1;
        self.space();
        Ok(inside)
    }

    /// After an item: whether the end follows; else the next item does.
    fn closes(&mut self, end: u8) -> Scan<bool> {
        self.space();
        if self.takes(end) {
            return Ok(true);
        }
        self.expect(b',')?;
        self.space();
        Ok(false)
    }

    /// A key that is new to its object, up to the value.
    fn key(&mut self, keys: &mut Keys<'a>) -> Scan {
        let start = self.at;
        let (raw, escaped) = self.string()?;
        if !keys.insert(raw, escaped) {
            let kind = FaultKind::DuplicateKey;
            return Err(JsonFault {
                kind,
                offset: start,
            });
        }
        self.space();
        self.expect(b':')?;
        self.space();
        Ok(())
    }

    /// What stands between its quotation marks, and whether escapes are in it.
    fn string(&mut self) -> Scan<(&'a [u8], bool)> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain_run(&self.text[self.at..]);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                _ => return Err(self.unexpected()),
            }
            escaped = true;
        }
        let raw = &self.text[start..self.at];
        self.at += 1;
        Ok((raw, escaped))
    }

    fn escape(&mut self) -> Scan {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => return self.unicode(),
            _ => return Err(self.unexpected()),
        }
        Ok(())
    }

    /// `u` and four hex digits; a high surrogate takes its low half along.
    fn unicode(&mut self) -> Scan {
        let start = self.at - 1;
        self.at += 1;
        let first = self.hex()?;
        let whole = match first {
            _ if is_low(first) => false,
            _ if is_high(first) => self.low_half()?,
            _ => true,
        };
        let kind = FaultKind::Surrogate;
        match whole {
            true => Ok(()),
            false => Err(JsonFault {
                kind,
                offset: start,
            }),
        }
    }

    fn low_half(&mut self) -> Scan<bool> {
        if !self.text[self.at..].starts_with(br"\u") {
            return Ok(false);
        }
        self.at += 2;
        self.hex().map(is_low)
    }

    fn hex(&mut self) -> Scan<u16> {
        let Some(unit) = hex4(&self.text[self.at..]) else {
            let is_hex = |byte: &&u8| byte.is_ascii_hexdigit();
            self.at += self.text[self.at..].iter().take_while(is_hex).count();
            return Err(self.unexpected());
        };
        self.at += 4;
        Ok(unit)
    }
}

/// How many bytes at its beginning are a string's plain text: no end, escape or control character.
/// Looks at eight at a time, as strings are most of what is published.
fn plain_run(text: &[u8]) -> usize {
    let (words, _) = text.as_chunks::<8>();
    let plain = words.iter().take_while(|word| is_plain(**word)).count() * 8;
    let ends = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    let rest = &text[plain..];
    plain + rest.iter().position(ends).unwrap_or(rest.len())
}

fn is_plain(word: [u8; 8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    // A byte below `n` borrows into its own high bit, which was clear before. Only such a byte
    // borrows from the one above it, so a word without one is never taken for another.
    let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word & HIGHS;
    let word = u64::from_le_bytes(word);
    let quote = word ^ (ONES * u64::from(b'"'));
    let backslash = word ^ (ONES * u64::from(b'\\'));
    below(word, 0x20) | below(quote, 1) | below(backslash, 1) == 0
}

/// Keys that are compared one by one before a set is worth its allocation.
const FEW: usize = 16;

/// The keys of one object so far.
#[derive(Default)]
struct Keys<'a> {
    few: [&'a [u8]; FEW],
    count: usize,
    many: Option<HashSet<Cow<'a, [u8]>>>,
}

impl<'a> Keys<'a> {
    /// Whether the key is new. While no key has an escape, equal text is equal bytes.
    fn insert(&mut self, raw: &'a [u8], escaped: bool) -> bool {
        if let Some(many) = &mut self.many {
            return many.insert(unescape(raw));
        }
        let few = &self.few[..self.count];
        if escaped || self.count == FEW {
            let many = few.iter().map(|key| Cow::Borrowed(*key)).collect();
            return self.many.insert(many).insert(unescape(raw));
        }
        let new = !few.contains(&raw);
        self.few[self.count] = raw;
        self.count += 1;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPTH_MAX: usize = 128;

    #[track_caller]
    fn good(text: &[u8]) {
        let shown = String::from_utf8_lossy(text);
        assert_eq!(check(text, DEPTH_MAX), Ok(()), "{shown}");
    }

    #[track_caller]
    fn bad(text: impl AsRef<[u8]>, kind: FaultKind, offset: usize) {
        let text = text.as_ref();
        let shown = String::from_utf8_lossy(text);
        let fault = JsonFault { kind, offset };
        assert_eq!(check(text, DEPTH_MAX), Err(fault), "{shown}");
    }

    #[test]
    fn every_value_of_rfc_8259_is_one() {
        for text in ["null", "true", "false", "0", "-0", "0.10", "1e400", "1E-7"] {
            good(text.as_bytes());
        }
        for text in [r#""""#, r#""é🦀""#, r#""\ud83e\udd80""#, r#""\u0000\/""#] {
            good(text.as_bytes());
        }
        for text in [
            "[]",
            "{}",
            " [ 1 ,\t2\r\n] ",
            r#"{"a":{"a":[{"a":1}]},"":2}"#,
        ] {
            good(text.as_bytes());
        }
        good("9".repeat(10_000).as_bytes());
        good("\"\u{7f}\u{80}\u{10ffff}\"".as_bytes());
    }

    #[test]
    fn what_is_nearly_json_is_refused_where_it_goes_wrong() {
        use FaultKind::{End, Syntax, Trailing};
        for (text, offset) in [("", 0), ("  ", 2), ("{", 1), ("[1,", 3), (r#"{"a""#, 4)] {
            bad(text, End, offset);
        }
        for (text, offset) in [("\"ab", 3), ("tru", 3), ("-", 1), ("1.", 2), ("1e+", 3)] {
            bad(text, End, offset);
        }
        for (text, offset) in [
            ("NaN", 0),
            ("Infinity", 0),
            ("+1", 0),
            (".5", 0),
            ("nil", 1),
        ] {
            bad(text, Syntax, offset);
        }
        for (text, offset) in [("[1,]", 3), ("[1 2]", 3), ("{a:1}", 1), ("{'a':1}", 1)] {
            bad(text, Syntax, offset);
        }
        for (text, offset) in [(r#"{"a":1,}"#, 7), (r#"{"a":01}"#, 6), ("[/**/]", 1)] {
            bad(text, Syntax, offset);
        }
        for (text, offset) in [(r#""\x""#, 2), (r#""\u12g4""#, 5), ("\"a\nb\"", 2)] {
            bad(text, Syntax, offset);
        }
        for (text, offset) in [("01", 1), ("-00", 2), ("1 1", 2), ("{} x", 3), ("1.5.5", 3)] {
            bad(text, Trailing, offset);
        }
        bad("\u{feff}{}", Syntax, 0);
    }

    #[test]
    fn text_that_is_not_utf_8_is_that_first_of_all() {
        bad(b"\"\xff\"", FaultKind::Utf8, 1);
        bad(b"\"\xc0\x80\"", FaultKind::Utf8, 1);
        bad(b"\"\xed\xa0\x80\"", FaultKind::Utf8, 1);
        bad(b"}\xff", FaultKind::Utf8, 1);
    }

    #[test]
    fn surrogates_come_in_pairs() {
        bad(r#""\ud800""#, FaultKind::Surrogate, 1);
        bad(r#""a\udc00""#, FaultKind::Surrogate, 2);
        bad(r#""\ud800\ud800""#, FaultKind::Surrogate, 1);
        bad(r#""\ud800\u0041""#, FaultKind::Surrogate, 1);
        bad(r#"{"\uDFFF":1}"#, FaultKind::Surrogate, 2);
    }

    #[test]
    fn a_key_stands_once_however_it_is_written() {
        bad(r#"{"a":1,"a":2}"#, FaultKind::DuplicateKey, 7);
        bad(r#"{"a":1,"\u0061":2}"#, FaultKind::DuplicateKey, 7);
        bad(r#"{"\u0061":1,"a":2}"#, FaultKind::DuplicateKey, 12);
        bad(r#"{"é":1,"\u00e9":2}"#, FaultKind::DuplicateKey, 8);
        bad(r#"[{"b":{"":1,"":2}}]"#, FaultKind::DuplicateKey, 12);
        good("{\"e\u{301}\":1,\"\u{e9}\":2,\"E\":3,\"e\":4}".as_bytes());
    }

    fn object_with(keys: impl Iterator<Item = usize>) -> String {
        let members: Vec<String> = keys.map(|key| format!("\"k{key}\":1")).collect();
        format!("{{{}}}", members.join(","))
    }

    #[test]
    fn an_object_of_100_000_keys_is_checked_in_no_more_than_linear_time() {
        good(object_with(0..100_000).as_bytes());
        let text = object_with((0..100_000).chain([50_000]));
        let offset = text.rfind("\"k").unwrap();
        bad(text, FaultKind::DuplicateKey, offset);
        for last in [15, 16, 17] {
            let text = object_with((0..=last).chain([last]));
            let offset = text.rfind("\"k").unwrap();
            bad(text, FaultKind::DuplicateKey, offset);
        }
    }

    #[test]
    fn depth_counts_from_one_and_is_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        good(nested(128).as_bytes());
        bad(nested(129), FaultKind::Depth, 128);
        bad("[".repeat(100_000), FaultKind::Depth, 128);
        bad(r#"{"a":"#.repeat(100_000), FaultKind::Depth, 128 * 5);
        assert_eq!(check(b"1", 0), Ok(()), "a scalar has no depth");
        let past = nested(DEPTH_CEILING + 1);
        assert!(check(past.as_bytes(), usize::MAX).is_err(), "the ceiling");
    }

    #[test]
    fn a_string_ends_wherever_in_a_word_its_end_stands() {
        for length in 0..40 {
            let text = format!("\"{}\"", "é!".repeat(length));
            good(text.as_bytes());
            for ending in ["\\n\"", "\u{1}\"", "\"x"] {
                let text = format!("\"{}{ending}", "a".repeat(length));
                let expected = ending == "\\n\"";
                assert_eq!(check(text.as_bytes(), 1).is_ok(), expected, "{text}");
            }
        }
    }
}
