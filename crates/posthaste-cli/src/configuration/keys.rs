//! The table of every key: its name, its default and what it takes.

/// What a key's value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Address,
    Directory,
    Database,
    Switch,
    /// Both ends belong to the range.
    Number {
        min: u64,
        max: u64,
    },
    /// Events per second, perhaps with a fraction.
    EventRate,
    Networks,
    Proxies,
    Denials,
    File,
    Origins,
    Origin,
    Url,
    Log,
    LogFormat,
    AdminKey,
    MasterKey,
}

impl Kind {
    pub fn expects(self) -> String {
        match self {
            Self::Address => "an address and a port, such as 127.0.0.1:8400".to_owned(),
            Self::Directory => "a directory".to_owned(),
            Self::Database => "sqlite:<path>".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Number { min, max } => format!("a whole number from {min} to {max}"),
            Self::EventRate => "0.01 to 1,000,000 events per second".to_owned(),
            Self::Networks => "networks such as 10.0.0.0/8 or fd00::/8".to_owned(),
            Self::Proxies => "addresses and networks such as 10.0.0.1 or fd00::/8".to_owned(),
            Self::Denials => "networks, host names, and suffixes such as .example.com".to_owned(),
            Self::File => "a file".to_owned(),
            Self::Origins => {
                "origins such as https://app.example.com, without a path or a *".to_owned()
            }
            Self::Origin => {
                "an origin such as https://hooks.example.com, without a path".to_owned()
            }
            Self::Url => "a URL such as https://webhook.site, or nothing".to_owned(),
            Self::Log => {
                "a level (error, warn, info, debug, trace, off) or target=level".to_owned()
            }
            Self::LogFormat => "text or json".to_owned(),
            Self::AdminKey => "pst_ and at least 32 letters and digits".to_owned(),
            Self::MasterKey => "32 bytes in base64 or hex".to_owned(),
        }
    }

    pub fn is_list(self) -> bool {
        matches!(
            self,
            Self::Networks | Self::Proxies | Self::Denials | Self::Origins
        )
    }

    /// Never shown.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::AdminKey | Self::MasterKey)
    }
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    pub default: &'static str,
    pub kind: Kind,
    /// Whether it may be absent altogether.
    pub optional: bool,
}

impl Key {
    /// The key in capitals, dots as `_`.
    pub fn variable(&self) -> String {
        format!("POSTHASTE_{}", self.name.replace('.', "_").to_uppercase())
    }
}

const fn key(name: &'static str, default: &'static str, kind: Kind) -> Key {
    Key {
        name,
        default,
        kind,
        optional: false,
    }
}

const fn optional(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        default: "",
        kind,
        optional: true,
    }
}

const fn number(min: u64, max: u64) -> Kind {
    Kind::Number { min, max }
}

const MIB: u64 = 1 << 20;

/// Top-level keys first, as TOML wants them.
pub const KEYS: &[Key] = &[
    key("listen", "127.0.0.1:8400", Kind::Address),
    key("data_dir", "./posthaste-data", Kind::Directory),
    optional("public_url", Kind::Origin),
    optional("database", Kind::Database),
    optional("admin_key", Kind::AdminKey),
    key("dev", "false", Kind::Switch),
    key("log", "info", Kind::Log),
    key("log_format", "text", Kind::LogFormat),
    optional("tls.certificate", Kind::File),
    optional("tls.key", Kind::File),
    optional("cors.origins", Kind::Origins),
    optional("egress.allow", Kind::Networks),
    optional("egress.deny", Kind::Denials),
    key("egress.nat64", "false", Kind::Switch),
    key("egress.allow_http", "false", Kind::Switch),
    Key {
        name: "webhook_site.url",
        default: "https://webhook.site",
        kind: Kind::Url,
        optional: true,
    },
    optional("proxies.trusted", Kind::Proxies),
    key("keys.failures_per_min", "60", number(0, 10_000)),
    key("limits.event_bytes", "262144", number(1, 16 * MIB)),
    key("limits.batch_events", "10000", number(1, 100_000)),
    key("limits.batch_bytes", "16777216", number(1, 256 * MIB)),
    key("limits.dedup_window_s", "86400", number(1, 30 * 86400)),
    optional("limits.events_per_s", Kind::EventRate),
    key("limits.subscriptions", "10000", number(1, 1_000_000)),
    key("retention.days", "30", number(1, 3650)),
    key("retention.hold_days", "90", number(1, 3650)),
    key("retention.audit_days", "365", number(1, 3650)),
    key("delivery.auto_pause_after", "5", number(0, 1_000_000)),
    key("delivery.in_flight", "1024", number(1, 65_536)),
    key(
        "delivery.memory_deliveries",
        "100000",
        number(1000, 10_000_000),
    ),
    key(
        "delivery.memory_bytes",
        "268435456",
        number(MIB, 65_536 * MIB),
    ),
    key("delivery.unparked_for_ms", "5000", number(10, 600_000)),
    optional("secrets.master_key", Kind::MasterKey),
    optional("secrets.master_key_file", Kind::File),
];

pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Of these names, the one that was probably meant.
pub fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const TYPOS_MAX: usize = 3;
    names
        .map(|name| (strsim::damerau_levenshtein(written, name), name))
        .min_by_key(|(typos, _)| *typos)
        .filter(|(typos, name)| *typos <= TYPOS_MAX && *typos * 2 < name.len())
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_key_and_nonsense_finds_none() {
        let nearest = |written| nearest(written, KEYS.iter().map(|key| key.name));
        assert_eq!(nearest("egres.allow"), Some("egress.allow"));
        assert_eq!(nearest("lisen"), Some("listen"));
        assert_eq!(nearest("limits.event_byte"), Some("limits.event_bytes"));
        assert_eq!(nearest("colour"), None);
        assert_eq!(nearest("x"), None);
    }

    #[test]
    fn a_variable_is_its_key_in_capitals() {
        let variable = find("egress.allow").unwrap().variable();
        assert_eq!(variable, "POSTHASTE_EGRESS_ALLOW");
    }
}
