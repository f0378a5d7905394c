//! The two classes of attempts, which take turns.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The first attempt of a new event to an endpoint that is well.
    Light,
    /// All others: retries, what was held, what failing endpoints get.
    Heavy,
}

impl Class {
    pub fn other(self) -> Self {
        match self {
            Self::Light => Self::Heavy,
            Self::Heavy => Self::Light,
        }
    }
}
