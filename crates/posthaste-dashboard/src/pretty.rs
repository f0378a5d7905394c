//! JSON with a line for each member. Only white space between its pieces changes: no number, escape
//! or order, so that what is shown is what was published.

const INDENT: &str = "  ";

/// A valid JSON text, laid out. Empty objects and arrays stay on their line.
pub(crate) fn pretty(json: &str) -> String {
    let mut laid = Laid {
        out: String::with_capacity(json.len() * 2),
        depth: 0,
    };
    let (mut rest, mut before) = (json.trim_start(), ' ');
    while let Some(first) = rest.chars().next() {
        let piece = piece(rest);
        rest = rest[piece.len()..].trim_start();
        match first {
            '}' | ']' => laid.close(piece, matches!(before, '{' | '[')),
            _ => {
                if matches!(before, '{' | '[') {
                    laid.open();
                }
                laid.put(first, piece);
            }
        }
        before = first;
    }
    laid.out
}

struct Laid {
    out: String,
    depth: usize,
}

impl Laid {
    fn open(&mut self) {
        self.depth += 1;
        self.line();
    }

    fn close(&mut self, piece: &str, is_empty: bool) {
        if !is_empty {
            self.depth = self.depth.saturating_sub(1);
            self.line();
        }
        self.out.push_str(piece);
    }

    fn put(&mut self, first: char, piece: &str) {
        self.out.push_str(piece);
        match first {
            ',' => self.line(),
            ':' => self.out.push(' '),
            _ => {}
        }
    }

    fn line(&mut self) {
        self.out.push('\n');
        (0..self.depth).for_each(|_| self.out.push_str(INDENT));
    }
}

/// The piece that a text begins with: a bracket, a comma, a colon, a whole string, or a word.
fn piece(text: &str) -> &str {
    let mut chars = text.char_indices();
    let end = match chars.next() {
        Some((_, '"')) => {
            let mut escaped = false;
            let closes = chars.find(|(_, c)| {
                let closes = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                closes
            });
            closes.map(|(at, _)| at + 1)
        }
        Some((_, '{' | '}' | '[' | ']' | ',' | ':')) => Some(1),
        _ => text.find(|c: char| "{}[],:\"".contains(c) || c.is_ascii_whitespace()),
    };
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: &str) {
        assert_eq!(pretty(json), expected);
        assert_eq!(pretty(expected), expected, "laid out once is laid out");
    }

    #[test]
    fn every_member_has_a_line_and_nothing_else_changes() {
        check("{}", "{}");
        check("[ ]", "[]");
        check("1e400", "1e400");
        check(
            r#"{"a":[1,{"b":-0}],"c":{}}"#,
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": -0\n    }\n  ],\n  \"c\": {}\n}",
        );
        check(
            r#"["{\"a\",:[]}\\","\u0041é"]"#,
            "[\n  \"{\\\"a\\\",:[]}\\\\\",\n  \"\\u0041é\"\n]",
        );
    }
}
