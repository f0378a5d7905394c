//! The ways in which signing and verifying usually miss each other: other bytes of the body, another
//! reading of the secret, another scheme's construction, another encoding. Each is tried, alone and
//! then two together; nothing here is ever taken for a valid signature.

use std::borrow::Cow;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use zeroize::Zeroizing;

use super::{Scheme, XWebhookHash, header::hex, mac::Keyed};
use crate::json;

/// Misses that are tried together at most.
const TOGETHER: usize = 2;
/// A body over this is tried with one miss at a time, so that trying stays short.
const TOGETHER_BYTES_MAX: usize = 64 * 1024;
/// How deep JSON may nest that is written again.
const JSON_DEPTH: usize = json::DEPTH_MAX;

/// A token is split no further behind: base64 has `=` at its end.
const PREFIX_MAX: usize = 8;

/// A value, and what is different about it; none where it is as the scheme has it.
pub(super) type Variant<T> = (Option<String>, T);

fn other<T>(what: impl Into<String>, value: T) -> Variant<T> {
    (Some(what.into()), value)
}

/// What the request says, as far as it says it.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub scheme: Scheme,
    pub hash: XWebhookHash,
    pub secret: &'a str,
    pub id: Option<&'a str>,
    pub timestamp: Option<&'a str>,
    pub body: &'a [u8],
}

impl Parts<'_> {
    /// With what the signature would be right, if that is found.
    pub(super) fn found(&self, signatures: &[Variant<Vec<u8>>]) -> Option<Vec<String>> {
        let together = match self.body.len() {
            0..=TOGETHER_BYTES_MAX => TOGETHER,
            _ => 1,
        };
        let search = Search {
            of: *self,
            bodies: bodies(self.body),
            contents: self.contents(),
            signatures,
        };
        let (keys, hashes) = (self.keys(), self.hashes());
        let under = |key: &Variant<Zeroizing<Vec<u8>>>, misses| {
            let found = hashes.iter().map(|(for_hash, hash)| {
                let whats = [&key.0, for_hash].into_iter().flatten().cloned();
                let whats: Vec<String> = whats.collect();
                search.under(&Keyed::new(*hash, &key.1), &whats, misses)
            });
            found.flatten().next()
        };
        (1..=together).find_map(|misses| keys.iter().find_map(|key| under(key, misses)))
    }

    fn hashes(&self) -> Vec<Variant<XWebhookHash>> {
        let own = match self.scheme {
            Scheme::XWebhook => self.hash,
            Scheme::Standard | Scheme::Pt => XWebhookHash::Sha256,
        };
        let not = match own {
            XWebhookHash::Sha256 => other("with SHA-512 instead of SHA-256", XWebhookHash::Sha512),
            XWebhookHash::Sha512 => other("with SHA-256 instead of SHA-512", XWebhookHash::Sha256),
        };
        vec![(None, own), not]
    }

    /// The scheme's own reading of the secret first.
    fn keys(&self) -> Vec<Variant<Zeroizing<Vec<u8>>>> {
        let trimmed = self.secret.trim();
        let mut keys = vec![(None, self.own_key(self.secret))];
        if trimmed != self.secret {
            let what = "with the white space around the secret taken off";
            keys.push(other(what, self.own_key(trimmed)));
        }
        let misread = match trimmed.strip_prefix("whsec_") {
            Some(behind) => self.misread(trimmed, behind),
            None => self.misread_plain(trimmed),
        };
        let misread = misread.into_iter();
        keys.extend(misread.filter_map(|(what, key)| Some(other(what, Zeroizing::new(key?)))));
        keys
    }

    /// How a secret with `whsec_` is misread.
    fn misread(&self, secret: &str, behind: &str) -> Vec<(String, Option<Vec<u8>>)> {
        let (as_other, key, because) = match self.scheme {
            Scheme::Standard => (
                "the secret's text",
                Some(secret.as_bytes().to_vec()),
                "standard takes the base64-decoded bytes behind whsec_",
            ),
            Scheme::Pt | Scheme::XWebhook => (
                "the base64-decoded bytes behind whsec_",
                base64(behind),
                "this scheme takes the whole text as it is shown",
            ),
        };
        let text = Some(behind.as_bytes().to_vec());
        vec![
            (format!("with {as_other} as the key ({because})"), key),
            (
                format!("with the text behind whsec_ as the key ({because})"),
                text,
            ),
        ]
    }

    /// How a secret without it is misread.
    fn misread_plain(&self, secret: &str) -> Vec<(String, Option<Vec<u8>>)> {
        let because = "a secret without whsec_ is its own bytes";
        let whole = self.own_key(&format!("whsec_{secret}")).to_vec();
        vec![
            ("with whsec_ before the secret".to_owned(), Some(whole)),
            (
                format!("with the base64-decoded secret as the key ({because})"),
                base64(secret),
            ),
            (
                format!("with the hex-decoded secret as the key ({because})"),
                hex(secret),
            ),
        ]
    }

    fn own_key(&self, secret: &str) -> Zeroizing<Vec<u8>> {
        let decoded = secret.strip_prefix("whsec_").and_then(base64);
        Zeroizing::new(match (self.scheme, decoded) {
            (Scheme::Standard, Some(key)) => key,
            _ => secret.as_bytes().to_vec(),
        })
    }

    fn contents(&self) -> Vec<Variant<Content>> {
        let own = match self.scheme {
            Scheme::Standard => Content::Standard,
            Scheme::Pt => Content::Pt,
            Scheme::XWebhook => Content::Body,
        };
        let name = self.scheme.as_str();
        let variant = |content: &Content| match *content == own {
            true => (None, own),
            false => {
                let (signed, signs) = (content.shown(), own.shown());
                let what = format!("as a signature of {signed} ({name} signs {signs})");
                other(what, *content)
            }
        };
        Content::ALL.iter().map(variant).collect()
    }
}

/// What is tried under each key.
struct Search<'a> {
    of: Parts<'a>,
    bodies: Vec<Variant<Cow<'a, [u8]>>>,
    contents: Vec<Variant<Content>>,
    signatures: &'a [Variant<Vec<u8>>],
}

impl Search<'_> {
    /// What is different where a signature is right, with `whats` among it, and so much at most.
    fn under(&self, keyed: &Keyed, whats: &[String], at_most: usize) -> Option<Vec<String>> {
        for (for_content, content) in &self.contents {
            for (for_body, body) in &self.bodies {
                let mut all = whats.to_vec();
                all.extend([for_content, for_body].into_iter().flatten().cloned());
                if all.len() > at_most {
                    continue;
                }
                if let Some(for_signature) = self.right(keyed, *content, body) {
                    all.extend(for_signature.clone());
                    if all.len() <= at_most {
                        return Some(all);
                    }
                }
            }
        }
        None
    }

    /// What is different about the signature that is the right one of these.
    fn right(&self, keyed: &Keyed, content: Content, body: &[u8]) -> Option<&Option<String>> {
        let parts = content.parts(&self.of, body)?;
        let tag = keyed.tag(&parts);
        let mut signatures = self.signatures.iter();
        let right = signatures.find(|(_, signature)| tag.is(signature));
        right.map(|(what, _)| what)
    }
}

/// What is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Standard,
    Pt,
    Dotted,
    Body,
}

impl Content {
    const ALL: &[Self] = &[Self::Standard, Self::Pt, Self::Dotted, Self::Body];

    fn shown(self) -> &'static str {
        match self {
            Self::Standard => "{id}.{timestamp}.{body}",
            Self::Pt => "{timestamp}{body}, without a separator",
            Self::Dotted => "{timestamp}.{body}",
            Self::Body => "{body} alone",
        }
    }

    fn parts<'b>(self, of: &Parts<'b>, body: &'b [u8]) -> Option<Vec<&'b [u8]>> {
        let (id, time) = (of.id.map(str::as_bytes), of.timestamp.map(str::as_bytes));
        Some(match self {
            Self::Standard => vec![id?, b".", time?, b".", body],
            Self::Pt => vec![time?, body],
            Self::Dotted => vec![time?, b".", body],
            Self::Body => vec![body],
        })
    }
}

/// The body as it is, and as it may have been before something touched it.
fn bodies(body: &[u8]) -> Vec<Variant<Cow<'_, [u8]>>> {
    let mut bodies = vec![(None, Cow::Borrowed(body))];
    let mut add = |what: &str, changed: Cow<'_, [u8]>| {
        if *changed != *body {
            bodies.push(other(what, Cow::Owned(changed.into_owned())));
        }
    };
    let line = body.strip_suffix(b"\n").unwrap_or(body);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    add("without the newline at the body's end", line.into());
    add(
        "with a newline at the body's end",
        [body, b"\n"].concat().into(),
    );
    let marked = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    add("without the byte order mark before the body", marked.into());
    if let Ok(text) = std::str::from_utf8(body) {
        let lines = text.replace("\r\n", "\n");
        let crlf = lines.replace('\n', "\r\n");
        add("with the body's line ends as LF", lines.into_bytes().into());
        add(
            "with the body's line ends as CRLF",
            crlf.into_bytes().into(),
        );
    }
    if json::check(marked, JSON_DEPTH).is_ok() {
        const AGAIN: &str = "(it was parsed and written again: verify the bytes as they came)";
        let compact = format!("with the body's JSON in compact form {AGAIN}");
        add(&compact, compacted(marked).into());
        let sorted = format!("with the body's JSON in compact form, its keys sorted {AGAIN}");
        add(&sorted, json::sorted(marked).into());
    }
    bodies
}

/// JSON without the white space between its tokens.
fn compacted(json: &[u8]) -> Vec<u8> {
    let (mut quoted, mut escaped) = (false, false);
    let keeps = |&byte: &u8| {
        let keeps = quoted || !byte.is_ascii_whitespace();
        quoted ^= byte == b'"' && !escaped;
        escaped = quoted && byte == b'\\' && !escaped;
        keeps
    };
    json.iter().copied().filter(keeps).collect()
}

/// The bytes that base64 stands for, in either alphabet, padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    let unpadded = text.trim_end_matches('=').as_bytes();
    let plain = BASE64_NOPAD.decode(unpadded);
    plain.or_else(|_| BASE64URL_NOPAD.decode(unpadded)).ok()
}

/// Whatever in a header could be a signature, however it is written.
pub(super) fn signatures(
    scheme: Scheme,
    hash: XWebhookHash,
    header: &str,
) -> Vec<Variant<Vec<u8>>> {
    let (encoding, before) = match scheme {
        Scheme::Standard => ("base64", "v1,".to_owned()),
        Scheme::Pt => ("hex", "v1=".to_owned()),
        Scheme::XWebhook => ("hex", format!("{}=", hash.prefix())),
    };
    let name = scheme.as_str();
    let variant = |(prefix, found, bytes): (&str, &str, Vec<u8>)| {
        let own = found == encoding && prefix == before;
        let what = match found == encoding {
            true => format!("with {before} before the signature"),
            false => format!("with its header read as {found} ({name} writes {encoding})"),
        };
        ((!own).then_some(what), bytes)
    };
    let entries = header
        .split([' ', '\t'])
        .flat_map(|entry| tokens(scheme, entry));
    let read = entries.filter_map(|(prefix, value)| {
        let (encoding, bytes) = decoded(value)?;
        Some((prefix, encoding, bytes))
    });
    read.map(variant).collect()
}

/// The values of an entry, each with what stands before it: `v1,` or `v1=`.
fn tokens<'a>(scheme: Scheme, entry: &'a str) -> Vec<(&'a str, &'a str)> {
    let separator = if scheme == Scheme::Standard { ',' } else { '=' };
    let parted = |token: &'a str| {
        let short = token.find(separator).filter(|at| *at < PREFIX_MAX);
        token.split_at(short.map_or(0, |at| at + 1))
    };
    match scheme {
        Scheme::Standard => vec![parted(entry)],
        Scheme::Pt | Scheme::XWebhook => entry.split(',').map(parted).collect(),
    }
}

/// A signature's 32 or 64 bytes, and what they are written in.
fn decoded(text: &str) -> Option<(&'static str, Vec<u8>)> {
    let whole = |bytes: &Vec<u8>| matches!(bytes.len(), 32 | 64);
    let in_hex = hex(text).filter(whole).map(|bytes| ("hex", bytes));
    in_hex.or_else(|| base64(text).filter(whole).map(|bytes| ("base64", bytes)))
}
