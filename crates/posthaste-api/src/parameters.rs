//! Query parameters, read as strictly as bodies: an unknown, repeated or ill-formed one is a 422
//! that names it.

use std::{borrow::Cow, convert::Infallible, str::FromStr};

use axum::extract::FromRequestParts;
use http::request::Parts;
use posthaste::clock::Timestamp;

use crate::{
    fields::unknown,
    problem::{FieldError, Kind, Problem, shown},
    values::{Fault, Read, whole},
};

/// Items of a page when nothing is asked for.
const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 1000;
/// Faults that one query is told about.
const ERRORS_MAX: usize = 20;

/// The parameters of one request that nobody has read yet.
#[derive(Debug)]
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts.uri.query().unwrap_or("")))
    }
}

impl Parameters {
    pub(crate) fn of(query: &str) -> Self {
        let owned =
            |(name, value): (Cow<'_, str>, Cow<'_, str>)| (name.into_owned(), value.into_owned());
        Self {
            pairs: url::form_urlencoded::parse(query.as_bytes())
                .map(owned)
                .collect(),
            known: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// What pages of one list have in common: every parameter but where and how far to read.
    pub(crate) fn canonical(&self) -> Vec<(String, String)> {
        let filters = self
            .pairs
            .iter()
            .filter(|(name, _)| name != "limit" && name != "cursor");
        let mut filters: Vec<(String, String)> = filters.cloned().collect();
        filters.sort_unstable();
        filters
    }

    pub(crate) fn read<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Read<T>,
    ) -> Option<T> {
        self.known.push(name);
        let place = self.pairs.iter().position(|(key, _)| key == name)?;
        let (_, value) = self.pairs.remove(place);
        match read(&value) {
            Ok(value) => Some(value),
            Err(faults) => {
                for fault in faults {
                    self.fault(name, fault);
                }
                None
            }
        }
    }

    /// A type that reads itself from text.
    pub(crate) fn parsed<T: FromStr>(&mut self, name: &'static str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        let parse = |value: &str| {
            let parsed = value.parse();
            parsed.map_err(|error: T::Err| Fault::new("invalid", error.to_string()).into())
        };
        self.read(name, parse)
    }

    pub(crate) fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        self.parsed(name)
    }

    /// Text as it is, without hidden characters.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.read(name, |value| {
            if value.chars().any(posthaste::wording::is_hidden) {
                let detail = "control characters are not allowed";
                return Err(Fault::new("control_character", detail).into());
            }
            Ok(value.to_owned())
        })
    }

    /// One of few names.
    pub(crate) fn named<T>(
        &mut self,
        name: &'static str,
        named: impl FnOnce(&str) -> Option<T>,
        expected: impl FnOnce() -> String,
    ) -> Option<T> {
        self.read(name, |value| {
            named(value).ok_or_else(|| Fault::new("invalid", expected()).into())
        })
    }

    pub(crate) fn limit(&mut self) -> usize {
        self.limit_or(LIMIT_DEFAULT)
    }

    /// The same for a list whose pages are of another size by default.
    pub(crate) fn limit_or(&mut self, default: usize) -> usize {
        self.read("limit", whole(1, LIMIT_MAX)).unwrap_or(default)
    }

    fn fault(&mut self, name: &str, fault: Fault) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(FieldError {
                kind: Kind::Validation,
                pointer: format!("?{}", shown(name)),
                code: fault.code,
                detail: fault.detail,
            });
        }
    }

    /// Ends the request where a parameter was wrong, repeated or never asked for.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            let repeated = self.known.contains(&name.as_str());
            let fault = if repeated {
                Fault::new("repeated_parameter", format!("{name} may stand once"))
            } else {
                let detail = unknown("parameter", &name, &self.known);
                Fault::new("unknown_parameter", detail)
            };
            self.fault(&name, fault);
        }
        if self.errors.is_empty() {
            return Ok(());
        }
        Err(Problem::fields(self.errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expected: Result<usize, http::StatusCode>) {
        let mut parameters = Parameters::of(query);
        let limit = parameters.limit();
        let found = parameters.finish().map(|()| limit);
        assert_eq!(
            found.map_err(|problem| problem.status()),
            expected,
            "{query}"
        );
    }

    #[test]
    fn a_limit_is_decimal_digits_within_bounds() {
        check("", Ok(50));
        check("limit=1", Ok(1));
        check("limit=1000", Ok(1000));
        for bad in [
            "0", "-1", "1e3", "99999", "1001", "%D9%A3", "", "+1", "%201", "1.0",
        ] {
            check(
                &format!("limit={bad}"),
                Err(http::StatusCode::UNPROCESSABLE_ENTITY),
            );
        }
    }

    #[test]
    fn unknown_and_repeated_parameters_are_refused() {
        for bad in ["limit=1&limit=1", "limits=1", "limit[]=1", "x"] {
            check(bad, Err(http::StatusCode::UNPROCESSABLE_ENTITY));
        }
    }
}
