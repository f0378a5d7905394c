//! The operator's rules, and the judgement of URLs and addresses by them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use super::{
    AddressRefusal, Deny, TargetHost, TargetUrl, UrlRefusal, address, deny::denies, name, port,
};

/// What may be dialled. The default is strict: https alone, public addresses alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressRules {
    /// Special-use addresses that are allowed all the same (`egress.allow`).
    pub allow: Vec<IpNet>,
    /// What is refused whatever else allows it (`egress.deny`).
    pub deny: Vec<Deny>,
    /// Judge `64:ff9b::/96` by the IPv4 address inside, instead of refusing it (`egress.nat64`).
    pub nat64: bool,
    /// Plain http as well (`egress.allow_http`).
    pub allow_http: bool,
    /// The name `localhost`, and no other local name.
    pub allow_localhost: bool,
    /// Names that are local to a machine or a network.
    pub allow_local_names: bool,
}

impl EgressRules {
    /// For development: loopback and plain http are allowed, every other rule stays.
    #[must_use]
    pub fn dev() -> Self {
        let v4 = IpNet::new_assert(Ipv4Addr::new(127, 0, 0, 0).into(), 8);
        Self {
            allow: vec![v4, IpAddr::V6(Ipv6Addr::LOCALHOST).into()],
            allow_http: true,
            allow_localhost: true,
            ..Self::default()
        }
    }

    /// For a tool that sends to where the one who runs it says: any address and any name, plain http
    /// too; ports that speak another protocol stay refused.
    #[must_use]
    pub fn anywhere() -> Self {
        let v4 = IpNet::new_assert(Ipv4Addr::UNSPECIFIED.into(), 0);
        let v6 = IpNet::new_assert(Ipv6Addr::UNSPECIFIED.into(), 0);
        Self {
            allow: vec![v4, v6],
            allow_http: true,
            allow_localhost: true,
            allow_local_names: true,
            ..Self::default()
        }
    }

    /// The judgement at registration: of the URL alone, without resolving its name.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn judge(&self, url: &TargetUrl) -> Result<(), UrlRefusal> {
        if !url.is_https() && !self.allow_http {
            return Err(UrlRefusal::HttpsOnly);
        }
        match url.host() {
            TargetHost::Address(address) => {
                Ok(self.judge_socket(SocketAddr::new(address, url.port()))?)
            }
            TargetHost::Name(name) => {
                self.judge_name(name)?;
                Ok(judge_port(url.port())?)
            }
        }
    }

    fn judge_name(&self, name: &str) -> Result<(), UrlRefusal> {
        if self.deny.iter().any(|deny| deny.covers_name(name)) {
            return Err(UrlRefusal::DeniedName);
        }
        let localhost = self.allow_localhost && name == "localhost";
        let allowed = localhost || self.allow_local_names;
        if name::is_private(name) && !allowed {
            return Err(UrlRefusal::ForbiddenName);
        }
        Ok(())
    }

    /// The judgement at connect: of the address that is about to be dialled, and was.
    ///
    /// # Errors
    /// Why it may not be.
    pub fn judge_socket(&self, socket: SocketAddr) -> Result<(), AddressRefusal> {
        self.judge_address(socket.ip())?;
        judge_port(socket.port())
    }

    /// The same of an address alone.
    ///
    /// # Errors
    /// Why it may not be dialled.
    pub fn judge_address(&self, address: IpAddr) -> Result<(), AddressRefusal> {
        if denies(&self.deny, address) {
            return Err(AddressRefusal::Denied);
        }
        if self.allow.iter().any(|net| net.contains(&address)) {
            return Ok(());
        }
        match address::inside_nat64(address) {
            Some(inside) if self.nat64 => self.judge_address(inside),
            _ => address::special(address).map_or(Ok(()), |r| Err(AddressRefusal::Special(r))),
        }
    }
}

fn judge_port(port: u16) -> Result<(), AddressRefusal> {
    if port::is_bad(port) {
        return Err(AddressRefusal::BadPort(port));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> EgressRules {
        EgressRules {
            allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
            deny: deny.iter().map(|entry| entry.parse().unwrap()).collect(),
            ..EgressRules::default()
        }
    }

    #[track_caller]
    fn check(rules: &EgressRules, url: &str, expected: Option<&str>) {
        let refusal = rules.judge(&url.parse().unwrap()).err();
        assert_eq!(refusal.map(|r| r.code()), expected, "{url}");
    }

    #[test]
    fn allow_opens_a_range_and_deny_closes_part_of_it() {
        let rules = rules(&["10.0.0.0/8"], &["10.9.0.0/16"]);
        check(&rules, "https://10.1.2.3/", None);
        check(&rules, "https://10.9.2.3/", Some("denied"));
        check(&rules, "https://192.168.0.1/", Some("private_address"));
        check(
            &rules,
            "https://[::ffff:10.1.2.3]/",
            Some("private_address"),
        );
        check(&rules, "https://10.1.2.3:6379/", Some("bad_port"));
    }

    #[test]
    fn deny_sees_through_forms_of_ipv4_in_ipv6() {
        let mut rules = rules(&["::/0"], &["8.8.8.8"]);
        rules.nat64 = true;
        check(&rules, "https://[64:ff9b::808:808]/", Some("denied"));
        check(&rules, "https://[::ffff:8.8.8.8]/", Some("denied"));
        check(&rules, "https://[2002:808:808::1]/", Some("denied"));
    }

    #[test]
    fn deny_names_a_host_or_all_below_a_suffix() {
        let rules = rules(&[], &["evil.example", ".Corp.example.com"]);
        check(&rules, "https://evil.example./", Some("denied"));
        check(&rules, "https://not.evil.example/", None);
        check(&rules, "https://a.corp.example.com/", Some("denied"));
        check(&rules, "https://corp.example.com/", Some("denied"));
        check(&rules, "https://acorp.example.com/", None);
    }

    #[test]
    fn anywhere_leaves_ports_of_other_protocols_alone() {
        let rules = EgressRules::anywhere();
        for url in [
            "http://localhost:3000/",
            "http://app:3000/",
            "http://192.168.0.7/",
            "http://[fd00::1]/",
            "https://vault.internal/",
        ] {
            check(&rules, url, None);
        }
        check(&rules, "http://localhost:5432/", Some("bad_port"));
    }

    #[test]
    fn development_opens_loopback_alone() {
        let rules = EgressRules::dev();
        check(&rules, "http://127.0.0.1:40123/hook", None);
        check(&rules, "http://[::1]:40123/hook", None);
        check(&rules, "http://localhost:8080/hook", None);
        check(&rules, "http://foo.localhost/", Some("forbidden_name"));
        check(&rules, "http://192.168.0.1/", Some("private_address"));
        check(&rules, "http://127.0.0.1:22/", Some("bad_port"));
        check(
            &EgressRules::default(),
            "http://example.com/",
            Some("https_only"),
        );
    }
}
