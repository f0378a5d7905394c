//! Host names: which are well formed, and which lead nowhere public.
//!
//! Names are cheap, early advice: what a name resolves to is judged apart, and that counts.

/// Top-level and other suffixes that no public receiver lives under.
const PRIVATE_SUFFIXES: &[&str] = &[
    "localhost",
    "localdomain",
    "local",
    "internal",
    "svc",
    "arpa",
    "onion",
    "invalid",
];

/// Public names of machines' own metadata services.
const METADATA: &[&str] = &[
    "metadata.goog",
    "metadata.packet.net",
    "metadata.platformequinix.com",
    "metadata.tencentyun.com",
];

/// Whether a name (in lower case, without a last dot) is a host name: labels of letters, digits,
/// hyphens and underscores, 1 to 63 bytes each, 253 in all.
pub(super) fn is_well_formed(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(allowed);
    name.len() <= 253 && name.split('.').all(label)
}

/// Whether a name is local to a machine or a network, or some cloud's metadata service.
pub(super) fn is_private(name: &str) -> bool {
    let single = !name.contains('.');
    single || METADATA.contains(&name) || PRIVATE_SUFFIXES.iter().any(|s| is_under(name, s))
}

/// Whether a name is `suffix` or ends in it at a dot.
pub(super) fn is_under(name: &str, suffix: &str) -> bool {
    let rest = name.strip_suffix(suffix);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suffix_begins_at_a_dot() {
        assert!(is_private("vault.internal"));
        assert!(!is_private("internal.example.com"));
        assert!(!is_private("my-internal.com"));
        assert!(!is_private("notlocal.example"));
        assert!(!is_under("xlocal", "local"));
    }

    #[test]
    fn labels_are_bounded_and_plain() {
        assert!(is_well_formed("a_b.example.com"));
        assert!(is_well_formed(&format!("{}.com", "a".repeat(63))));
        for bad in ["", ".", "a..b", "a.", "*.example.com", &"a".repeat(64)] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }
}
