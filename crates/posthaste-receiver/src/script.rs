//! Which behaviour a request meets: by path, in sequence, the last one for ever.

use std::{
    str::FromStr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use posthaste::chance::Chance;

use crate::behaviour::{Behaviour, BehaviourError};

/// Sequences of behaviours, each for the paths with a prefix. The longest prefix wins. What holds
/// a text that has a sequence of its own is met by that instead.
#[derive(Debug)]
pub struct Script {
    parts: Vec<Part>,
    texts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    /// What a path begins with, or a body holds.
    needle: String,
    sequence: Vec<Behaviour>,
    met: AtomicUsize,
}

impl Script {
    /// One behaviour for everything.
    #[must_use]
    pub fn always(behaviour: impl Into<Behaviour>) -> Self {
        Self::sequence([behaviour.into()])
    }

    /// One behaviour after the other, the last one for ever; an empty sequence answers 200.
    #[must_use]
    pub fn sequence(behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        let parts = vec![Part::new("", behaviours)];
        let texts = Vec::new();
        Self { parts, texts }
    }

    /// The same for statuses.
    #[must_use]
    pub fn statuses(statuses: impl IntoIterator<Item = u16>) -> Self {
        Self::sequence(statuses.into_iter().map(Behaviour::status))
    }

    /// A sequence of their own for paths that begin so.
    #[must_use]
    pub fn on(mut self, prefix: &str, behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        self.parts.push(Part::new(prefix, behaviours));
        self.parts
            .sort_by_key(|part| std::cmp::Reverse(part.needle.len()));
        self
    }

    /// A sequence of their own for requests whose body holds this text; of several the first.
    #[must_use]
    pub fn on_text(mut self, text: &str, behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        self.texts.push(Part::new(text, behaviours));
        self
    }

    /// Whether a request may have to be met before it is read.
    pub(crate) fn acts_before_read(&self) -> bool {
        let sequences = self.parts.iter().flat_map(|part| &part.sequence);
        self.parts.len() == 1 && sequences.clone().any(Behaviour::is_before_read)
    }

    /// What the next request meets before it is read, if it does: its path is not known yet, so
    /// that this is for a script without paths alone.
    pub(crate) fn before_read(&self) -> Option<Behaviour> {
        let [part] = self.parts.as_slice() else {
            return None;
        };
        let next = part.at(part.met.load(Relaxed)).is_before_read();
        next.then(|| part.next()).filter(Behaviour::is_before_read)
    }

    /// What a request for a path meets.
    pub(crate) fn meet(&self, path: &str) -> Behaviour {
        let part = self
            .parts
            .iter()
            .find(|part| path.starts_with(&part.needle));
        part.map_or(Behaviour::status(200), Part::next)
    }

    /// What a request with this body meets instead, if its text has a sequence.
    pub(crate) fn meet_text(&self, body: &[u8]) -> Option<Behaviour> {
        let holds = |text: &str| body.windows(text.len()).any(|part| part == text.as_bytes());
        let part = self.texts.iter().find(|part| holds(&part.needle));
        part.map(Part::next)
    }
}

impl Default for Script {
    fn default() -> Self {
        Self::always(Behaviour::status(200))
    }
}

impl Part {
    fn new(needle: &str, behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        let mut sequence: Vec<Behaviour> = behaviours.into_iter().collect();
        if sequence.is_empty() {
            sequence.push(Behaviour::status(200));
        }
        Self {
            needle: needle.to_owned(),
            sequence,
            met: AtomicUsize::new(0),
        }
    }

    fn at(&self, n: usize) -> &Behaviour {
        &self.sequence[n.min(self.sequence.len() - 1)]
    }

    fn next(&self) -> Behaviour {
        let n = self.met.fetch_add(1, Relaxed);
        match *self.at(n) {
            Behaviour::FailShare {
                share,
                status,
                seed,
            } => {
                let fails = Chance::seeded(seed ^ (n as u64) << 20).draw() < share;
                Behaviour::status(if fails { status } else { 200 })
            }
            ref behaviour => behaviour.clone(),
        }
    }
}

/// `script=500,hang,200`: statuses and behaviours in sequence; anything else is one [`Behaviour`].
impl FromStr for Script {
    type Err = BehaviourError;

    fn from_str(text: &str) -> Result<Self, BehaviourError> {
        let Some(steps) = text.strip_prefix("script=") else {
            return text
                .parse()
                .map(|behaviour: Behaviour| Self::always(behaviour));
        };
        let step = |step: &str| match step.bytes().all(|b| b.is_ascii_digit()) {
            true => format!("status={step}").parse(),
            false => step.parse(),
        };
        let behaviours: Result<Vec<Behaviour>, _> = steps.split(',').map(step).collect();
        behaviours.map(Self::sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(script: &Script, path: &str, n: usize) -> Vec<u16> {
        let met = (0..n).map(|_| script.meet(path));
        met.map(|behaviour| match behaviour {
            Behaviour::Answer(reply) => reply.status,
            other => panic!("{other:?}"),
        })
        .collect()
    }

    #[test]
    fn a_sequence_ends_in_its_last_behaviour_for_ever() {
        let script: Script = "script=500,503,200".parse().unwrap();
        assert_eq!(statuses(&script, "/", 5), [500, 503, 200, 200, 200]);
        assert!("script=500,,200".parse::<Script>().is_err());
        assert!("script=500,hang".parse::<Script>().is_ok());
    }

    #[test]
    fn the_longest_prefix_of_a_path_wins() {
        let script = Script::statuses([200])
            .on("/a", [Behaviour::status(500)])
            .on("/a/b", [Behaviour::status(410)]);
        assert_eq!(statuses(&script, "/", 1), [200]);
        assert_eq!(statuses(&script, "/a/c", 1), [500]);
        assert_eq!(statuses(&script, "/a/b/c", 1), [410]);
    }

    #[test]
    fn a_text_has_a_sequence_of_its_own() {
        let script = Script::statuses([200]).on_text("n1", [500, 201].map(Behaviour::status));
        let met = || script.meet_text(b"{\"data\":\"n1\"}");
        assert_eq!(met(), Some(Behaviour::status(500)));
        assert_eq!(met(), Some(Behaviour::status(201)));
        assert_eq!(script.meet_text(b"n2"), None);
    }

    #[test]
    fn a_share_fails_and_a_seed_repeats_which() {
        let text = "fail=0.3:503:7";
        let (one, two) = (text.parse::<Script>().unwrap(), text.parse().unwrap());
        let met = statuses(&one, "/", 1000);
        assert_eq!(met, statuses(&two, "/", 1000));
        let failed = met.iter().filter(|status| **status == 503).count();
        assert!((250..350).contains(&failed), "{failed}");
    }
}
