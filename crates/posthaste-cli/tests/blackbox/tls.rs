//! TLS for the API: the real binary with a certificate, and the real command line against it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Output,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::{
    http::Wire,
    running::Running,
    server::{ADMIN_KEY, posthaste},
    sink::Sink,
    wait::{SOON, until},
};

/// An authority of one's own, its certificate in a file.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(home: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let file = home.join(name);
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            file,
        }
    }

    /// A certificate for this machine and its key, both in PEM.
    fn certify(&self) -> (String, String) {
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let params = CertificateParams::new(names).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// Where a server's files are.
struct Home(TempDir);

impl Home {
    /// With a configuration, and a certificate by this authority.
    fn new() -> (Self, Authority) {
        let home = tempfile::tempdir().unwrap();
        let authority = Authority::new(home.path(), "ca.pem");
        let home = Self(home);
        home.certify_by(&authority);
        let configuration = format!(
            "listen = '127.0.0.1:0'\ndata_dir = '{}'\nadmin_key = '{ADMIN_KEY}'\ndev = true\n\
             [tls]\ncertificate = '{}'\nkey = '{}'\n",
            home.path("data"),
            home.path("server.pem"),
            home.path("server.key"),
        );
        std::fs::write(home.path("posthaste.toml"), configuration).unwrap();
        (home, authority)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn certify_by(&self, authority: &Authority) {
        let (certificate, key) = authority.certify();
        std::fs::write(self.path("server.pem"), certificate).unwrap();
        std::fs::write(self.path("server.key"), key).unwrap();
    }

    fn serve(&self) -> Running {
        Running::start("", &["serve", "--config", &self.path("posthaste.toml")])
    }
}

/// Where a server says that it listens.
fn url(server: &Running) -> String {
    server.wait_until_it_says(" is ready at https://127.0.0.1:");
    let said = server.said();
    let (_, rest) = said.split_once("https://").unwrap();
    format!("https://{}", rest.split_whitespace().next().unwrap())
}

fn run(server: &str, authority: Option<&Authority>, arguments: &[&str]) -> Output {
    let mut command = posthaste();
    command.args(arguments);
    command.args(["--server", server, "--key", ADMIN_KEY]);
    if let Some(authority) = authority {
        command.arg("--ca").arg(&authority.file);
    }
    command.output().expect("the binary runs")
}

fn works(server: &str, authority: &Authority) -> bool {
    run(server, Some(authority), &["keys", "list"])
        .status
        .success()
}

#[test]
fn every_command_speaks_tls_to_a_server_that_has_a_certificate() {
    let ((home, authority), sink) = (Home::new(), Sink::start());
    let server = home.serve();
    let url = url(&server);
    let ca = authority.file.display().to_string();
    let hook = sink.url();
    for arguments in [
        &["subscriptions", "create", &hook][..],
        &["publish", "a.b", "--data", "1"],
        &["deliveries", "list"],
    ] {
        let output = run(&url, Some(&authority), arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
    sink.wait_for(1);
    let listening = Running::start(&url, &["listen", "--forward-to", &hook, "--ca", &ca]);
    let tailing = Running::start(&url, &["tail", "--ca", &ca]);
    for running in [&listening, &tailing] {
        until("it has connected", SOON, || {
            run(&url, Some(&authority), &["publish", "c.d", "--data", "2"]);
            running.said().contains("c.d").then_some(())
        });
    }
}

#[test]
fn who_does_not_know_the_authority_is_told_what_to_do() {
    let (home, authority) = Home::new();
    let server = home.serve();
    let url = url(&server);
    let stranger = run(&url, None, &["keys", "list"]);
    assert_eq!(stranger.status.code(), Some(1));
    let complaint = String::from_utf8_lossy(&stranger.stderr).into_owned();
    assert!(complaint.contains("--ca FILE"), "{complaint}");
    let other = Authority::new(home.0.path(), "other.pem");
    assert!(!works(&url, &other));
    assert!(works(&url, &authority));
    let plain = url.replace("https://", "http://");
    assert!(!works(&plain, &authority), "TLS and nothing else");
    let address: SocketAddr = plain.trim_start_matches("http://").parse().unwrap();
    let mut wire = Wire::open(address).unwrap();
    wire.push(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(wire.answer().is_err());
}

#[test]
fn a_new_certificate_is_taken_over_and_a_broken_one_is_not() {
    let (home, authority) = Home::new();
    let server = home.serve();
    let url = url(&server);
    assert!(works(&url, &authority));
    std::fs::write(home.path("server.pem"), "nonsense").unwrap();
    server.wait_until_it_says("the certificate before stays in use");
    let complained = server.complained();
    let named = format!("tls.certificate = \"{}\" has no", home.path("server.pem"));
    assert!(complained.contains(&named), "{complained}");
    assert!(works(&url, &authority));
    let other = Authority::new(home.0.path(), "other.pem");
    home.certify_by(&other);
    until("the new one is there", SOON, || {
        works(&url, &other).then_some(())
    });
    assert!(!works(&url, &authority));
}

#[test]
fn a_server_does_not_start_without_what_it_was_told_to_use() {
    #[track_caller]
    fn check(home: &Home, complaint: &str) {
        let (status, complained) = home.serve().ended();
        assert_eq!(status.code(), Some(1), "{complained}");
        assert!(complained.contains(complaint), "{complaint}: {complained}");
    }
    let (home, authority) = Home::new();
    let key = std::fs::read(home.path("server.key")).unwrap();
    home.certify_by(&authority);
    std::fs::write(home.path("server.key"), &key).unwrap();
    let path = home.path("server.key");
    check(
        &home,
        &format!("tls.key = \"{path}\" does not belong to the certificate"),
    );
    std::fs::write(home.path("server.key"), "nonsense").unwrap();
    check(
        &home,
        &format!("tls.key = \"{path}\" has no private key in PEM"),
    );
    std::fs::remove_file(home.path("server.key")).unwrap();
    check(&home, &format!("cannot read tls.key = \"{path}\""));
}
