//! What is wrong with a form, by its fields.

use posthaste_engine::operations::{OperationError, batching::Unfit};

use crate::query::Query;

/// What is wrong, in the order in which it was found. The field of what belongs to none is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrongs(Vec<(String, String)>);

impl Wrongs {
    pub(crate) fn add(&mut self, field: &str, what: impl ToString) {
        self.0.push((field.to_owned(), what.to_string()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Of one field, as one text.
    pub(crate) fn of(&self, field: &str) -> Option<String> {
        let found: Vec<&str> = self.named(field).collect();
        (!found.is_empty()).then(|| found.join("; "))
    }

    fn named<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(known, _)| known == field);
        named.map(|(_, what)| what.as_str())
    }

    /// Whether one of these fields has one: what they are folded into is shown open.
    pub(crate) fn any(&self, fields: &[&str]) -> bool {
        fields
            .iter()
            .any(|field| self.named(field).next().is_some())
    }

    /// Every one, for the list above the form.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(field, what)| (field.as_str(), what.as_str()))
    }

    /// What an operation refused, where it is something that a field says. Else the error is handed
    /// back.
    pub(crate) fn refused(error: OperationError, form: &Query) -> Result<Self, OperationError> {
        let mut wrongs = Self::default();
        match &error {
            OperationError::Exists { what } => wrongs.add(what, "another one has it"),
            OperationError::Unfit(Unfit::Limits) => wrongs.add("mode", &error),
            OperationError::Unfit(Unfit::Format { .. }) => wrongs.add("format", &error),
            OperationError::Unsendable(why) => wrongs.add(field_of(&why.pointer()), why),
            OperationError::Unsignable(why) => wrongs.add(field_of(why.pointer()), why),
            OperationError::RotationUnderWay { .. } => wrongs.add("algorithm", &error),
            OperationError::UnsupportedTypes(places) => {
                let events: Vec<&str> = events(form).collect();
                for place in places {
                    let name = events.get(*place).copied().unwrap_or_default();
                    wrongs.add("events", format!("{name} is not in the catalogue"));
                }
            }
            OperationError::Stale | OperationError::Quota { .. } => wrongs.add("", &error),
            _ => return Err(error),
        }
        Ok(wrongs)
    }
}

/// The patterns that were typed; empty fields are none.
pub(super) fn events(form: &Query) -> impl Iterator<Item = &str> {
    let typed = form.all("events").map(str::trim);
    typed.filter(|pattern| !pattern.is_empty())
}

/// The field in which a member of the API's subscription is written.
fn field_of(pointer: &str) -> &'static str {
    match pointer
        .trim_start_matches('/')
        .split('/')
        .collect::<Vec<_>>()[..]
    {
        ["auth", "basic", ..] => "auth_password",
        ["auth", ..] => "auth_token",
        ["tls", "ca_pem"] => "ca_pem",
        ["tls", "client_cert_pem"] => "client_cert_pem",
        ["tls", "client_key_pem"] => "client_key_pem",
        ["tls", ..] => "ca_pem",
        ["headers", ..] => "headers",
        ["schemes", ..] => "schemes",
        ["algorithm", ..] => "algorithm",
        ["secret", ..] => "secret",
        _ => "",
    }
}
