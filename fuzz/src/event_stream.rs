//! The command line's reader of Server-Sent Events, beside the rules of the HTML standard applied
//! to the whole text at once; the messages are the same however the bytes are parted.

#[path = "../../crates/posthaste-cli/src/client/sse.rs"]
#[allow(dead_code)] // the command line's own
mod sse;

use sse::{Message, Parser};

/// How many bytes come at once, then the stream.
pub fn judge(input: &[u8]) {
    let Some((&size, stream)) = input.split_first() else {
        return;
    };
    let mut parser = Parser::default();
    let chunks = stream.chunks(usize::from(size).max(1));
    let messages: Vec<Message> = chunks.flat_map(|chunk| parser.push(chunk)).collect();
    let (expected, last_id) = whole(&String::from_utf8_lossy(stream));
    assert_eq!(messages, expected);
    assert_eq!(parser.last_id().unwrap_or(""), last_id);
    parser.begin_again();
    assert_eq!(parser.last_id().unwrap_or(""), last_id);
}

/// The messages of a stream, and the id to come back with.
fn whole(stream: &str) -> (Vec<Message>, String) {
    let stream = stream.strip_prefix('\u{feff}').unwrap_or(stream);
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = stream.split('\n').collect();
    lines.pop(); // what has no end yet
    let (mut messages, mut id, mut last_id) = (Vec::new(), "", "");
    let (mut event, mut data) = ("", Vec::new());
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" if line.is_empty() => {
                last_id = id;
                if !data.is_empty() {
                    messages.push(message(event, id, &data));
                }
                (event, data) = ("", Vec::new());
            }
            "event" => event = value,
            "data" => data.push(value),
            "id" if !value.contains('\0') => id = value,
            _ => {}
        }
    }
    (messages, last_id.to_owned())
}

fn message(event: &str, id: &str, data: &[&str]) -> Message {
    let event = if event.is_empty() { "message" } else { event };
    Message {
        event: event.to_owned(),
        id: id.to_owned(),
        data: data.join("\n"),
    }
}
