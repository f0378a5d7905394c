//! What was asked for goes to stdout. One that is closed, as by `| head`, ends the command quietly,
//! with everything taken down as at any other end.

use std::{
    fmt::{self, Display},
    io::{ErrorKind, Write},
};

/// Nobody reads what is printed any more.
#[derive(Debug)]
pub struct Closed;

impl Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads the output")
    }
}

impl std::error::Error for Closed {}

pub fn line(text: impl Display) -> anyhow::Result<()> {
    print(format_args!("{text}\n"))
}

/// A server's JSON as one line. What was published or described may have several of its own, between
/// its values alone: in a string JSON has none.
pub fn json_line(json: &str) -> anyhow::Result<()> {
    line(json.trim_end().replace(['\n', '\r'], " "))
}

/// Text that ends its own lines.
pub fn print(text: impl Display) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = write!(stdout, "{text}").and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Closed.into(),
        _ => anyhow::Error::new(error).context("cannot write the output"),
    })
}

/// What a stranger wrote never moves the terminal's cursor.
pub fn visible(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_alone_are_escaped() {
        assert_eq!(visible("淳 \"é\"\u{1b}[2J\n"), "淳 \"é\"\\u{1b}[2J\\n");
    }
}
