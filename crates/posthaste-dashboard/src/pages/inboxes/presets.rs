//! Answers that are usually tried, each chosen with one click.

use posthaste_store::inbox::InboxAnswer;

/// What is usually tried, by its field's value.
pub(super) const PRESETS: &[(&str, &str)] = &[
    ("ok", "200 OK"),
    ("500", "Always 500"),
    ("410", "410 Gone"),
    ("slow", "Slow: 8 s"),
    ("429", "429 with Retry-After"),
];

pub(super) fn preset(name: &str) -> Option<InboxAnswer> {
    let usual = InboxAnswer::default();
    let body = |text: &str| text.to_owned();
    Some(match name {
        "ok" => usual,
        "500" => InboxAnswer {
            status: 500,
            body: body("something went wrong"),
            ..usual
        },
        "410" => InboxAnswer {
            status: 410,
            ..usual
        },
        "slow" => InboxAnswer {
            delay_ms: 8000,
            ..usual
        },
        "429" => InboxAnswer {
            status: 429,
            retry_after_s: Some(10),
            body: body("too many requests"),
            ..usual
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_means_something() {
        for (name, _) in PRESETS {
            assert!(preset(name).is_some(), "{name}");
        }
        assert_eq!(preset("other"), None);
    }
}
