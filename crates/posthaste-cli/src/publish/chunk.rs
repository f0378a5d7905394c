//! Events cut into batches that stay under the server's limits.

use bytes::Bytes;

use super::input::EventJson;

/// Events of a request at most: few enough that progress is seen, and far under the limit.
const EVENTS_MAX: usize = 1000;
/// Bytes of a request at most, unless a single event is larger.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Events that go in one request.
#[derive(Default)]
pub struct Chunk {
    events: Vec<EventJson>,
    bytes: usize,
}

impl Chunk {
    /// Takes the next events, until it is full or there are no more; what does not fit goes to
    /// `left_over`, and is the first of the next chunk.
    pub fn take(
        events: &mut impl Iterator<Item = anyhow::Result<EventJson>>,
        left_over: &mut Option<EventJson>,
    ) -> anyhow::Result<Option<Self>> {
        let mut chunk = Self::default();
        while chunk.events.len() < EVENTS_MAX {
            let next = match left_over.take() {
                Some(event) => Some(event),
                None => events.next().transpose()?,
            };
            let Some(event) = next else { break };
            let bytes = chunk.bytes + event.get().len() + 1;
            if bytes > BYTES_MAX && !chunk.events.is_empty() {
                *left_over = Some(event);
                break;
            }
            chunk.bytes = bytes;
            chunk.events.push(event);
        }
        Ok((!chunk.events.is_empty()).then_some(chunk))
    }

    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Of its events, each with what ends it.
    pub fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// NDJSON; an array where an event itself has several lines.
    pub fn body(&self) -> (&'static str, Bytes) {
        let is_line = |event: &EventJson| !event.get().contains(['\n', '\r']);
        let events: Vec<&str> = self.events.iter().map(|event| event.get()).collect();
        if self.events.iter().all(is_line) {
            ("application/x-ndjson", (events.join("\n") + "\n").into())
        } else {
            ("application/json", format!("[{}]", events.join(",")).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;

    fn event(text: &str) -> EventJson {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn chunks(events: Vec<EventJson>) -> Vec<Chunk> {
        let (mut events, mut left_over) = (events.into_iter().map(Ok), None);
        std::iter::from_fn(|| Chunk::take(&mut events, &mut left_over).unwrap()).collect()
    }

    #[test]
    fn chunks_stay_under_their_bounds_and_lose_nothing() {
        let many = chunks(vec![event("1"); 2500]);
        let sizes: Vec<_> = many.iter().map(Chunk::len).collect();
        assert_eq!(sizes, [1000, 1000, 500]);
        let large = event(&format!("\"{}\"", "x".repeat(BYTES_MAX / 2)));
        let huge = event(&format!("\"{}\"", "x".repeat(BYTES_MAX * 2)));
        let sizes: Vec<_> = chunks(vec![large.clone(), large, event("1"), huge, event("2")])
            .iter()
            .map(Chunk::len)
            .collect();
        assert_eq!(sizes, [1, 2, 1, 1]);
        assert!(chunks(Vec::new()).is_empty());
    }

    #[test]
    fn bytes_of_events_are_not_touched() {
        let body = |events: &[&str]| chunks(events.iter().map(|e| event(e)).collect())[0].body();
        let (kind, lines) = body(&[r#"{"n": 1.0}"#, "{}"]);
        assert_eq!(
            (kind, &lines[..]),
            ("application/x-ndjson", &b"{\"n\": 1.0}\n{}\n"[..])
        );
        let (kind, array) = body(&["{\n}", "{}"]);
        assert_eq!((kind, &array[..]), ("application/json", &b"[{\n},{}]"[..]));
    }
}
