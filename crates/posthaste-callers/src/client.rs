//! Where a request comes from: the other end of its connection, unless that is a proxy that the
//! operator trusts to say where it has it from.
//!
//! Forwarding headers are read from the right, where the nearest proxy has written, and no further
//! than to the first address that is no trusted proxy: what stands left of it was written by whoever
//! sent the request. From anyone else they mean nothing. Nothing else is believed of them: neither
//! host nor scheme, so that no link is ever built from a header.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header::FORWARDED};
use posthaste::network::Network;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address. Where both headers are there they have to agree: a proxy writes one of
/// them and may pass the other on as the client wrote it.
pub(crate) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    if !is_in(trusted, peer) {
        return Some(peer);
    }
    let forwarded = walk(peer, headers, &FORWARDED, forwarded_for, trusted);
    let x_forwarded_for = walk(peer, headers, &X_FORWARDED_FOR, node, trusted);
    match (forwarded, x_forwarded_for) {
        (None, None) => Some(peer),
        (Some(one), None) | (None, Some(one)) => Some(one),
        (Some(one), Some(other)) => (one == other).then_some(one),
    }
}

/// The first address from the right that is no trusted proxy; where none follows, or what follows is
/// no address, the last one. None where there is no such header.
fn walk(
    peer: IpAddr,
    headers: &HeaderMap,
    name: &HeaderName,
    read: impl Fn(&str) -> Option<IpAddr>,
    trusted: &[Network],
) -> Option<IpAddr> {
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    let lines = lines.iter().rev();
    let hops = lines.flat_map(|line| from_the_right(line.to_str().unwrap_or_default(), b','));
    let mut hops = hops.map(read).peekable();
    hops.peek()?;
    let mut last = peer;
    while is_in(trusted, last)
        && let Some(Some(hop)) = hops.next()
    {
        last = hop;
    }
    Some(last)
}

fn is_in(networks: &[Network], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(address))
}

/// What stands between separators, the last first; one within quotes is none. Read from the right,
/// so that quotes that a client left open hide nothing of what a proxy wrote behind them.
fn from_the_right(text: &str, separator: u8) -> Vec<&str> {
    let bytes = text.as_bytes();
    let (mut parts, mut end, mut quoted) = (Vec::new(), bytes.len(), false);
    for at in (0..bytes.len()).rev() {
        match bytes[at] {
            b'"' if !is_escaped(&bytes[..at]) => quoted = !quoted,
            byte if byte == separator && !quoted => {
                parts.push(&text[at + 1..end]);
                end = at;
            }
            _ => {}
        }
    }
    parts.push(&text[..end]);
    parts
}

/// Whether what follows is escaped by a backslash that is not itself.
fn is_escaped(before: &[u8]) -> bool {
    let slashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    slashes.count() % 2 == 1
}

/// The address of an element of `Forwarded` (RFC 7239) that names one, and one alone.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = from_the_right(element, b';').into_iter();
    let mut named = pairs.filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then_some(value.trim())
    });
    let (Some(value), None) = (named.next(), named.next()) else {
        return None;
    };
    let inside = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    node(inside.unwrap_or(value))
}

/// An address, with or without a port; an IPv6 one with or without brackets.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']');
    let plain = bracketed().unwrap_or(text).parse();
    let address = plain.or_else(|_| text.parse().map(|socket: SocketAddr| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXIES: [&str; 2] = ["10.0.0.0/8", "fd00::/8"];

    #[track_caller]
    fn check(peer: &str, headers: &[(&str, &str)], expected: Option<&str>) {
        let trusted = PROXIES.map(|network| network.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        let expected = expected.map(|address| address.parse().unwrap());
        let peer: IpAddr = peer.parse().unwrap();
        let found = address(peer.to_canonical(), &map, &trusted);
        assert_eq!(found, expected, "{headers:?}");
    }

    #[track_caller]
    fn check_list(value: &str, expected: &str) {
        check("10.0.0.1", &[("x-forwarded-for", value)], Some(expected));
    }

    #[track_caller]
    fn check_forwarded(value: &str, expected: &str) {
        check("10.0.0.1", &[("forwarded", value)], Some(expected));
    }

    #[test]
    fn a_stranger_is_who_they_are_whatever_they_say() {
        for name in [
            "x-forwarded-for",
            "forwarded",
            "x-real-ip",
            "x-forwarded-host",
            "host",
        ] {
            check("203.0.113.7", &[(name, "192.0.2.1")], Some("203.0.113.7"));
            check(
                "203.0.113.7",
                &[(name, "for=192.0.2.1")],
                Some("203.0.113.7"),
            );
        }
        check("::ffff:203.0.113.7", &[], Some("203.0.113.7"));
        check("10.0.0.1", &[], Some("10.0.0.1"));
        check("10.0.0.1", &[("x-real-ip", "192.0.2.1")], Some("10.0.0.1"));
    }

    #[test]
    fn a_trusted_proxy_names_the_client_and_the_client_names_nobody() {
        check_list("192.0.2.1", "192.0.2.1");
        check_list("198.51.100.9, 192.0.2.1", "192.0.2.1");
        check_list("198.51.100.9, 192.0.2.1, 10.0.0.2, fd00::7", "192.0.2.1");
        check_list("10.0.0.3,10.0.0.2", "10.0.0.3");
        check_list("::ffff:192.0.2.1", "192.0.2.1");
        check_list("2001:db8::1", "2001:db8::1");
        check_list("[2001:db8::1]:443", "2001:db8::1");
        check_list("192.0.2.1:50000", "192.0.2.1");
        let twice = [
            ("x-forwarded-for", "192.0.2.9"),
            ("x-forwarded-for", "192.0.2.1"),
        ];
        check("::ffff:10.0.0.1", &twice, Some("192.0.2.1"));
    }

    #[test]
    fn what_is_no_address_ends_the_walk() {
        check_list("192.0.2.1, unknown, 10.0.0.2", "10.0.0.2");
        check_list("192.0.2.1, 10.0.0.2, ", "10.0.0.1");
        check_list("garbage, 192.0.2.1", "192.0.2.1");
        check_list("é", "10.0.0.1");
        check_list("\"192.0.2.1", "10.0.0.1");
        check_forwarded("by=192.0.2.1", "10.0.0.1");
        check_forwarded("for=192.0.2.1;for=192.0.2.2", "10.0.0.1");
        check_forwarded("for=_hidden, for=10.0.0.2", "10.0.0.2");
        check_forwarded("for=unknown", "10.0.0.1");
        check_forwarded("for=\"192.0.2.1\\\"\"", "10.0.0.1");
    }

    #[test]
    fn forwarded_is_read_as_its_standard_says() {
        check_forwarded("for=192.0.2.1", "192.0.2.1");
        check_forwarded(
            "For = \"192.0.2.1:47011\" ;proto=https;by=10.0.0.1",
            "192.0.2.1",
        );
        check_forwarded("for=\"[2001:db8::1]:4711\"", "2001:db8::1");
        check_forwarded(
            "for=192.0.2.9, for=192.0.2.1;by=x, for=\"[fd00::1]\"",
            "192.0.2.1",
        );
        // A client's open quote, and a host that a proxy has escaped, hide and add nothing.
        check_forwarded("for=\"192.0.2.9, for=192.0.2.1", "192.0.2.1");
        check_forwarded(
            "for=192.0.2.1;host=\"a\\\",for=10.9.9.9;for=10.8.8.8\"",
            "192.0.2.1",
        );
        check_forwarded("for=192.0.2.1;host=\"a\\\\\", for=10.9.9.9", "192.0.2.1");
    }

    #[test]
    fn two_headers_that_contradict_each_other_name_nobody() {
        let both = |forwarded, list| [("forwarded", forwarded), ("x-forwarded-for", list)];
        let real = "198.51.100.9, 192.0.2.1";
        check("10.0.0.1", &both("for=192.0.2.1", real), Some("192.0.2.1"));
        check("10.0.0.1", &both("for=10.0.0.5", real), None);
        check("10.0.0.1", &both("garbage", real), None);
        check("192.0.2.7", &both("for=10.0.0.5", real), Some("192.0.2.7"));
    }
}
