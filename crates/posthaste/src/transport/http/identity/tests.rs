use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};

use super::*;
use crate::signature::Secret;

/// In the middle of the certificates' time.
fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

struct Made {
    pem: String,
    key: String,
}

fn made(change: impl FnOnce(&mut CertificateParams)) -> Made {
    let mut params = CertificateParams::new([]).unwrap();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Made {
        pem: certificate.pem(),
        key: key.serialize_pem(),
    }
}

fn client(cert_pem: &str, key_pem: &str) -> TlsSettings {
    TlsSettings {
        ca_pem: None,
        client: Some(ClientCertificate {
            cert_pem: cert_pem.to_owned(),
            key_pem: Secret::trusted(key_pem.to_owned()),
        }),
    }
}

fn authority(pem: &str) -> TlsSettings {
    let ca_pem = Some(pem.to_owned());
    TlsSettings {
        ca_pem,
        ..TlsSettings::default()
    }
}

#[track_caller]
fn check(settings: &TlsSettings, member: &str, code: &str) {
    let read = TlsIdentity::new(settings).and_then(|identity| identity.check_dates(now()));
    let fault = read.expect_err("a fault");
    let found = (fault.member().as_str(), fault.code());
    assert_eq!(found, (member, code), "{fault}");
}

#[test]
fn a_certificate_and_its_key_are_an_identity() {
    let one = made(|_| ());
    let settings = client(&one.pem, &one.key);
    let identity = TlsIdentity::new(&settings).unwrap();
    assert_eq!(identity.check_dates(now()), Ok(()));
    let again = TlsIdentity::new(&settings).unwrap();
    assert_eq!(identity.digest(), again.digest());
    assert!(!format!("{identity:?} {settings:?}").contains("PRIVATE"));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let (one, other) = (made(|_| ()), made(|_| ()));
    check(
        &client(&one.pem, &other.key),
        "client_key_pem",
        "key_mismatch",
    );
    check(
        &client(&one.pem, &one.pem),
        "client_key_pem",
        "invalid_private_key",
    );
    check(
        &client(&one.pem, ""),
        "client_key_pem",
        "invalid_private_key",
    );
    let encrypted = one.key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    check(
        &client(&one.pem, &encrypted),
        "client_key_pem",
        "invalid_private_key",
    );
    check(
        &client("", &one.key),
        "client_cert_pem",
        "invalid_certificate",
    );
    let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    check(
        &client(junk, &one.key),
        "client_cert_pem",
        "invalid_certificate",
    );
    check(&authority(junk), "ca_pem", "invalid_certificate");
    check(
        &authority("nothing at all"),
        "ca_pem",
        "invalid_certificate",
    );
}

#[test]
fn a_key_where_it_would_be_shown_is_refused() {
    let one = made(|_| ());
    let both = one.pem.clone() + &one.key;
    let code = "private_key_in_certificate";
    check(&client(&both, &one.key), "client_cert_pem", code);
    check(&authority(&both), "ca_pem", code);
}

#[test]
fn a_client_certificate_has_to_be_of_today() {
    let over = made(|params| params.not_after = date_time_ymd(2026, 5, 31));
    check(
        &client(&over.pem, &over.key),
        "client_cert_pem",
        "certificate_expired",
    );
    let early = made(|params| params.not_before = date_time_ymd(2026, 6, 2));
    let code = "certificate_not_yet_valid";
    check(&client(&early.pem, &early.key), "client_cert_pem", code);
    assert!(
        TlsIdentity::new(&client(&over.pem, &over.key)).is_ok(),
        "as it is stored"
    );
}

#[test]
fn an_authority_is_trusted_whatever_its_dates() {
    let authority_of = |year| {
        made(|params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.not_after = date_time_ymd(year, 2, 1);
        })
    };
    let two = authority_of(2026).pem + &authority_of(2030).pem;
    let identity = TlsIdentity::new(&authority(&two)).unwrap();
    assert_eq!(identity.check_dates(now()), Ok(()));
    assert_eq!(identity.roots.unwrap().len(), 2);
}
