//! `posthaste verify`: is this request's signature right, and if not, why? No server is asked.

use std::{io::Read, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;
use posthaste::{
    clock::{Clock, SystemClock, Timestamp},
    signature::{
        Scheme, XWebhookHash,
        header::{WEBHOOK_SIGNATURE, X_PT_SIGNATURE, X_WEBHOOK_SIGNATURE},
        verify,
    },
};
use serde_json::json;

use crate::{
    paint::{Ink, Paint},
    usage,
};

const HELP: &str = "\
Examples:
  posthaste verify --secret whsec_… -H 'X-Webhook-Signature: sha256=…' --body '{\"id\":42}'
  posthaste verify --secret-file secret.txt --headers headers.txt --file body.json
  posthaste verify --secret whsec_… --headers headers.txt --at 2026-11-21T20:36:00Z < body.json

Exit code 0 when every signature is valid, 1 when one is not. The body counts byte for byte.";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// standard, pt or x-webhook [default: all that the headers carry]
    #[arg(long, value_parser = scheme)]
    scheme: Option<Scheme>,
    /// The subscription's secret
    #[arg(long, conflicts_with = "secret_file")]
    secret: Option<String>,
    /// A file with the secret, which then stands in no shell's history
    #[arg(long, value_name = "FILE", required_unless_present = "secret")]
    secret_file: Option<PathBuf>,
    /// A header of the request; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// A file with its headers, one a line
    #[arg(long, value_name = "FILE")]
    headers: Option<PathBuf>,
    /// The request's body
    #[arg(long, conflicts_with = "file")]
    body: Option<String>,
    /// A file with the body, instead of stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Judge the timestamp as of then instead of now (RFC 3339)
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
}

fn scheme(text: &str) -> Result<Scheme, String> {
    serde_json::from_value(text.into()).map_err(|_| "expected standard, pt or x-webhook".to_owned())
}

/// The scheme's name.
pub fn name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Standard => "standard",
        Scheme::Pt => "pt",
        Scheme::XWebhook => "x-webhook",
    }
}

impl Arguments {
    pub fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let headers = self.all_headers()?;
        let schemes = self.schemes(&headers)?;
        let (secret, body) = (self.secret()?, self.body()?);
        let now = self.at.unwrap_or_else(|| SystemClock::new().wall());
        let (mut valid, paint) = (true, Paint::for_stdout());
        for scheme in schemes {
            let verified = verify(scheme, hash(&headers), &secret, &headers, &body, now);
            valid &= verified.is_ok();
            let reason = verified.as_ref().err().map(ToString::to_string);
            let name = name(scheme);
            if json {
                let valid = verified.is_ok();
                println!(
                    "{}",
                    json!({"scheme": name, "valid": valid, "reason": reason})
                );
            } else if let Some(reason) = reason {
                println!("{} {name}: {reason}", paint.ink(Ink::Red, "invalid"));
            } else {
                println!("{} {name}", paint.ink(Ink::Green, "valid"));
            }
        }
        Ok(ExitCode::from(u8::from(!valid)))
    }

    fn schemes(&self, headers: &[(String, String)]) -> anyhow::Result<Vec<Scheme>> {
        if let Some(scheme) = self.scheme {
            return Ok(vec![scheme]);
        }
        let has = |name: &str| {
            headers
                .iter()
                .any(|(found, _)| found.eq_ignore_ascii_case(name))
        };
        let carried = Scheme::ALL
            .iter()
            .copied()
            .filter(|scheme| has(carrier(*scheme)));
        let carried: Vec<_> = carried.collect();
        if carried.is_empty() {
            return Err(usage(
                "the headers carry no signature: webhook-signature, X-PT-Signature or \
                 X-Webhook-Signature",
            ));
        }
        Ok(carried)
    }

    fn all_headers(&self) -> anyhow::Result<Vec<(String, String)>> {
        let file = match &self.headers {
            Some(path) => read(path)?,
            None => Vec::new(),
        };
        let file = String::from_utf8(file).context("the headers are no text")?;
        let lines = file.lines().filter(|line| !line.trim().is_empty());
        let given = self.header.iter().map(String::as_str).chain(lines);
        given
            .map(|line| {
                let (name, value) = line
                    .split_once(':')
                    .ok_or_else(|| usage(format!("a header is NAME: VALUE, not {line:?}")))?;
                Ok((name.trim().to_owned(), value.trim().to_owned()))
            })
            .collect()
    }

    fn secret(&self) -> anyhow::Result<String> {
        let secret = match (&self.secret, &self.secret_file) {
            (Some(secret), _) => secret.clone(),
            (None, Some(file)) => {
                String::from_utf8(read(file)?).context("the secret is no text")?
            }
            (None, None) => unreachable!("clap asks for one of them"),
        };
        Ok(secret.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn body(&self) -> anyhow::Result<Vec<u8>> {
        match (&self.body, &self.file) {
            (Some(body), _) => Ok(body.clone().into_bytes()),
            (None, Some(file)) => read(file),
            (None, None) => {
                let mut body = Vec::new();
                std::io::stdin()
                    .read_to_end(&mut body)
                    .context("cannot read the body")?;
                Ok(body)
            }
        }
    }
}

/// The header by which a request carries a scheme.
fn carrier(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Standard => WEBHOOK_SIGNATURE,
        Scheme::Pt => X_PT_SIGNATURE,
        Scheme::XWebhook => X_WEBHOOK_SIGNATURE,
    }
}

/// The hash that `x-webhook` names in front of its signature.
fn hash(headers: &[(String, String)]) -> XWebhookHash {
    let own = |name: &str| name.eq_ignore_ascii_case(X_WEBHOOK_SIGNATURE);
    let is_512 = |(name, value): &(String, String)| own(name) && value.starts_with("sha512=");
    match headers.iter().any(is_512) {
        true => XWebhookHash::Sha512,
        false => XWebhookHash::Sha256,
    }
}

fn read(path: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
