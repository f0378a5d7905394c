//! Event types, patterns of them and tenants' names, beside what the contract says of them.

use posthaste::{
    event::{EventType, TenantId},
    subscription::EventPattern,
};

use super::parts;

/// A pattern, then a type.
pub fn judge(input: &[u8]) {
    let Some((pattern, name)) = parts::text_line(input) else {
        return;
    };
    let Ok(name) = std::str::from_utf8(name) else {
        return;
    };
    tenant(name);
    let event_type = name.parse::<EventType>();
    assert_eq!(event_type.is_ok(), is_type(name), "{name:?}");
    let parsed = pattern.parse::<EventPattern>();
    assert_eq!(parsed.is_ok(), is_pattern(pattern), "{pattern:?}");
    if let Ok(event_type) = &event_type {
        assert_eq!(event_type.as_str(), name);
    }
    if let Ok(parsed) = &parsed {
        assert_eq!(parsed.to_string(), pattern);
    }
    if let (Ok(event_type), Ok(parsed)) = (event_type, parsed) {
        assert_eq!(
            parsed.matches(&event_type),
            wants(pattern, name),
            "{pattern} {name}"
        );
    }
}

fn is_type(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    };
    text.len() <= 128 && text.split('.').all(word)
}

fn is_pattern(text: &str) -> bool {
    let prefix = text.strip_suffix(".*").is_some_and(is_type);
    text == "*" || is_type(text) || (prefix && text.len() <= 128)
}

fn wants(pattern: &str, name: &str) -> bool {
    let platforms = |text: &str| text.starts_with("posthaste.");
    let (words, asked): (Vec<_>, Vec<_>) =
        (name.split('.').collect(), pattern.split('.').collect());
    match asked.split_last() {
        Some((&"*", [])) => !platforms(name),
        Some((&"*", before)) => words.len() > before.len() && words.starts_with(before),
        _ => words == asked,
    }
}

fn tenant(text: &str) {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_one = (1..=63).contains(&text.len()) && text.chars().all(allowed);
    let expected = is_one && !text.starts_with('-');
    assert_eq!(text.parse::<TenantId>().is_ok(), expected, "{text:?}");
}
