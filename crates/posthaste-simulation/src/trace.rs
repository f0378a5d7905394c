//! What happened, a line a step: always hashed, its end always kept, the whole on request.

use std::{
    collections::VecDeque,
    fmt::{self, Write},
    time::Duration,
};

/// Lines that are kept for a violation.
const TAIL: usize = 60;

/// The trace of one world.
#[derive(Debug, Default)]
pub struct Trace {
    hash: u64,
    tail: VecDeque<String>,
    whole: Option<String>,
}

impl Trace {
    #[must_use]
    pub fn new(keep_all: bool) -> Self {
        Self {
            hash: 0xCBF2_9CE4_8422_2325,
            whole: keep_all.then(String::new),
            ..Self::default()
        }
    }

    pub fn line(&mut self, at: Duration, what: fmt::Arguments<'_>) {
        let mut line = match self.tail.len() {
            TAIL.. => self.tail.pop_front().unwrap_or_default(),
            _ => String::new(),
        };
        line.clear();
        let (seconds, millis) = (at.as_secs(), at.subsec_millis());
        write!(line, "{seconds:>6}.{millis:03} {what}").expect("a string takes everything");
        self.hash = fnv(self.hash, line.as_bytes());
        if let Some(whole) = &mut self.whole {
            whole.push_str(&line);
            whole.push('\n');
        }
        self.tail.push_back(line);
    }

    /// The same for the same seed, whatever the machine.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// All lines if they were kept, else the last ones.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.whole {
            Some(whole) => whole.clone(),
            None => self.tail.iter().map(|line| format!("{line}\n")).collect(),
        }
    }
}

/// FNV-1a.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}
