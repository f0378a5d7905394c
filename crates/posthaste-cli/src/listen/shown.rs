//! What `listen` prints: a line for each event, and what was wrong where something was.

use posthaste::{
    delivery::FailureClass,
    event::EventType,
    id::EventId,
    transport::{Answer, TransportError},
};
use serde_json::json;

use super::forward::Forwarded;
use crate::{
    paint::{Ink, Paint},
    stdout,
};

/// Characters of an answer that are shown.
const BODY_MAX: usize = 200;

/// Prints, and counts.
pub struct Shown {
    pub json: bool,
    pub paint: Paint,
    pub url: String,
    pub taken: u64,
    pub refused: u64,
}

impl Shown {
    pub fn event(
        &mut self,
        id: EventId,
        event_type: &EventType,
        forwarded: &Forwarded,
    ) -> anyhow::Result<()> {
        let taken = is_taken(&forwarded.result);
        let first_refusal = !taken && self.refused == 0;
        *(if taken {
            &mut self.taken
        } else {
            &mut self.refused
        }) += 1;
        if self.json {
            return stdout::line(as_json(id, event_type, forwarded));
        }
        stdout::print(self.text(id, event_type, forwarded))?;
        if first_refusal {
            self.explain(&forwarded.result);
        }
        Ok(())
    }

    /// At 80 columns a type of 29 characters fits.
    fn text(&self, id: EventId, event_type: &EventType, forwarded: &Forwarded) -> String {
        let at = forwarded.at.to_string();
        let time = self.paint.ink(Ink::Dim, at.get(11..19).unwrap_or(&at));
        let ink = if is_taken(&forwarded.result) {
            Ink::Green
        } else {
            Ink::Red
        };
        let answer = self
            .paint
            .ink(ink, &format!("{:<8}", answer(&forwarded.result)));
        let latency = format!("{} ms", forwarded.latency.as_millis());
        let kind = self.paint.ink(Ink::Bold, event_type.as_str());
        let line = format!("{time}  {answer}  {latency:>8}  {id}  {kind}\n");
        match trouble(&forwarded.result) {
            Some(why) => format!("{line}          {}\n", self.paint.ink(ink, &why)),
            None => line,
        }
    }

    /// Once: what becomes of an event that was not taken.
    fn explain(&self, result: &Result<Answer, TransportError>) {
        let down = matches!(result, Err(error) if error.class == FailureClass::Connect);
        if down {
            eprintln!("          is anything listening at {}?", self.url);
        }
        eprintln!(
            "          listen sends each event once; --since 10m sends the last minutes again"
        );
    }

    pub fn summary(&self) -> String {
        let all = self.taken + self.refused;
        let events = if all == 1 { "event" } else { "events" };
        match self.refused {
            0 => format!("{all} {events} forwarded, every one taken"),
            refused => format!("{all} {events} forwarded, {refused} not taken"),
        }
    }
}

fn is_taken(result: &Result<Answer, TransportError>) -> bool {
    matches!(result, Ok(answer) if (200..300).contains(&answer.status))
}

fn answer(result: &Result<Answer, TransportError>) -> String {
    match result {
        Ok(answer) => answer.status.to_string(),
        Err(error) => error.class.to_string(),
    }
}

/// The first line of what was answered, or why nothing was.
fn trouble(result: &Result<Answer, TransportError>) -> Option<String> {
    match result {
        _ if is_taken(result) => None,
        Ok(answer) => first_line(&answer.body),
        Err(error) => Some(stdout::visible(&error.detail)),
    }
}

fn first_line(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let line: String = line.chars().take(BODY_MAX).collect();
    Some(stdout::visible(&line))
}

#[allow(clippy::cast_precision_loss)] // exact up to 285 years
fn as_json(id: EventId, event_type: &EventType, forwarded: &Forwarded) -> String {
    let (status, body, error) = match &forwarded.result {
        Ok(answer) => (
            Some(answer.status),
            Some(String::from_utf8_lossy(&answer.body).into_owned()),
            None,
        ),
        Err(error) => (None, None, Some(error.to_string())),
    };
    json!({
        "at": forwarded.at,
        "event_id": id,
        "type": event_type,
        "status_code": status,
        "error": error,
        "latency_ms": forwarded.latency.as_micros() as f64 / 1000.0,
        "response_body": body,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use posthaste::clock::Timestamp;

    use super::*;

    fn answered(status: u16, body: &'static str) -> Result<Answer, TransportError> {
        Ok(Answer {
            status,
            body: body.into(),
            ..Answer::default()
        })
    }

    #[test]
    fn each_event_is_a_line_and_trouble_another() {
        let mut shown = Shown {
            json: false,
            paint: Paint::none(),
            url: "http://localhost:3000/".to_owned(),
            taken: 0,
            refused: 0,
        };
        #[track_caller]
        fn check(shown: &mut Shown, result: Result<Answer, TransportError>, text: &str) {
            let forwarded = Forwarded {
                at: Timestamp::from_millis(1_795_293_360_123),
                latency: Duration::from_micros(12_400),
                result,
            };
            let (id, kind) = (EventId::from_u64(1), "a.b".parse().unwrap());
            assert_eq!(shown.text(id, &kind, &forwarded), text);
            shown.event(id, &kind, &forwarded).unwrap();
        }
        let ok = "20:36:00  200          12 ms  evt_0000000000001  a.b\n";
        check(&mut shown, answered(200, "thanks"), ok);
        let refused =
            "20:36:00  500          12 ms  evt_0000000000001  a.b\n          oh no\\u{1b}\n";
        check(&mut shown, answered(500, "\n oh no\u{1b} \nmore"), refused);
        let down = Err(TransportError {
            class: FailureClass::Connect,
            detail: "connection refused".to_owned(),
        });
        let text =
            "20:36:00  connect      12 ms  evt_0000000000001  a.b\n          connection refused\n";
        check(&mut shown, down, text);
        assert_eq!(shown.summary(), "3 events forwarded, 2 not taken");
    }
}
