//! The one parse of a target URL: what holds whatever the rules are.
//!
//! The text is checked before it is parsed, because the URL standard repairs what is better
//! refused: it strips tabs and new lines, turns backslashes into slashes and `0x7f.1` into an
//! address. What is kept is the parsed URL, so that nobody downstream reads it another way.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::{Host, Position, Url};

use super::{UrlRefusal, name};

/// Bytes of a URL at most, as written and as parsed.
const LENGTH_MAX: usize = 2048;

/// A target as the URL standard reads it: http or https, no userinfo, no fragment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetUrl(Url);

/// The host of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetHost<'a> {
    /// In lower case and ASCII, without a last dot.
    Name(&'a str),
    /// An IPv4 or IPv6 literal.
    Address(IpAddr),
}

impl TargetUrl {
    /// The URL as it is requested.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it is reached over TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Its host, by name or address.
    #[must_use]
    pub fn host(&self) -> TargetHost<'_> {
        match self.0.host() {
            Some(Host::Ipv4(address)) => TargetHost::Address(address.into()),
            Some(Host::Ipv6(address)) => TargetHost::Address(address.into()),
            Some(Host::Domain(name)) => TargetHost::Name(name.strip_suffix('.').unwrap_or(name)),
            None => TargetHost::Name(""),
        }
    }

    /// As written, else the scheme's own.
    #[must_use]
    pub fn port(&self) -> u16 {
        let default = if self.is_https() { 443 } else { 80 };
        self.0.port().unwrap_or(default)
    }

    /// Host, and port where it is not the scheme's own: what a `host` header says.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.0[Position::BeforeHost..Position::AfterPort]
    }

    /// Scheme, host and port: what a connection may be shared by.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.0[..Position::AfterPort]
    }

    /// Path and query: what a request line says.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.0[Position::BeforePath..Position::AfterQuery]
    }
}

impl FromStr for TargetUrl {
    type Err = UrlRefusal;

    fn from_str(text: &str) -> Result<Self, UrlRefusal> {
        let written = written_host(text)?;
        let url = Url::parse(text).map_err(UrlRefusal::Malformed)?;
        if url.as_str().len() > LENGTH_MAX {
            return Err(UrlRefusal::TooLong);
        }
        match url.host() {
            Some(Host::Ipv4(address)) => check_spelling(address, written)?,
            Some(Host::Ipv6(_)) => {}
            Some(Host::Domain(domain)) => check_name(domain)?,
            None => return Err(UrlRefusal::Host),
        }
        Ok(Self(url))
    }
}

/// The host as written, out of a text that has nothing in it which parsers disagree about.
fn written_host(text: &str) -> Result<&str, UrlRefusal> {
    check_characters(text)?;
    let (scheme, rest) = text.split_once("://").ok_or(UrlRefusal::Scheme)?;
    if !["http", "https"]
        .iter()
        .any(|s| scheme.eq_ignore_ascii_case(s))
    {
        return Err(UrlRefusal::Scheme);
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(UrlRefusal::Host); // the standard would skip further slashes
    }
    if authority.starts_with('[') && authority.contains('%') {
        return Err(UrlRefusal::ZoneId);
    }
    Ok(authority.split(':').next().unwrap_or_default())
}

fn check_characters(text: &str) -> Result<(), UrlRefusal> {
    if text.len() > LENGTH_MAX {
        return Err(UrlRefusal::TooLong);
    }
    let refusal = |c: char| match c {
        '\\' => Some(UrlRefusal::Backslash),
        '@' => Some(UrlRefusal::Userinfo),
        '#' => Some(UrlRefusal::Fragment),
        c if c.is_control() || c.is_whitespace() || is_invisible(c) => {
            Some(UrlRefusal::ControlCharacter)
        }
        _ => None,
    };
    text.chars().find_map(refusal).map_or(Ok(()), Err)
}

/// What the standard drops from a host without a trace, or what changes how text is shown.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// One spelling of an IPv4 address, so that what is shown is what is dialled.
fn check_spelling(address: Ipv4Addr, written: &str) -> Result<(), UrlRefusal> {
    let plain = written.parse() == Ok(address);
    plain.then_some(()).ok_or(UrlRefusal::Ipv4Spelling)
}

fn check_name(domain: &str) -> Result<(), UrlRefusal> {
    let name = domain.strip_suffix('.').unwrap_or(domain);
    let good = name::is_well_formed(name);
    good.then_some(()).ok_or(UrlRefusal::Host)
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for TargetUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for TargetUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, origin: &str, authority: &str, port: u16, path: &str) {
        let url: TargetUrl = text.parse().unwrap();
        assert_eq!(url.origin(), origin);
        assert_eq!(url.authority(), authority);
        assert_eq!(url.port(), port);
        assert_eq!(url.path_and_query(), path);
        assert_eq!(url.as_str().parse(), Ok(url), "reads what it wrote");
    }

    #[test]
    fn a_target_gives_its_parts_as_they_are_sent() {
        check(
            "https://EXAMPLE.com:443",
            "https://example.com",
            "example.com",
            443,
            "/",
        );
        check(
            "http://a.test:8080/X?y=é",
            "http://a.test:8080",
            "a.test:8080",
            8080,
            "/X?y=%C3%A9",
        );
        check(
            "http://[2606:0::1]/",
            "http://[2606::1]",
            "[2606::1]",
            80,
            "/",
        );
        check(
            "https://bücher.example?",
            "https://xn--bcher-kva.example",
            "xn--bcher-kva.example",
            443,
            "/?",
        );
    }

    #[test]
    fn a_name_has_no_last_dot_when_it_is_judged() {
        let url: TargetUrl = "https://example.com./".parse().unwrap();
        assert_eq!(url.host(), TargetHost::Name("example.com"));
    }

    #[track_caller]
    fn refused(text: &str, code: &str) {
        assert_eq!(
            text.parse::<TargetUrl>().unwrap_err().code(),
            code,
            "{text}"
        );
    }

    #[test]
    fn a_refusal_names_its_reason() {
        refused(" https://example.com", "control_character");
        refused("https://example.com/\u{200b}", "control_character");
        refused("https://a@example.com", "userinfo");
        refused("https://example.com/#", "fragment");
        refused("https://example.com\\", "backslash");
        refused("https://[fe80::1%25eth0]/", "zone_id");
        refused("https:example.com", "scheme");
        refused("ftp://example.com", "scheme");
        refused("https:///example.com", "invalid_host");
        refused("https://a..example.com/", "invalid_host");
        refused("https://example.com:99999/", "malformed");
        refused("http://0x7f.1/", "ipv4_spelling");
        refused(
            &format!("https://example.com/{}", "é".repeat(600)),
            "too_long",
        );
        refused(
            &format!("https://example.com/{}", "a".repeat(2048)),
            "too_long",
        );
    }

    #[test]
    fn json_carries_it_as_text() {
        let url: TargetUrl = serde_json::from_str(r#""https://example.com/a""#).unwrap();
        assert_eq!(
            serde_json::to_string(&url).unwrap(),
            r#""https://example.com/a""#
        );
        let refused = serde_json::from_str::<TargetUrl>(r#""ftp://example.com""#).unwrap_err();
        assert!(refused.to_string().contains("https://"), "{refused}");
    }
}
