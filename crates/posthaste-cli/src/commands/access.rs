//! What a receiver asks for beside a signature, from the command line. A secret may stand in a file
//! or come from stdin, so that it shows in no list of processes and in no shell's history.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::usage;

/// Headers, credentials and TLS.
#[derive(Args, Debug, Default)]
pub struct Access {
    /// A header of its own with every request, shown to whoever may read the subscription; may be
    /// repeated. Those that are given are all; none alone takes them away
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// The same, and its value is shown to nobody. @FILE or @- (stdin) as the value reads it there
    #[arg(long, value_name = "NAME: VALUE")]
    secret_header: Vec<String>,
    /// HTTP Basic credentials; @FILE or @- as the password reads it there
    #[arg(long, value_name = "USER:PASSWORD", conflicts_with = "bearer")]
    basic: Option<String>,
    /// A bearer token; @FILE or @- reads it there
    #[arg(long, value_name = "TOKEN")]
    bearer: Option<String>,
    /// Neither of the two
    #[arg(long, conflicts_with_all = ["basic", "bearer"])]
    no_auth: bool,
    /// Trust these certificate authorities (PEM), and no others. The TLS settings that are given
    /// are all
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Show this certificate (PEM) to the receiver
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// Its key (PEM), not encrypted
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// The public authorities again, and no certificate
    #[arg(long, conflicts_with_all = ["ca_file", "client_cert", "client_key"])]
    no_tls: bool,
}

impl Access {
    pub fn members(&self) -> anyhow::Result<Map<String, Value>> {
        let members = [
            ("headers", self.headers()?),
            ("auth", self.auth()?),
            ("tls", self.tls()?),
        ];
        let members = members.into_iter();
        Ok(members
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect())
    }

    fn headers(&self) -> anyhow::Result<Option<Value>> {
        if self.header.is_empty() && self.secret_header.is_empty() {
            return Ok(None);
        }
        if self.header == ["none"] && self.secret_header.is_empty() {
            return Ok(Some(json!({})));
        }
        let mut headers = Map::new();
        for line in &self.header {
            let (name, value) = pair("--header", line)?;
            headers.insert(name.to_owned(), value.into());
        }
        for line in &self.secret_header {
            let (name, value) = pair("--secret-header", line)?;
            headers.insert(name.to_owned(), json!({"secret": secret(value)?}));
        }
        Ok(Some(headers.into()))
    }

    fn auth(&self) -> anyhow::Result<Option<Value>> {
        if self.no_auth {
            return Ok(Some(Value::Null));
        }
        if let Some(token) = &self.bearer {
            return Ok(Some(json!({"bearer": secret(token)?})));
        }
        let Some(basic) = &self.basic else {
            return Ok(None);
        };
        let expected = || usage("--basic: expected USER:PASSWORD, or USER:@FILE");
        let (username, password) = basic.split_once(':').ok_or_else(expected)?;
        let password = secret(password)?;
        Ok(Some(
            json!({"basic": {"username": username, "password": password}}),
        ))
    }

    fn tls(&self) -> anyhow::Result<Option<Value>> {
        if self.no_tls {
            return Ok(Some(Value::Null));
        }
        let files = [
            ("ca_pem", &self.ca_file),
            ("client_cert_pem", &self.client_cert),
            ("client_key_pem", &self.client_key),
        ];
        let mut tls = Map::new();
        for (name, file) in files {
            if let Some(file) = file {
                tls.insert(name.to_owned(), read(file)?.into());
            }
        }
        Ok((!tls.is_empty()).then_some(tls.into()))
    }
}

/// What someone gave as a secret: itself, or where it stands.
pub fn secret(given: &str) -> anyhow::Result<String> {
    let Some(place) = given.strip_prefix('@') else {
        return Ok(given.to_owned());
    };
    let mut text = String::new();
    match place {
        "-" => {
            let read = std::io::stdin().read_to_string(&mut text);
            read.context("cannot read stdin")?;
        }
        file => text = read(Path::new(file))?,
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The value is not said: it may be a secret.
fn pair<'a>(flag: &str, line: &'a str) -> anyhow::Result<(&'a str, &'a str)> {
    let expected = || usage(format!("{flag}: expected NAME: VALUE"));
    let (name, value) = line.split_once(':').ok_or_else(expected)?;
    Ok((name.trim(), value.trim()))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(access: &Access, expected: &Value) {
        assert_eq!(&Value::from(access.members().unwrap()), expected);
    }

    fn texts(lines: &[&str]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_not_given_is_not_said() {
        check(&Access::default(), &json!({}));
    }

    #[test]
    fn headers_are_all_that_are_given_or_none() {
        let header = texts(&["X-Team: blue:green"]);
        let secret_header = texts(&["X-Key:sesame"]);
        let access = Access {
            header,
            secret_header,
            ..Access::default()
        };
        let expected = json!({"X-Team": "blue:green", "X-Key": {"secret": "sesame"}});
        check(&access, &json!({"headers": expected}));
        let header = texts(&["none"]);
        check(
            &Access {
                header,
                ..Access::default()
            },
            &json!({"headers": {}}),
        );
        let header = texts(&["no colon"]);
        assert!(
            Access {
                header,
                ..Access::default()
            }
            .members()
            .is_err()
        );
    }

    #[test]
    fn a_secret_may_stand_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "se:same\n").unwrap();
        let place = format!("@{}", file.path().display());
        let basic = Some(format!("ada:{place}"));
        let auth = json!({"basic": {"username": "ada", "password": "se:same"}});
        check(
            &Access {
                basic,
                ..Access::default()
            },
            &json!({"auth": auth}),
        );
        let bearer = Some(place);
        check(
            &Access {
                bearer,
                ..Access::default()
            },
            &json!({"auth": {"bearer": "se:same"}}),
        );
        assert!(secret("@/nowhere/at/all").is_err());
    }

    #[test]
    fn what_is_taken_away_is_null() {
        let access = Access {
            no_auth: true,
            no_tls: true,
            ..Access::default()
        };
        check(&access, &json!({"auth": null, "tls": null}));
    }
}
