//! Target URLs: what is accepted is read in one way alone, and leads to no special-use address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use posthaste::egress::{Deny, EgressRules, TargetHost, TargetUrl};

pub fn judge(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    deny(text);
    let Ok(url) = text.parse::<TargetUrl>() else {
        return;
    };
    one_reading(text, &url);
    let strict = EgressRules::default();
    if strict.judge(&url).is_ok() {
        assert!(url.is_https());
        match url.host() {
            TargetHost::Address(address) => assert!(!is_special(address), "{url}"),
            TargetHost::Name(name) => assert!(name.contains('.') && !name.ends_with(".internal")),
        }
        assert_eq!(EgressRules::anywhere().judge(&url), Ok(()), "{url}");
        refused_where_denied(&url);
    }
}

/// It reads what it wrote, and everybody else reads the same.
fn one_reading(text: &str, url: &TargetUrl) {
    assert_eq!(url.as_str().parse(), Ok(url.clone()), "{text:?}");
    assert_eq!(
        format!("{}{}", url.origin(), url.path_and_query()),
        url.as_str()
    );
    assert!(
        url.as_str().bytes().all(|byte| byte.is_ascii_graphic()),
        "{url}"
    );
    assert!(
        !url.as_str().contains(['@', '#', '\\']) && url.as_str().len() <= 2048,
        "{url}"
    );
    let uri: http::Uri = url.as_str().parse().expect("HTTP can carry it");
    assert_eq!(uri.authority().unwrap().as_str(), url.authority());
    assert_eq!(
        uri.port_u16()
            .unwrap_or(if url.is_https() { 443 } else { 80 }),
        url.port()
    );
    let host = uri.host().unwrap().trim_matches(['[', ']']);
    match url.host() {
        TargetHost::Address(address) => assert_eq!(host.parse(), Ok(address), "{url}"),
        TargetHost::Name(name) => {
            assert_eq!(host.strip_suffix('.').unwrap_or(host), name, "{url}");
            assert!(host.parse::<IpAddr>().is_err(), "{url}");
        }
    }
}

fn refused_where_denied(url: &TargetUrl) {
    let entry = match url.host() {
        TargetHost::Address(address) => address.to_string(),
        TargetHost::Name(name) => format!(".{name}"),
    };
    let rules = EgressRules {
        deny: vec![entry.parse().expect("its own host can be denied")],
        ..EgressRules::default()
    };
    assert!(rules.judge(url).is_err(), "{url}");
}

fn deny(text: &str) {
    if let Ok(entry) = text.parse::<Deny>() {
        assert_eq!(entry.to_string().parse(), Ok(entry), "{text:?}");
    }
}

/// As the standard library and the registries name them, not as the product lists them.
fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_special_v4(address),
        IpAddr::V6(address) => is_special_v6(address),
    }
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0xC0 == 64)
        || (a == 198 && b & 0xFE == 18)
        || (a == 192 && b == 0 && c == 0)
        || address == Ipv4Addr::new(168, 63, 129, 16)
}

fn is_special_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    !(0x2000..=0x3FFF).contains(&segments[0])
        || (segments[0] == 0x2001 && segments[1] < 0x200)
        || segments[..2] == [0x2001, 0xDB8]
        || segments[0] == 0x2002
        || (segments[0] == 0x3FFF && segments[1] < 0x1000)
}
