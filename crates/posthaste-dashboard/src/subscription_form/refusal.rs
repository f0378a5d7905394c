//! What an operation refuses, beside the field that says it.

use posthaste_engine::operations::{OperationError, batching::Unfit};

use crate::{query::Query, wrongs::Wrongs};

/// Where it is nothing that a field says, the error is handed back.
pub(crate) fn refused(error: OperationError, form: &Query) -> Result<Wrongs, OperationError> {
    let mut wrongs = Wrongs::default();
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
        OperationError::Quota { .. } => wrongs.add("", &error),
        _ => return Err(error),
    }
    Ok(wrongs)
}

/// The patterns that were typed; empty fields are none.
pub(crate) fn events(form: &Query) -> impl Iterator<Item = &str> {
    let typed = form.all("events").map(str::trim);
    typed.filter(|pattern| !pattern.is_empty())
}

/// The field in which a member of the API's subscription is written.
fn field_of(pointer: &str) -> &'static str {
    let parts: Vec<&str> = pointer.trim_start_matches('/').split('/').collect();
    match parts[..] {
        ["auth", "basic", ..] => "auth_password",
        ["auth", ..] => "auth_token",
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
