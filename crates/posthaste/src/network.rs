//! A network of addresses, as someone writes one who names where requests may come from.
//!
//! Both sides are brought to one form before they are compared: an IPv4 address that comes as an
//! IPv6 one (`::ffff:10.0.0.1`) is the IPv4 address, and bits behind a prefix are cleared.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net};

/// Bits of the prefix behind which an IPv6 address holds an IPv4 one.
const MAPPED_BITS: u8 = 96;

/// One address, or all that share a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(IpNet);

/// Not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address or a network such as 10.0.0.0/8 or fd00::/8")]
pub struct NetworkError;

impl Network {
    /// Whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let net = address.or_else(|_| text.parse::<IpNet>());
        net.map(|net| Self(canonical(net)))
            .map_err(|_| NetworkError)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn canonical(net: IpNet) -> IpNet {
    mapped(net).map_or(net, IpNet::V4).trunc()
}

/// The IPv4 network that an IPv6 one stands for.
fn mapped(net: IpNet) -> Option<Ipv4Net> {
    let IpNet::V6(net) = net else { return None };
    let inside = net.addr().to_ipv4_mapped()?;
    let bits = net.prefix_len().checked_sub(MAPPED_BITS)?;
    Ipv4Net::new(inside, bits).ok()
}

/// The network that one who has an address is taken to have: an IPv4 address, or an IPv6 /64, of
/// which any subscriber of a provider has all.
#[must_use]
pub fn holder_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_one_form() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let network: Network = text.parse().unwrap();
            assert_eq!(network.to_string(), expected, "{text}");
            assert_eq!(expected.parse(), Ok(network), "it reads what it wrote");
        }
        check("10.1.2.3/8", "10.0.0.0/8");
        check("203.0.113.7", "203.0.113.7/32");
        check("2001:DB8::1/32", "2001:db8::/32");
        check("::1", "::1/128");
        check("::ffff:10.1.2.3", "10.1.2.3/32");
        check("::ffff:10.1.2.3/104", "10.0.0.0/8");
        check("::/0", "::/0");
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0",
            "example.com",
            "10.0.0.0/8 ",
            "::1%eth0",
        ] {
            assert_eq!(bad.parse::<Network>(), Err(NetworkError), "{bad}");
        }
    }

    #[test]
    fn an_address_is_in_a_network_in_whatever_form_it_comes() {
        #[track_caller]
        fn check(network: &str, address: &str, expected: bool) {
            let network: Network = network.parse().unwrap();
            let found = network.contains(address.parse().unwrap());
            assert_eq!(found, expected, "{address} in {network}");
        }
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "::ffff:10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("2001:db8::/32", "2001:db8::1", true);
        check("::/0", "10.0.0.1", false);
        check("::/0", "::ffff:10.0.0.1", false);
        check("0.0.0.0/0", "::1", false);
    }

    #[test]
    fn an_ipv6_address_is_held_with_its_neighbours() {
        #[track_caller]
        fn check(address: &str, expected: &str) {
            let held: IpAddr = expected.parse().unwrap();
            assert_eq!(holder_of(address.parse().unwrap()), held);
        }
        check("203.0.113.7", "203.0.113.7");
        check("::ffff:203.0.113.7", "203.0.113.7");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
    }
}
