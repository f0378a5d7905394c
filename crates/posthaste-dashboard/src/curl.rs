//! A request as a command line that makes the same request again, for a POSIX shell.

use std::fmt::Write;

use crate::payload::{is_hidden, visible};

/// The command. What the record keeps from its reader (`***`) stands there as it is.
pub(crate) fn command(method: &str, url: &str, header_lines: &str, body: &[u8]) -> String {
    let mut command = String::new();
    let argument = argument(body);
    if argument.is_none() {
        writeln!(command, "printf {} | \\", octal(body)).expect("a String takes any text");
    }
    write!(
        command,
        "curl --globoff -X {} {}",
        word(method),
        quoted(url)
    )
    .expect("a String takes any text");
    for line in header_lines.lines() {
        write!(command, " \\\n  -H {}", quoted(&header(&visible(line))))
            .expect("a String takes any text");
    }
    match argument {
        Some(text) => write!(command, " \\\n  --data-raw {}", quoted(text)),
        None => write!(command, " \\\n  --data-binary @-"),
    }
    .expect("a String takes any text");
    command
}

/// The body, where it may stand there as a word and be read: nothing in it is hidden, or turns the
/// text around it.
fn argument(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let is_plain = |one: char| matches!(one, '\n' | '\t') || !is_hidden(one);
    text.chars().all(is_plain).then_some(text)
}

/// curl leaves out a header without a value unless it ends in a semicolon.
fn header(line: &str) -> String {
    match line.split_once(':') {
        Some((name, value)) if value.trim().is_empty() => format!("{name};"),
        _ => line.to_owned(),
    }
}

/// A method, which is a token: only what a shell would take for something else is quoted.
fn word(method: &str) -> String {
    match method.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => method.to_owned(),
        false => quoted(method),
    }
}

/// One word, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Bytes that no argument can carry, for `printf`.
fn octal(bytes: &[u8]) -> String {
    let mut word = String::from("'");
    for &byte in bytes {
        match byte {
            b'%' => word.push_str("%%"),
            b'\'' | b'\\' => write!(word, "\\{byte:03o}").expect("a String takes any text"),
            b' '..=b'~' => word.push(char::from(byte)),
            _ => write!(word, "\\{byte:03o}").expect("a String takes any text"),
        }
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[track_caller]
    fn check(body: &[u8], expected: &str) {
        let command = command(
            "POST",
            "https://a.example/x?a[]=1&b='",
            "x-a: it's\nx-empty: \n",
            body,
        );
        let head = "curl --globoff -X POST 'https://a.example/x?a[]=1&b='\\'''";
        let lines = " \\\n  -H 'x-a: it'\\''s' \\\n  -H 'x-empty;' \\\n  ";
        let (before, after) = command
            .split_once(&format!("{head}{lines}"))
            .expect(&command);
        assert_eq!(format!("{before}{after}"), expected);
    }

    #[test]
    fn a_body_is_one_word_or_comes_through_a_pipe() {
        check(b"{}", "--data-raw '{}'");
        check(
            b"it's \"$HOME\" `x` \\n !",
            "--data-raw 'it'\\''s \"$HOME\" `x` \\n !'",
        );
        check(b"two\nlines", "--data-raw 'two\nlines'");
        check(b"@file", "--data-raw '@file'");
        check("é".as_bytes(), "--data-raw 'é'");
        check(
            "\u{202e}".as_bytes(),
            "printf '\\342\\200\\256' | \\\n--data-binary @-",
        );
        check(b"a\0b", "printf 'a\\000b' | \\\n--data-binary @-");
        check(
            b"\xff%'\\",
            "printf '\\377%%\\047\\134' | \\\n--data-binary @-",
        );
    }

    /// What a shell makes of the words.
    #[track_caller]
    fn echoed(body: &[u8]) {
        let pipe = format!("printf {}", octal(body));
        let printed = Command::new("sh")
            .args(["-c", &pipe])
            .output()
            .expect("a shell");
        assert_eq!(printed.stdout, body);
        if let Some(text) = argument(body) {
            let word = format!("printf %s {}", quoted(text));
            let printed = Command::new("sh")
                .args(["-c", &word])
                .output()
                .expect("a shell");
            assert_eq!(printed.stdout, body);
        }
    }

    #[test]
    fn a_shell_reads_every_byte_back() {
        let all: Vec<u8> = (0..=255).collect();
        echoed(&all);
        echoed(b"'; rm -rf / #\n\"$(x)`y`\\");
        echoed("'é' \u{202e}\t%s %% \\x41".as_bytes());
    }
}
