//! The windows that people look at, and how often each is worth asking for again.

use crate::query::Query;

/// How far back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Window {
    #[default]
    Hour,
    Day,
    Week,
    Month,
}

impl Window {
    pub(crate) const EVERY: &[Self] = &[Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The one asked for; else the shortest.
    pub(crate) fn asked(query: &Query) -> Self {
        let name = query.text("window").unwrap_or_default();
        let mut every = Self::EVERY.iter().copied();
        every
            .find(|window| window.as_str() == name)
            .unwrap_or_default()
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Hour => "1 hour",
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::Month => "30 days",
        }
    }

    pub(crate) const fn minutes(self) -> u32 {
        match self {
            Self::Hour => 60,
            Self::Day => 24 * 60,
            Self::Week => 7 * 24 * 60,
            Self::Month => 30 * 24 * 60,
        }
    }

    /// Of one point: so many that a bar is wide enough to be hit.
    pub(crate) const fn step_minutes(self) -> u32 {
        match self {
            Self::Hour => 1,
            Self::Day => 30,
            Self::Week => 3 * 60,
            Self::Month => 12 * 60,
        }
    }

    pub(crate) const fn step_label(self) -> &'static str {
        match self {
            Self::Hour => "minute",
            Self::Day => "half hour",
            Self::Week => "three hours",
            Self::Month => "half day",
        }
    }

    /// Seconds between two looks: what a longer one adds is harder to see.
    pub(crate) const fn look_again_s(self) -> u32 {
        match self {
            Self::Hour => 5,
            Self::Day => 30,
            Self::Week => 120,
            Self::Month => 300,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_one_of_four_and_an_hour_where_none_is_named() {
        for (query, expected) in [
            ("", Window::Hour),
            ("window=24h", Window::Day),
            ("window=30d", Window::Month),
            ("window=<script>", Window::Hour),
        ] {
            assert_eq!(Window::asked(&Query::parse(query)), expected, "{query}");
        }
    }

    #[test]
    fn a_window_has_at_most_sixty_points() {
        for window in Window::EVERY {
            assert!(window.minutes() / window.step_minutes() <= 60);
            assert_eq!(window.minutes() % window.step_minutes(), 0);
        }
    }
}
