//! The special-use ranges of IANA's IPv4 and IPv6 registries, and what else is never a receiver.
//!
//! IPv4 is open but for a list; IPv6 is closed but for global unicast (2000::/3), less its list.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

type Range<A> = (A, u32, &'static str);

const fn v4(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

const fn v6(a: u16, b: u16, c: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)
}

const V4: &[Range<Ipv4Addr>] = &[
    (v4(0, 0, 0, 0), 8, "this network"),
    (v4(10, 0, 0, 0), 8, "private use"),
    (v4(100, 64, 0, 0), 10, "shared address space"),
    (v4(127, 0, 0, 0), 8, "loopback"),
    (v4(168, 63, 129, 16), 32, "cloud platform service"),
    (v4(169, 254, 0, 0), 16, "link-local"),
    (v4(172, 16, 0, 0), 12, "private use"),
    (v4(192, 0, 0, 0), 24, "IETF protocol assignments"),
    (v4(192, 0, 2, 0), 24, "documentation"),
    (v4(192, 31, 196, 0), 24, "AS112"),
    (v4(192, 52, 193, 0), 24, "AMT"),
    (v4(192, 88, 99, 0), 24, "6to4 relay anycast"),
    (v4(192, 168, 0, 0), 16, "private use"),
    (v4(192, 175, 48, 0), 24, "AS112"),
    (v4(198, 18, 0, 0), 15, "benchmarking"),
    (v4(198, 51, 100, 0), 24, "documentation"),
    (v4(203, 0, 113, 0), 24, "documentation"),
    (v4(224, 0, 0, 0), 4, "multicast"),
    (v4(240, 0, 0, 0), 4, "reserved"),
];

const GLOBAL_UNICAST: Range<Ipv6Addr> = (v6(0x2000, 0, 0), 3, "global unicast");

const V6: &[Range<Ipv6Addr>] = &[
    (v6(0x2001, 0, 0), 23, "IETF protocol assignments"),
    (v6(0x2001, 0xdb8, 0), 32, "documentation"),
    (v6(0x2002, 0, 0), 16, "6to4"),
    (v6(0x2620, 0x4f, 0x8000), 48, "AS112"),
    (v6(0x3fff, 0, 0), 20, "documentation"),
];

const NAT64: Range<Ipv6Addr> = (v6(0x64, 0xff9b, 0), 96, "NAT64");

/// The special-use range that an address is in, by its name.
pub(super) fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => V4.iter().find(|range| in_v4(range, address)).map(|r| r.2),
        IpAddr::V6(address) if !in_v6(&GLOBAL_UNICAST, address) => Some("no global unicast"),
        IpAddr::V6(address) => V6.iter().find(|range| in_v6(range, address)).map(|r| r.2),
    }
}

/// The IPv4 address inside a NAT64 one (`64:ff9b::/96`).
pub(super) fn inside_nat64(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V6(address) if in_v6(&NAT64, address) => Some(low_bits(address)),
        _ => None,
    }
}

/// The IPv4 addresses that an IPv6 one leads to or stands for: mapped, NAT64, 6to4 or Teredo.
pub(super) fn inside(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let v6 = match address {
        IpAddr::V6(v6) => v6,
        IpAddr::V4(_) => Ipv6Addr::UNSPECIFIED,
    };
    let mapped = v6.to_ipv4_mapped().map(IpAddr::from);
    let [first, second, third, fourth, ..] = v6.segments();
    let sixtofour = (first == 0x2002).then(|| joined(second, third));
    let teredo = (first, second) == (0x2001, 0);
    let server = teredo.then(|| joined(third, fourth));
    let client = teredo.then(|| low_bits(Ipv6Addr::from(!u128::from(v6))));
    let found = [mapped, inside_nat64(address), sixtofour, server, client];
    found.into_iter().flatten()
}

fn joined(high: u16, low: u16) -> IpAddr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)).into()
}

#[allow(clippy::cast_possible_truncation)] // the low 32 bits are what is wanted
fn low_bits(address: Ipv6Addr) -> IpAddr {
    Ipv4Addr::from(u128::from(address) as u32).into()
}

fn in_v4(&(network, length, _): &Range<Ipv4Addr>, address: Ipv4Addr) -> bool {
    (u32::from(network) ^ u32::from(address)) >> (32 - length) == 0
}

fn in_v6(&(network, length, _): &Range<Ipv6Addr>, address: Ipv6Addr) -> bool {
    (u128::from(network) ^ u128::from(address)) >> (128 - length) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: Option<&str>) {
        assert_eq!(special(address.parse().unwrap()), expected, "{address}");
    }

    #[test]
    fn ranges_end_where_the_registries_end_them() {
        check("9.255.255.255", None);
        check("10.0.0.0", Some("private use"));
        check("168.63.129.15", None);
        check("168.63.129.16", Some("cloud platform service"));
        check("223.255.255.255", None);
        check("255.255.255.255", Some("reserved"));
        check("1fff:ffff::", Some("no global unicast"));
        check("2001:1ff:ffff::", Some("IETF protocol assignments"));
        check("2001:200::", None);
        check("3fff:fff:ffff::", Some("documentation"));
        check("3fff:1000::", None);
        check("4000::", Some("no global unicast"));
    }

    #[test]
    fn an_ipv4_address_is_found_inside_an_ipv6_one() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<_> = inside(text.parse().unwrap())
                .map(|a| a.to_string())
                .collect();
            assert_eq!(found, expected, "{text}");
        };
        check("::ffff:10.0.0.1", &["10.0.0.1"]);
        check("64:ff9b::10.0.0.1", &["10.0.0.1"]);
        check("2002:a00:1::", &["10.0.0.1"]);
        check("2001:0:a00:1::f5ff:fffd", &["10.0.0.1", "10.0.0.2"]);
        check("2606:4700::1111", &[]);
        check("10.0.0.1", &[]);
    }
}
