//! What is to be published, out of a file, a pipe or an argument: one event, an array of them, or a
//! line each. The bytes of an event are never written anew, so that no number in it changes.

use std::io::{BufRead, Read};

use anyhow::{Context, bail};
use serde_json::value::RawValue;

/// One event's JSON, byte for byte.
pub type EventJson = Box<RawValue>;

/// Events to come.
pub enum Events {
    /// One alone, published as such.
    One(EventJson),
    Many(std::vec::IntoIter<EventJson>),
    Lines(Lines),
}

/// NDJSON, read as it is needed.
pub struct Lines {
    /// Read already, to see what it is.
    first: Option<String>,
    rest: Box<dyn BufRead + Send>,
    /// Of the line that was read last, from 1.
    number: usize,
}

impl Events {
    /// Looks at the beginning and sees what it is; with `ndjson` it is lines, whatever it looks like.
    pub fn detect(mut input: Box<dyn BufRead + Send>, ndjson: bool) -> anyhow::Result<Self> {
        let mut first = String::new();
        while first.trim().is_empty() {
            first.clear();
            if input
                .read_line(&mut first)
                .context("cannot read the input")?
                == 0
            {
                bail!("there is no event in the input");
            }
        }
        let lines = |first, rest| {
            let (first, number) = (Some(first), 0);
            Ok(Self::Lines(Lines {
                first,
                rest,
                number,
            }))
        };
        if ndjson {
            return lines(first, input);
        }
        let is_whole = serde_json::from_str::<&RawValue>(&first).is_ok();
        if is_whole && !first.trim_start().starts_with('[') {
            return match next_line(&mut input)? {
                None => Ok(Self::One(raw(&first)?)),
                Some(second) => lines(first, Box::new(std::io::Cursor::new(second).chain(input))),
            };
        }
        input
            .read_to_string(&mut first)
            .context("cannot read the input")?;
        Self::of_text(&first)
    }

    /// JSON over several lines.
    fn of_text(text: &str) -> anyhow::Result<Self> {
        if text.trim_start().starts_with('[') {
            let events: Vec<EventJson> = serde_json::from_str(text).context("malformed JSON")?;
            return Ok(Self::Many(events.into_iter()));
        }
        let values = serde_json::Deserializer::from_str(text).into_iter();
        let mut events: Vec<EventJson> =
            values.collect::<Result<_, _>>().context("malformed JSON")?;
        match events.len() {
            1 => Ok(Self::One(events.remove(0))),
            _ => Ok(Self::Many(events.into_iter())),
        }
    }
}

impl Iterator for Events {
    type Item = anyhow::Result<EventJson>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(_) => {
                let one = std::mem::replace(self, Self::Many(Vec::new().into_iter()));
                let Self::One(event) = one else {
                    unreachable!("it was one")
                };
                Some(Ok(event))
            }
            Self::Many(events) => events.next().map(Ok),
            Self::Lines(lines) => lines.next().transpose(),
        }
    }
}

impl Lines {
    fn next(&mut self) -> anyhow::Result<Option<EventJson>> {
        loop {
            let line = match self.first.take() {
                Some(first) => Some(first),
                None => next_line(&mut self.rest)?,
            };
            self.number += 1;
            match line {
                None => return Ok(None),
                Some(line) if line.trim().is_empty() => {}
                Some(line) => {
                    let number = self.number;
                    return raw(&line)
                        .with_context(|| format!("line {number}"))
                        .map(Some);
                }
            }
        }
    }
}

/// The next line with something in it.
fn next_line(input: &mut impl BufRead) -> anyhow::Result<Option<String>> {
    let mut line = String::new();
    let read = input
        .read_line(&mut line)
        .context("cannot read the input")?;
    Ok((read > 0).then_some(line))
}

fn raw(text: &str) -> anyhow::Result<EventJson> {
    Ok(RawValue::from_string(text.trim().to_owned())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(text: &'static str, ndjson: bool) -> anyhow::Result<Events> {
        Events::detect(Box::new(std::io::Cursor::new(text)), ndjson)
    }

    #[track_caller]
    fn check(text: &'static str, one: bool, expected: &[&str]) {
        let events = detect(text, false).unwrap();
        assert_eq!(matches!(events, Events::One(_)), one, "{text}");
        let events: Vec<_> = events
            .map(|event| event.unwrap().get().to_owned())
            .collect();
        assert_eq!(events, expected, "{text}");
    }

    #[test]
    fn one_object_an_array_and_lines_are_told_apart() {
        check(r#"{"n": 1.0}"#, true, &[r#"{"n": 1.0}"#]);
        check("\n  {\"n\":1}  \n", true, &[r#"{"n":1}"#]);
        check("{\n  \"n\": 1\n}\n", true, &["{\n  \"n\": 1\n}"]);
        check(
            r#"[{"a": 1},{"b":2 }]"#,
            false,
            &[r#"{"a": 1}"#, r#"{"b":2 }"#],
        );
        check("[\n {\"a\":1e0},\n {}\n]", false, &[r#"{"a":1e0}"#, "{}"]);
        check(
            "{\"a\":1}\n{\"b\":2}\n",
            false,
            &[r#"{"a":1}"#, r#"{"b":2}"#],
        );
        check(
            "{\"a\":1}\r\n\r\n{\"b\":2}",
            false,
            &[r#"{"a":1}"#, r#"{"b":2}"#],
        );
        check("{\n}\n{\n}", false, &["{\n}", "{\n}"]);
        check("[]", false, &[]);
    }

    #[test]
    fn one_line_is_a_batch_where_lines_are_asked_for() {
        assert!(matches!(detect("{}", true).unwrap(), Events::Lines(_)));
        assert!(matches!(
            detect("[1]\n[2]", true).unwrap(),
            Events::Lines(_)
        ));
    }

    #[test]
    fn a_bad_line_is_named_and_no_input_is_an_error() {
        let mut events = detect("{}\n\n{\n", false).unwrap();
        assert!(events.next().unwrap().is_ok());
        let error = events.next().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "line 3");
        assert!(detect(" \n\n", false).is_err());
        assert!(detect("{\"a\":", false).is_err());
    }
}
