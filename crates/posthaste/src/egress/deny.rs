//! What is refused whatever else allows it: the operator's entries, and a tenant's own beside them.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

use data_encoding::HEXLOWER;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use super::{AddressRefusal, TargetHost, TargetUrl, UrlRefusal, address, name};

/// One entry of `egress.deny`: `10.0.0.0/8`, `203.0.113.7`, `example.com`, or `.example.com` for
/// that name and everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deny {
    /// Every address in it.
    Net(IpNet),
    /// This host name alone.
    Name(String),
    /// This name, without its first dot, and everything below it.
    Suffix(String),
}

/// Not an entry of `egress.deny`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address, a CIDR, a host name, or a suffix such as .example.com")]
pub struct DenyError;

impl Deny {
    pub(super) fn covers_address(&self, address: IpAddr) -> bool {
        matches!(self, Self::Net(net) if net.contains(&address))
    }

    pub(super) fn covers_name(&self, name: &str) -> bool {
        match self {
            Self::Net(_) => false,
            Self::Name(denied) => name == denied,
            Self::Suffix(suffix) => name::is_under(name, suffix),
        }
    }
}

impl FromStr for Deny {
    type Err = DenyError;

    fn from_str(text: &str) -> Result<Self, DenyError> {
        if let Ok(net) = text.parse() {
            return Ok(Self::Net(net));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Net(address.into()));
        }
        let below = text.strip_prefix('*').unwrap_or(text).strip_prefix('.');
        let host = below.unwrap_or(text).trim_end_matches('.');
        let Ok(url::Host::Domain(host)) = url::Host::parse(host) else {
            return Err(DenyError);
        };
        if !name::is_well_formed(&host) {
            return Err(DenyError);
        }
        Ok(below.map_or(Self::Name(host.clone()), |_| Self::Suffix(host)))
    }
}

impl fmt::Display for Deny {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(net) => net.fmt(f),
            Self::Name(name) => f.write_str(name),
            Self::Suffix(suffix) => write!(f, ".{suffix}"),
        }
    }
}

impl Serialize for Deny {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Deny {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Whether one of these covers an address, or the IPv4 address that an IPv6 one leads to.
pub(super) fn denies(entries: &[Deny], address: IpAddr) -> bool {
    let covers = |address| entries.iter().any(|deny| deny.covers_address(address));
    !entries.is_empty() && (covers(address) || address::inside(address).any(covers))
}

/// What one tenant refuses beside what the operator does. It can only take away.
#[derive(Clone, Debug, Default)]
pub struct DenyList(Option<Arc<Entries>>);

#[derive(Debug)]
struct Entries {
    entries: Vec<Deny>,
    /// Names the list: two that differ are named differently.
    mark: String,
}

impl DenyList {
    /// Entries of one list.
    pub const MAX: usize = 1000;

    /// In any order.
    #[must_use]
    pub fn new(entries: Vec<Deny>) -> Self {
        if entries.is_empty() {
            return Self(None);
        }
        let mut hash = Sha256::new();
        for entry in &entries {
            hash.update(format!("{entry}\n"));
        }
        let mark = HEXLOWER.encode(&hash.finalize());
        Self(Some(Arc::new(Entries { entries, mark })))
    }

    /// As they were given.
    #[must_use]
    pub fn entries(&self) -> &[Deny] {
        self.0.as_ref().map_or(&[], |list| &list.entries)
    }

    /// What tells lists apart, so that what was judged by one is not used under another.
    #[must_use]
    pub fn mark(&self) -> Option<&str> {
        self.0.as_ref().map(|list| list.mark.as_str())
    }

    /// Of the URL alone, as at registration.
    ///
    /// # Errors
    /// Its host is on the list.
    pub fn judge(&self, url: &TargetUrl) -> Result<(), UrlRefusal> {
        match url.host() {
            TargetHost::Address(address) => Ok(self.judge_address(address)?),
            TargetHost::Name(name) => {
                let denied = self.entries().iter().any(|deny| deny.covers_name(name));
                (!denied).then_some(()).ok_or(UrlRefusal::DeniedName)
            }
        }
    }

    /// Of an address that is about to be dialled, and was.
    ///
    /// # Errors
    /// It is on the list.
    pub fn judge_address(&self, address: IpAddr) -> Result<(), AddressRefusal> {
        let denied = denies(self.entries(), address);
        (!denied).then_some(()).ok_or(AddressRefusal::Denied)
    }
}

impl PartialEq for DenyList {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries()
    }
}

impl Eq for DenyList {}

impl Serialize for DenyList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DenyList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_deny_read_what_they_wrote() {
        for entry in ["10.0.0.0/8", "::1/128", "evil.example", ".corp.example.com"] {
            let deny: Deny = entry.parse().unwrap();
            assert_eq!(deny.to_string(), entry);
        }
        for bad in ["", "10.0.0.0/99", "a b", "..", "http://x.example"] {
            assert_eq!(bad.parse::<Deny>(), Err(DenyError), "{bad}");
        }
    }

    fn list(entries: &[&str]) -> DenyList {
        DenyList::new(entries.iter().map(|entry| entry.parse().unwrap()).collect())
    }

    #[track_caller]
    fn check(entries: &[&str], url: &str, expected: Option<&str>) {
        let refusal = list(entries).judge(&url.parse().unwrap()).err();
        assert_eq!(refusal.map(|r| r.code()), expected, "{url}");
    }

    #[test]
    fn a_list_refuses_its_hosts_and_addresses_alone() {
        let entries = &["8.8.8.0/24", "evil.example", ".corp.example.com"];
        check(entries, "https://8.8.8.8/", Some("denied"));
        check(entries, "https://evil.example./", Some("denied"));
        check(entries, "https://a.corp.example.com/", Some("denied"));
        check(entries, "https://example.com/", None);
        check(entries, "https://8.8.4.4/", None);
        check(&[], "https://8.8.8.8/", None);
    }

    #[test]
    fn lists_that_differ_have_marks_that_differ() {
        let (one, other) = (list(&["evil.example"]), list(&["10.0.0.0/8"]));
        assert_ne!(one.0.unwrap().mark, other.0.unwrap().mark);
        assert!(list(&[]).0.is_none());
    }

    #[test]
    fn a_list_is_kept_as_it_was_written() {
        let kept = serde_json::to_string(&list(&["10.0.0.0/8", ".a.example"])).unwrap();
        assert_eq!(kept, r#"["10.0.0.0/8",".a.example"]"#);
        let read: DenyList = serde_json::from_str(&kept).unwrap();
        assert_eq!(read, list(&["10.0.0.0/8", ".a.example"]));
    }
}
