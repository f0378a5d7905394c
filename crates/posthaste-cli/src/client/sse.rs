//! Server-Sent Events as they arrive: bytes in, whole messages out, however the bytes are parted.

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its kind; `message` where the stream names none.
    pub event: String,
    /// The last id that the stream has named.
    pub id: String,
    /// Its lines, with line feeds between.
    pub data: String,
}

/// What has come of the message under way.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    /// A line has ended: what looks like a byte order mark is none any more.
    begun: bool,
    /// The last line ended in a carriage return, so that a line feed ends none.
    after_return: bool,
    event: String,
    data: Option<String>,
    id: String,
    last_id: String,
}

impl Parser {
    /// The messages that these bytes complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Message> {
        let mut messages = Vec::new();
        for &byte in bytes {
            let paired = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if paired => {}
                b'\n' | b'\r' => messages.extend(self.end_line()),
                _ => self.line.push(byte),
            }
        }
        messages
    }

    /// The id to come back with: of the last message that was whole, with data or without.
    pub fn last_id(&self) -> Option<&str> {
        Some(self.last_id.as_str()).filter(|id| !id.is_empty())
    }

    /// What had come of a message when its connection broke will come again.
    pub fn begin_again(&mut self) {
        *self = Self {
            id: self.last_id.clone(),
            last_id: std::mem::take(&mut self.last_id),
            ..Self::default()
        };
    }

    fn end_line(&mut self) -> Option<Message> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let first = !std::mem::replace(&mut self.begun, true);
        let line = match line.strip_prefix('\u{feff}') {
            Some(behind) if first => behind,
            _ => &line,
        };
        if line.is_empty() {
            return self.end_message();
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        self.field(name, value.strip_prefix(' ').unwrap_or(value));
        None
    }

    /// A line that begins with a colon is a comment; so is what nobody knows.
    fn field(&mut self, name: &str, value: &str) {
        match (name, &mut self.data) {
            ("event", _) => value.clone_into(&mut self.event),
            ("id", _) if !value.contains('\0') => value.clone_into(&mut self.id),
            ("data", Some(data)) => {
                data.push('\n');
                data.push_str(value);
            }
            ("data", none) => *none = Some(value.to_owned()),
            _ => {}
        }
    }

    fn end_message(&mut self) -> Option<Message> {
        self.last_id.clone_from(&self.id);
        let event = std::mem::take(&mut self.event);
        let data = self.data.take()?;
        Some(Message {
            event: if event.is_empty() {
                "message".to_owned()
            } else {
                event
            },
            id: self.id.clone(),
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same messages, and the same last id, however the bytes are parted.
    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str, &str)], last_id: &str) {
        for size in [1, 2, 3, 7, text.len().max(1)] {
            let mut parser = Parser::default();
            let chunks = text.as_bytes().chunks(size);
            let messages: Vec<Message> = chunks.flat_map(|chunk| parser.push(chunk)).collect();
            let seen = messages.iter();
            let seen: Vec<_> = seen
                .map(|m| (m.event.as_str(), m.id.as_str(), m.data.as_str()))
                .collect();
            assert_eq!(seen, expected, "in pieces of {size}: {text:?}");
            assert_eq!(parser.last_id().unwrap_or(""), last_id, "{text:?}");
        }
    }

    #[test]
    fn messages_are_put_together_from_their_lines() {
        check("", &[], "");
        check("data: a\n\n", &[("message", "", "a")], "");
        check(
            "retry: 1000\nevent: x\nid: 1\ndata: {\ndata: }\n\n",
            &[("x", "1", "{\n}")],
            "1",
        );
        check("data:a\ndata\ndata: \n\n", &[("message", "", "a\n\n")], "");
        check("data:  é\n\n", &[("message", "", " é")], "");
        check("\u{feff}data: a\n\n", &[("message", "", "a")], "");
        check("\n\u{feff}data: a\n\n", &[], "");
    }

    #[test]
    fn lines_end_in_any_of_three_ways() {
        let expected = [("e", "1", "a\nb"), ("message", "1", "c")];
        for end in ["\n", "\r", "\r\n"] {
            let text = "event: e\nid: 1\ndata: a\ndata: b\n\ndata: c\n\n";
            check(&text.replace('\n', end), &expected, "1");
        }
    }

    #[test]
    fn comments_unknown_fields_and_halves_are_no_messages() {
        check(": still here\n\n", &[], "");
        check(": x\nwhat: ever\nid: 7\n\n", &[], "7");
        check(
            "id: 1\ndata: a\n\nid: 2\ndata: b\n",
            &[("message", "1", "a")],
            "1",
        );
    }

    #[test]
    fn a_half_message_is_forgotten_when_its_stream_begins_again() {
        let mut parser = Parser::default();
        parser.push(b"id: 1\ndata: a\n\nid: 2\nevent: x\ndata: ha");
        parser.begin_again();
        assert_eq!(parser.last_id(), Some("1"));
        let messages = parser.push(b"data: b\n\n");
        let seen = (
            &messages[0].event[..],
            &messages[0].id[..],
            &messages[0].data[..],
        );
        assert_eq!(seen, ("message", "1", "b"));
    }
}
