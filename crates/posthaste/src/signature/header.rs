//! The headers that carry signatures: their names, and how strictly they are read.
//!
//! Nothing here knows a key. What is malformed is skipped or refused, and never panics.

use data_encoding::HEXLOWER_PERMISSIVE;

use super::{VerifyFault, XWebhookHash};

/// What a receiver dedups by; it is part of what Standard Webhooks signs.
pub const WEBHOOK_ID: &str = "webhook-id";
/// Unix seconds of the attempt.
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
/// The signatures of Standard Webhooks, with a space between.
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";
/// `t=<timestamp>,v1=<hex>`.
pub const X_PT_SIGNATURE: &str = "x-pt-signature";
/// `sha256=<hex>`; with the old secret during a rotation.
pub const X_WEBHOOK_SIGNATURE: &str = "x-webhook-signature";
/// The same with the new secret, during a rotation.
pub const X_WEBHOOK_SIGNATURE_NEXT: &str = "x-webhook-signature-next";

/// The one value of a header, its name in any case; none where it is absent.
pub(super) fn find<'a, N: AsRef<str>, V: AsRef<str>>(
    headers: &'a [(N, V)],
    name: &'static str,
) -> Result<Option<&'a str>, VerifyFault> {
    let mut values = headers
        .iter()
        .filter(|(found, _)| found.as_ref().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_ref());
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(VerifyFault::RepeatedHeader(name)),
        (value, None) => Ok(value),
    }
}

/// The one value of a header that has to be there.
pub(super) fn require<'a, N: AsRef<str>, V: AsRef<str>>(
    headers: &'a [(N, V)],
    name: &'static str,
) -> Result<&'a str, VerifyFault> {
    find(headers, name)?.ok_or(VerifyFault::MissingHeader(name))
}

/// Unix seconds as decimal digits alone: no sign, no leading zero.
pub(super) fn unix_seconds(text: &str) -> Option<i64> {
    let digits = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The values of one version in a `webhook-signature`; other entries and junk are skipped.
pub(super) fn of_version<'a>(header: &'a str, version: &str) -> impl Iterator<Item = &'a str> {
    let entries = header.split(' ').filter_map(|entry| entry.split_once(','));
    entries.filter_map(move |(found, value)| (found == version).then_some(value))
}

/// An `X-PT-Signature`, read.
pub(super) struct PtSignature<'a> {
    /// Ten digits: without a separator behind it, nothing else ends it.
    pub(super) timestamp: &'a str,
    /// The `v1` that are hex; others are skipped.
    pub(super) signatures: Vec<Vec<u8>>,
}

impl<'a> PtSignature<'a> {
    /// Pairs in any order, white space after a comma allowed, unknown names ignored.
    pub(super) fn read(header: &'a str) -> Result<Self, VerifyFault> {
        let (mut timestamps, mut signatures) = (Vec::new(), Vec::new());
        for pair in header.split(',') {
            match pair.trim_matches([' ', '\t']).split_once('=') {
                Some(("t", value)) => timestamps.push(value),
                Some(("v1", value)) => signatures.extend(hex(value)),
                _ => {}
            }
        }
        match timestamps[..] {
            [timestamp] if timestamp.len() == 10 => Ok(Self {
                timestamp,
                signatures,
            }),
            _ => Err(VerifyFault::Timestamp),
        }
    }
}

/// The signature in an `X-Webhook-Signature`: `<hash>=<hex>`.
pub(super) fn x_webhook(header: &str, hash: XWebhookHash) -> Option<Vec<u8>> {
    hex(header.strip_prefix(hash.prefix())?.strip_prefix('=')?)
}

/// The bytes that hex stands for, in any case.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_digits_alone() {
        assert_eq!(unix_seconds("1700000000"), Some(1_700_000_000));
        for bad in [
            "",
            "0",
            "01",
            "+1",
            "-1",
            "1.0",
            "1 ",
            "٣",
            "99999999999999999999",
        ] {
            assert_eq!(unix_seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_header_is_found_in_any_case_and_only_once() {
        let headers = [("Webhook-Id", "a"), ("X", "b"), ("x", "c")];
        assert_eq!(find(&headers, "webhook-id"), Ok(Some("a")));
        assert_eq!(find(&headers, "y"), Ok(None));
        assert_eq!(find(&headers, "x"), Err(VerifyFault::RepeatedHeader("x")));
        assert_eq!(require(&headers, "y"), Err(VerifyFault::MissingHeader("y")));
    }
}
