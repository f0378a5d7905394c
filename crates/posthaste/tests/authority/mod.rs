//! Certificates of a test's own, and names that are all this machine.
#![allow(dead_code)] // each test binary takes what it needs

use std::{io, sync::Arc, time::Duration};

use posthaste::{
    egress::{Answers, EgressRules, Resolver},
    transport::http::{CertificateDer, HttpConfig, HttpTransport, Limits},
};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;

pub const NAME: &str = "hooks.example.test";
/// Long enough for whatever is expected to happen.
pub const AMPLE: Duration = Duration::from_secs(20);

/// Every name is this machine.
pub struct Here;

#[async_trait::async_trait]
impl Resolver for Here {
    async fn resolve(&self, _: &str) -> io::Result<Answers> {
        let addresses = vec!["127.0.0.1".parse().unwrap()];
        Ok(Answers {
            addresses,
            aliases: 0,
        })
    }
}

/// A certificate authority of a test's own.
pub struct Authority {
    pub certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate, and its key.
pub struct Identity {
    pub certificate: Certificate,
    pub pair: KeyPair,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    pub fn root(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    pub fn certify(&self, params: &CertificateParams) -> Identity {
        let pair = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&pair, &self.issuer).unwrap();
        Identity { certificate, pair }
    }
}

impl Identity {
    pub fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.pair.serialize_der().into())
    }
}

pub fn named(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).unwrap()
}

/// Trusts these beside the public authorities, and finds every name here.
pub fn transport(roots: &[&Authority]) -> HttpTransport {
    HttpTransport::new(HttpConfig {
        rules: Arc::new(EgressRules::dev()),
        resolver: Arc::new(Here),
        extra_roots: roots.iter().map(|authority| authority.root()).collect(),
        limits: Limits {
            tls: Duration::from_secs(10),
            ..Limits::default()
        },
        ..HttpConfig::default()
    })
    .unwrap()
}
