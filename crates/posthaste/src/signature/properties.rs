//! Signing and verifying, on secrets, bodies and headers made at random.

use proptest::prelude::*;

use super::{
    Scheme, Secret, Secrets, Signer, SigningKey, VerifyFault, XWebhookHash, header, verify,
};
use crate::{clock::Timestamp, transport::Headers};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_999);
const SIGNATURES: [&str; 3] = [
    header::WEBHOOK_SIGNATURE,
    header::X_PT_SIGNATURE,
    header::X_WEBHOOK_SIGNATURE,
];

fn signed(hash: XWebhookHash, secrets: &Secrets, body: &[u8]) -> Headers {
    let mut headers = Headers::new();
    let signer = Signer::new(Scheme::ALL, hash, secrets);
    signer.headers("evt_1", NOW.unix_seconds(), NOW, body, &mut headers);
    headers
}

fn hash() -> impl Strategy<Value = XWebhookHash> {
    prop_oneof![Just(XWebhookHash::Sha256), Just(XWebhookHash::Sha512)]
}

fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{1,40}".prop_filter("reads as another kind of key", |s| !s.starts_with("wh")),
        any::<[u8; 32]>().prop_map(|key| format!("whsec_{}", data_encoding::BASE64.encode(&key))),
    ]
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_a_flipped_bit_does_not(
        hash in hash(),
        secret in secret(),
        mut body in prop::collection::vec(any::<u8>(), 0..200),
        bit in any::<prop::sample::Index>(),
    ) {
        let secrets = Secrets::new(Secret::trusted(secret.clone()));
        let headers = signed(hash, &secrets, &body);
        for &scheme in Scheme::ALL {
            prop_assert_eq!(verify(scheme, hash, &secret, &headers, &body, NOW), Ok(()));
        }
        if body.is_empty() {
            body.push(0);
        } else {
            let bit = bit.index(body.len() * 8);
            body[bit / 8] ^= 1 << (bit % 8);
        }
        for &scheme in Scheme::ALL {
            let found = verify(scheme, hash, &secret, &headers, &body, NOW);
            prop_assert_eq!(found, Err(VerifyFault::Mismatch));
        }
    }

    #[test]
    fn a_flipped_bit_in_a_signature_never_verifies(
        hash in hash(),
        bit in any::<prop::sample::Index>(),
    ) {
        let secret = "a secret of some bytes";
        let headers = signed(hash, &Secrets::new(Secret::trusted(secret.into())), b"{}");
        for (&scheme, name) in Scheme::ALL.iter().zip(SIGNATURES) {
            let mut headers = headers.clone();
            let (_, value) = headers.iter_mut().find(|(found, _)| found == name).unwrap();
            let mut bytes = value.clone().into_bytes();
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let flipped = String::from_utf8_lossy(&bytes).into_owned();
            // Hex means the same in either case.
            prop_assume!(!flipped.eq_ignore_ascii_case(value) || scheme == Scheme::Standard);
            *value = flipped;
            let found = verify(scheme, hash, secret, &headers, b"{}", NOW);
            prop_assert!(found.is_err());
        }
    }

    #[test]
    fn a_key_pair_signs_what_its_public_half_verifies(
        seed in any::<[u8; 32]>(),
        mut body in prop::collection::vec(any::<u8>(), 1..100),
        at in any::<prop::sample::Index>(),
    ) {
        let whsk = format!("whsk_{}", data_encoding::BASE64.encode(&seed));
        let key: SigningKey = whsk.parse().unwrap();
        let public = key.public_key().to_string();
        let headers = [
            (header::WEBHOOK_ID, "evt_1".to_owned()),
            (header::WEBHOOK_TIMESTAMP, NOW.unix_seconds().to_string()),
            (header::WEBHOOK_SIGNATURE, key.sign("evt_1", NOW.unix_seconds(), &body)),
        ];
        let judge = |secret: &str, body: &[u8]| {
            verify(Scheme::Standard, XWebhookHash::Sha256, secret, &headers, body, NOW)
        };
        prop_assert_eq!(judge(&public, &body), Ok(()));
        prop_assert_eq!(judge(&whsk, &body), Ok(()));
        let at = at.index(body.len());
        body[at] ^= 1;
        prop_assert_eq!(judge(&public, &body), Err(VerifyFault::Mismatch));
    }

    #[test]
    fn no_header_or_secret_makes_a_verifier_panic(
        hash in hash(),
        secret in "(wh(sec|pk|sk)_)?[A-Za-z0-9+/=é]{0,90}",
        id in ".{0,8}",
        time in "[0-9+. ]{0,22}",
        value in "((v1a?|t|v1|sha256)?[,= ]{0,2}[A-Za-z0-9+/=é]{0,90}[ ,]?){0,4}",
    ) {
        let mut headers = vec![(header::WEBHOOK_ID, id), (header::WEBHOOK_TIMESTAMP, time)];
        headers.extend(SIGNATURES.map(|name| (name, value.clone())));
        for &scheme in Scheme::ALL {
            let found = verify(scheme, hash, &secret, &headers, b"body", NOW);
            prop_assert!(found.is_err());
        }
    }
}

#[test]
fn during_a_rotation_both_secrets_verify_and_x_webhook_keeps_the_old_one() {
    let until = Timestamp::from_millis(NOW.as_millis() + 1);
    let [old, new] = ["the secret before", "the secret after"].map(|s| Secret::trusted(s.into()));
    let secrets = Secrets::new(old.clone()).rotated(new.clone(), until);
    let headers = signed(XWebhookHash::Sha512, &secrets, b"{}");
    for secret in [&old, &new] {
        for &scheme in Scheme::ALL {
            let secret = secret.expose();
            let found = verify(scheme, XWebhookHash::Sha512, secret, &headers, b"{}", NOW);
            assert_eq!(found, Ok(()), "{scheme:?}");
        }
    }
    let value = |name: &str| headers.iter().find(|(n, _)| n == name).unwrap().1.clone();
    let alone =
        |secret: &Secret| signed(XWebhookHash::Sha512, &Secrets::new(secret.clone()), b"{}");
    assert_eq!(
        value(header::X_WEBHOOK_SIGNATURE),
        alone(&old).last().unwrap().1
    );
    assert_eq!(
        value(header::X_WEBHOOK_SIGNATURE_NEXT),
        alone(&new).last().unwrap().1
    );

    let over = Secrets {
        previous: Some((old, NOW)),
        ..Secrets::new(new.clone())
    };
    assert_eq!(
        signed(XWebhookHash::Sha512, &over, b"{}"),
        alone(&new),
        "the overlap has ended"
    );
}

#[test]
fn a_request_carries_the_schemes_that_were_asked_for_and_always_its_id() {
    let secrets = Secrets::new(Secret::generate());
    let names = |schemes: &[Scheme]| {
        let mut headers = Headers::new();
        let signer = Signer::new(schemes, XWebhookHash::Sha256, &secrets);
        signer.headers("evt_1", 1_700_000_000, NOW, b"", &mut headers);
        headers
            .into_iter()
            .map(|(name, _)| name.into_owned())
            .collect::<Vec<_>>()
    };
    let always = [header::WEBHOOK_ID, header::WEBHOOK_TIMESTAMP];
    assert_eq!(names(&[]), always);
    for (&scheme, name) in Scheme::ALL.iter().zip(SIGNATURES) {
        assert_eq!(names(&[scheme]), [&always[..], &[name]].concat());
    }
    assert_eq!(names(Scheme::ALL), [&always[..], &SIGNATURES].concat());
}
