//! Colours, on a terminal alone (and not where `NO_COLOR` is set).

use std::io::IsTerminal;

/// How a word is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Green,
    Red,
    Yellow,
    Cyan,
    Dim,
    Bold,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Self::Green => "32",
            Self::Red => "31",
            Self::Yellow => "33",
            Self::Cyan => "36",
            Self::Dim => "2",
            Self::Bold => "1",
        }
    }
}

/// Paints, or leaves text as it is.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    on: bool,
}

impl Paint {
    pub fn for_stdout() -> Self {
        Self::when(std::io::stdout().is_terminal())
    }

    pub fn for_stderr() -> Self {
        Self::when(std::io::stderr().is_terminal())
    }

    /// Leaves all text as it is.
    #[cfg(test)]
    pub fn none() -> Self {
        Self { on: false }
    }

    fn when(terminal: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            on: terminal && !refused,
        }
    }

    pub fn ink(self, ink: Ink, text: &str) -> String {
        if self.on {
            format!("\x1b[{}m{text}\x1b[0m", ink.code())
        } else {
            text.to_owned()
        }
    }
}
