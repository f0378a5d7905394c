//! `posthaste verify`: is this request's signature right, and if not, why? No server is asked.

use std::{io::Read, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;
use posthaste::{
    clock::{Clock, SystemClock, Timestamp},
    signature::{Explanation, Scheme, XWebhookHash, explain, header::X_WEBHOOK_SIGNATURE},
};
use serde_json::json;

use crate::{
    paint::{Ink, Paint},
    stdout, usage,
};

const HELP: &str = "\
Examples:
  posthaste verify --secret whsec_… -H 'X-Webhook-Signature: sha256=…' --body '{\"id\":42}'
  posthaste verify --secret-file secret.txt --headers headers.txt --file body.json
  posthaste verify --secret whsec_… --headers headers.txt --at 2026-11-21T20:36:00Z < body.json

Exit code 0 when every signature is valid, 1 when one is not. The body counts byte for byte.
What would explain a failure stands below it: a changed line end, JSON that was written again,
another reading of the secret, another scheme.";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// standard, pt or x-webhook [default: all that the headers carry]
    #[arg(long, value_parser = scheme)]
    scheme: Option<Scheme>,
    /// The subscription's secret, or its public key (whpk_…)
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

impl Arguments {
    pub fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let headers = self.all_headers()?;
        let schemes = self.schemes(&headers)?;
        let (secret, body) = (self.secret()?, self.body()?);
        let now = self.at.unwrap_or_else(|| SystemClock::new().wall());
        let mut valid = true;
        for scheme in schemes {
            let explained = explain(scheme, hash(&headers), &secret, &headers, &body, now);
            valid &= explained.is_ok();
            let told = match json {
                true => as_json(scheme, explained.as_ref().err()),
                false => as_text(scheme, explained.as_ref().err()),
            };
            stdout::line(told)?;
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
            .filter(|scheme| has(scheme.carrier()));
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

fn as_json(scheme: Scheme, explanation: Option<&Explanation>) -> String {
    json!({
        "scheme": scheme.as_str(),
        "valid": explanation.is_none(),
        "reason": explanation.map(|why| why.fault.to_string()),
        "hints": explanation.map_or(&[][..], |why| &why.hints),
    })
    .to_string()
}

/// A line, and one more for each hint.
fn as_text(scheme: Scheme, explanation: Option<&Explanation>) -> String {
    let (name, paint) = (scheme.as_str(), Paint::for_stdout());
    let Some(why) = explanation else {
        return format!("{} {name}", paint.ink(Ink::Green, "valid"));
    };
    let mut told = format!("{} {name}: {}", paint.ink(Ink::Red, "invalid"), why.fault);
    for hint in &why.hints {
        told += &format!("\n  {}", stdout::visible(hint));
    }
    told
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
